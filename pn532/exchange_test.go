package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/transporttest"
)

// counter is a card that counts its commands and answers each with a new byte.
type counter struct {
	mu    sync.Mutex
	count int
	hold  chan struct{} // the answer waits for it, if not nil
	size  int           // of an answer
	same  bool          // every answer is the same
}

func (c *counter) Transmit(_ context.Context, _ []byte) ([]byte, error) {
	c.mu.Lock()
	c.count++
	n, hold := byte(c.count), c.hold
	if c.same {
		n = 0
	}
	c.mu.Unlock()
	if hold != nil {
		<-hold
	}
	return append(bytes.Repeat([]byte{n}, c.size), 0x91, 0x00), nil
}

func (c *counter) commands() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func (c *counter) Close() error { return nil }
func (c *counter) ATR() []byte  { return []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80} }

func counting(c *counter) *fake {
	return newFake(func(context.Context) (transporttest.Card, error) { return c, nil })
}

// An exchange whose answer does not come is unknown. It is not sent again, the
// connection is finished, and Reconnect goes on with an answer that is its own.
func TestLostAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		toChip, toHost func(frame []byte) []byte // of the exchange
		reached        int                       // the card
		cause          error
	}{
		"command lost":          {toChip: nothing, reached: 0, cause: errNoACK},
		"command cut":           {toChip: cut, reached: 0, cause: errNoACK},
		"command flipped":       {toChip: flip, reached: 0, cause: errNoACK},
		"ACK lost":              {toHost: only(frameIsACK, nothing), reached: 1, cause: errNoACK},
		"answer lost":           {toHost: only(frameIsInfo, nothing), reached: 1, cause: errNoAnswer},
		"answer cut":            {toHost: only(frameIsInfo, cut), reached: 1},
		"all is garbage":        {toHost: garbage, reached: 1, cause: errNoFrame},
		"ACK doubled":           {toHost: only(frameIsACK, double), reached: 1, cause: ErrTwice},
		"answer wrong for good": {toHost: only(frameIsInfo, flip), reached: 1, cause: errNoFrame},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := &counter{size: 8}
				f := counting(card)
				r := f.reader(nil)
				defer r.Close()
				c := openCard(t, r)
				defer c.Close()
				if _, err := c.Transmit(t.Context(), getVersion); err != nil {
					t.Fatal(err)
				}
				f.do(func() { f.toChip, f.toHost = test.toChip, test.toHost })
				_, err := c.Transmit(t.Context(), getVersion)
				f.do(func() { f.toChip, f.toHost = nil, nil })
				var e *Error
				if !errors.As(err, &e) || !e.Sent() || test.cause != nil && !errors.Is(err, test.cause) || (problemOf(err) == 0) != (test.cause == ErrTwice) {
					t.Fatalf("the exchange ends with %v", err)
				}
				time.Sleep(time.Hour)
				if n := card.commands() - 1; n != test.reached {
					t.Errorf("the card had the command %d times, want %d", n, test.reached)
				}
				if _, err := c.Transmit(t.Context(), getVersion); !errors.Is(err, ErrFinished) || err.(*Error).Sent() {
					t.Errorf("the next exchange: %v", err)
				}
				before := card.commands()
				if err := c.Reconnect(t.Context()); err != nil {
					t.Fatal(err)
				}
				answer, err := c.Transmit(t.Context(), getVersion)
				if err != nil || answer[0] != byte(before+1) {
					t.Errorf("after Reconnect: %X, %v", answer, err)
				}
			})
		})
	}
}

// Faults that lose nothing do not trouble anybody.
func TestHarmlessFaults(t *testing.T) {
	once := func(change func([]byte) []byte) func([]byte) []byte {
		var did bool
		return func(b []byte) []byte {
			if did || !frameIsInfo(b) {
				return b
			}
			did = true
			return change(b)
		}
	}
	for name, toHost := range map[string]func([]byte) []byte{
		"answer doubled":      only(frameIsInfo, double),
		"noise before frames": func(b []byte) []byte { return append([]byte{0xFF, 0x00, 0x55}, b...) },
		"noise behind frames": func(b []byte) []byte { return append(b, 0xFF, 0xD5, 0x41) },
		"answer wrong once":   once(flip),
		"long preambles":      func(b []byte) []byte { return append(make([]byte, 30), b...) },
		"an earlier answer":   func(b []byte) []byte { return append([]byte{0, 0, 0xFF, 3, 0xFD, 0xD5, 0x41, 0x63, 0x87, 0}, b...) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := &counter{size: 8}
				f := counting(card)
				r := f.reader(nil)
				defer r.Close()
				c := openCard(t, r)
				defer c.Close()
				for i := range 20 {
					f.do(func() {
						f.toHost = toHost
						if name == "an earlier answer" { // that was under way when the command went out
							f.toHost = only(frameIsACK, toHost)
						}
					})
					answer, err := c.Transmit(t.Context(), getVersion)
					if err != nil || answer[0] != byte(i+1) {
						t.Fatalf("exchange %d: %X, %v", i, answer, err)
					}
				}
				if n := card.commands(); n != 20 {
					t.Errorf("the card had %d commands", n)
				}
			})
		})
	}
}

// Where a broken answer is repeated and is like the one before it, it may be
// that one: it is not believed.
func TestRepeatedAnswerLikeTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := &counter{size: 8, same: true}
		f := counting(card)
		r := f.reader(nil)
		defer r.Close()
		c := openCard(t, r)
		defer c.Close()
		if _, err := c.Transmit(t.Context(), getVersion); err != nil {
			t.Fatal(err)
		}
		broken := false
		f.do(func() {
			f.toHost = func(b []byte) []byte {
				if frameIsInfo(b) && !broken {
					broken = true
					return flip(b)
				}
				return b
			}
		})
		if _, err := c.Transmit(t.Context(), getVersion); !errors.Is(err, errNotAnswered) {
			t.Errorf("the exchange ends with %v", err)
		}
	})
}

// The answer of an exchange that was given up comes late, to nobody.
func TestLateAnswer(t *testing.T) {
	for name, late := range map[string]bool{"aborted": false, "the chip does not heed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := &counter{size: 8, hold: make(chan struct{})}
				f := counting(card)
				var kept []byte // what comes late: acknowledgement and answer
				r := f.reader(nil)
				defer r.Close()
				c := openCard(t, r)
				defer c.Close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := c.Transmit(ctx, getVersion)
				if !errors.Is(err, context.DeadlineExceeded) || !err.(*Error).Sent() {
					t.Fatalf("given up with %v", err)
				}
				if late {
					kept = append(bytes.Clone(ackFrame), appendFrame(nil, fromChip, 0x41, []byte{0, 0xEE, 0x91, 0})...)
					first := true
					f.do(func() {
						f.toHost = func(b []byte) []byte {
							if first {
								first = false
								return append(kept, b...)
							}
							return b
						}
					})
				}
				card.mu.Lock()
				close(card.hold)
				card.hold = nil
				card.mu.Unlock()
				if err := c.Reconnect(t.Context()); err != nil {
					t.Fatal(err)
				}
				answer, err := c.Transmit(t.Context(), getVersion)
				if err != nil || answer[0] != 2 {
					t.Errorf("after Reconnect: %X, %v", answer, err)
				}
			})
		})
	}
}

// Errors on the air come from the chip as a status: the connection is finished,
// the card is not removed, and Reconnect goes on.
func TestStatuses(t *testing.T) {
	for _, status := range []byte{0x01, 0x02, 0x0B, 0x27, 0x3E} {
		t.Run(fmt.Sprintf("%02X", status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				fail := false
				card := lyingCard(t)
				p := newPort(chip.New(chip.Simulated(card, nil), &chip.Config{Instead: func(command []byte) ([]byte, bool) {
					mu.Lock()
					defer mu.Unlock()
					return []byte{0x41, status}, fail && command[0] == 0x40
				}}), nil)
				r := p.reader(t, nil)
				j := watchReader(t, r)
				ev := j.next(time.Second, appeared...)
				tr, err := ev.Open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				c := tr.(*Conn)
				defer c.Close()
				if _, err := c.Transmit(t.Context(), getVersion); err != nil {
					t.Fatal(err)
				}
				set := func(on bool) {
					mu.Lock()
					defer mu.Unlock()
					fail = on
				}
				set(true)
				_, err = c.Transmit(t.Context(), goOn)
				var said *StatusError
				if !errors.As(err, &said) || byte(said.Status) != status || !err.(*Error).Sent() || err.(*Error).Removed() {
					t.Fatalf("the exchange ends with %v", err)
				}
				set(false)
				if err := c.Reconnect(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Transmit(t.Context(), getVersion); err != nil {
					t.Fatal(err)
				}
				j.nothing(time.Minute)
				// With the card gone as well, it is.
				set(true)
				card.Lift()
				_, err = c.Transmit(t.Context(), goOn)
				if e := (*Error)(nil); !errors.As(err, &e) || !e.Removed() {
					t.Errorf("with the card gone: %v", err)
				}
			})
		})
	}
}

// More information is no error, in both directions.
func TestChaining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := &counter{}
		f := counting(card)
		r := f.reader(nil)
		defer r.Close()
		c := openCard(t, r)
		defer c.Close()
		for _, n := range []int{1, 261, 262, 263, 524, 525, 3000} {
			f.do(func() { f.log = nil })
			card.mu.Lock()
			card.size = n
			card.mu.Unlock()
			answer, err := c.Transmit(t.Context(), make([]byte, n))
			if err != nil || len(answer) != n+2 {
				t.Fatalf("%d bytes: %d, %v", n, len(answer), err)
			}
			var got []string
			f.do(func() {
				for _, command := range f.log {
					got = append(got, fmt.Sprintf("%02X %d", command[1], len(command)-2))
				}
			})
			var want []string
			left := n
			for ; left > 262; left -= 262 {
				want = append(want, "41 262")
			}
			want = append(want, fmt.Sprintf("01 %d", left))
			for left := n + 2; left > 262; left -= 262 {
				want = append(want, "01 0")
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d bytes travel as %q, want %q", n, got, want)
			}
		}
	})
}

func TestEmptyCommand(t *testing.T) {
	card := &counter{}
	r := counting(card).reader(nil)
	defer r.Close()
	c := openCard(t, r)
	defer c.Close()
	if _, err := c.Transmit(t.Context(), nil); !errors.Is(err, ErrEmpty) || err.(*Error).Sent() || card.commands() != 0 {
		t.Errorf("an empty command: %v", err)
	}
	if _, err := c.Transmit(t.Context(), getVersion); err != nil {
		t.Error(err)
	}
}

func nothing([]byte) []byte { return nil }
func cut(b []byte) []byte   { return b[:len(b)-3] }
func double(b []byte) []byte {
	return append(b, b...)
}
func flip(b []byte) []byte {
	b[len(b)-3] ^= 0x10
	return b
}
func garbage([]byte) []byte { return []byte(strings.Repeat("\x00\xFF\x55", 5)) }

func frameIsACK(b []byte) bool  { return bytes.Equal(b, ackFrame) }
func frameIsInfo(b []byte) bool { return !frameIsACK(b) }

// only changes frames of one kind.
func only(is func([]byte) bool, change func([]byte) []byte) func([]byte) []byte {
	return func(b []byte) []byte {
		if is(b) {
			return change(b)
		}
		return b
	}
}
