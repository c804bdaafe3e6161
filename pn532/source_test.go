package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/transporttest"
)

// journal is what a source has reported.
type journal struct {
	t      *testing.T
	events chan desfire.Event
}

func watchReader(t *testing.T, r *Reader) *journal {
	j := &journal{t, make(chan desfire.Event)}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		for ev, err := range r.Events(ctx) {
			if err != nil {
				t.Errorf("yielded %v", err)
			}
			select {
			case j.events <- ev:
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return j
}

// next is what is reported within a time, in order.
func (j *journal) next(within time.Duration, want ...desfire.EventKind) (last desfire.Event) {
	j.t.Helper()
	end := time.After(within)
	for _, kind := range want {
		select {
		case last = <-j.events:
			if last.Kind != kind {
				j.t.Fatalf("%v (%v), want %v", last.Kind, last.Err, kind)
			}
		case <-end:
			j.t.Fatalf("no %v within %v", kind, within)
		}
	}
	return last
}

// nothing is reported for a time.
func (j *journal) nothing(during time.Duration) {
	j.t.Helper()
	select {
	case ev := <-j.events:
		j.t.Fatalf("%v (%v) where nothing has changed", ev.Kind, ev.Err)
	case <-time.After(during):
	}
}

func problemOf(err error) Problem {
	var line *LineError
	if errors.As(err, &line) {
		return line.Problem
	}
	return 0
}

var (
	appeared = []desfire.EventKind{desfire.ReaderAdded, desfire.CardInserted}
	vanished = []desfire.EventKind{desfire.CardRemoved, desfire.ReaderRemoved}
)

func TestInsertions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := lyingCard(t)
		j := watchReader(t, newPort(chip.New(chip.Simulated(card, nil), nil), nil).reader(t, nil))
		ev := j.next(time.Second, appeared...)
		if ev.Reader != "pn532:port" || !bytes.Equal(ev.ATR, card.Card.ATR()) || ev.Ignored != "" {
			t.Errorf("inserted: %+v", ev)
		}
		j.nothing(time.Minute)
		for range 3 {
			card.Lift()
			if ev := j.next(time.Second, desfire.CardRemoved); !errors.Is(ev.Err, ErrRemoved) {
				t.Errorf("removed: %v", ev.Err)
			}
			j.nothing(time.Minute)
			card.Return()
			j.next(time.Second, desfire.CardInserted)
		}
	})
}

// A line may end in many ways and come back after a long time; so does the
// reader, by itself.
func TestComesBack(t *testing.T) {
	for name, test := range map[string]struct {
		break_, mend func(p *port)
		want         Problem // what is said of it in the end
	}{
		"unplugged": {(*port).unplug, (*port).replug, NotThere},
		"dead": {
			func(p *port) { p.do(func() { p.dead = true; p.wire.Die() }) },
			func(p *port) { p.do(func() { p.dead = false; p.wire.Revive() }) }, Silent,
		},
		"garbage": {
			func(p *port) { p.do(func() { p.noise = true; p.near.Close() }) },
			func(p *port) { p.do(func() { p.noise = false; p.near.Close() }) }, Garbage,
		},
		"no rights": {
			func(p *port) { p.do(func() { p.refuse = os.ErrPermission; p.near.Close() }) },
			(*port).replug, NotThere,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPort(chip.New(chip.Simulated(lyingCard(t), nil), nil), nil)
				r := p.reader(t, nil)
				j := watchReader(t, r)
				j.next(time.Second, appeared...)
				test.break_(p)
				ev := j.next(30*time.Second, vanished...)
				if problemOf(ev.Err) == 0 {
					t.Errorf("the reader is removed with %v, no *LineError", ev.Err)
				}
				j.nothing(10 * time.Minute)
				if _, err := r.await(t.Context()); problemOf(err) != test.want {
					t.Errorf("in the end: %v", err)
				}
				test.mend(p)
				ev = j.next(30*time.Second, appeared...)
				useCard(t, ev)
				// From the start as well.
				test.break_(p)
				j.next(30*time.Second, vanished...)
				late := watchReader(t, r)
				if ev := late.next(30*time.Second, desfire.ServiceLost); problemOf(ev.Err) != test.want && problemOf(ev.Err) != Gone {
					t.Errorf("from the start: %v", ev.Err)
				}
				late.nothing(10 * time.Minute)
				test.mend(p)
				useCard(t, late.next(30*time.Second, append([]desfire.EventKind{desfire.ServiceBack}, appeared...)...))
				j.next(time.Second, appeared...)
			})
		})
	}
}

// useCard makes an exchange with a card that was inserted.
func useCard(t *testing.T, ev desfire.Event) {
	t.Helper()
	tr, err := ev.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tr.(*Conn).Close()
	if answer, err := tr.Transmit(t.Context(), getVersion); err != nil || len(answer) != 9 {
		t.Fatalf("GetVersion: %X, %v", answer, err)
	}
}

var (
	getVersion = []byte{0x90, 0x60, 0, 0, 0}
	goOn       = []byte{0x90, 0xAF, 0, 0, 0}
)

// A chip whose power fails for a moment answers again and has forgotten what it
// was told: with a card in a session, with one that only lies there, without any.
func TestPowerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := lyingCard(t)
		c := chip.New(chip.Simulated(card, nil), nil)
		j := watchReader(t, newPort(c, nil).reader(t, nil))
		ev := j.next(time.Second, appeared...)
		tr, err := ev.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tr.(*Conn).Close()
		if _, err := tr.Transmit(t.Context(), getVersion); err != nil {
			t.Fatal(err)
		}
		c.Reset()
		_, err = tr.Transmit(t.Context(), goOn)
		if e := (*Error)(nil); !errors.As(err, &e) {
			t.Fatalf("an exchange after the chip forgot the card: %v", err)
		}
		tr.(*Conn).Close()
		back := func(what string) {
			t.Helper()
			end := time.After(time.Minute)
			for {
				select {
				case ev = <-j.events:
					if ev.Kind == desfire.CardInserted {
						useCard(t, ev)
						return
					}
				case <-end:
					t.Fatalf("%s: the card is not found any more", what)
				}
			}
		}
		card.Lift()
		time.Sleep(time.Minute)
		card.Return()
		back("in a session")
		c.Reset()
		card.Lift()
		time.Sleep(time.Minute)
		card.Return()
		back("with a card")
		card.Lift()
		time.Sleep(time.Minute)
		c.Reset()
		time.Sleep(time.Hour)
		card.Return()
		back("without a card")
	})
}

// A chip that lost its power for a moment may answer all and find no card, as
// libnfc's users saw it (issue 618): it is set up again from time to time.
func TestForgotHowToCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(nil)
		r := f.reader(nil)
		j := watchReader(t, r)
		j.next(time.Second, desfire.ReaderAdded)
		f.do(func() {
			f.awake = false
			f.present = func(context.Context) (transporttest.Card, error) { return &counter{}, nil }
		})
		j.next(15*time.Second, desfire.CardInserted)
		r.Close()
	})
}

// A presence check every quarter of a second leaves a command that is half done
// as it is, and notices when the card leaves.
func TestPresenceKeepsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		card := lyingCard(t)
		var mu sync.Mutex
		count := map[string]int{}
		c := chip.New(chip.Simulated(card, nil), &chip.Config{Observe: func(command, _ []byte) {
			mu.Lock()
			defer mu.Unlock()
			count[fmt.Sprintf("%X", command[:min(2, len(command))])]++
		}})
		of := func(command string) int {
			mu.Lock()
			defer mu.Unlock()
			return count[command]
		}
		r := newPort(c, nil).reader(t, nil)
		j := watchReader(t, r)
		ev := j.next(time.Second, appeared...)
		tr, err := ev.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer tr.(*Conn).Close()
		listed := of("4A01")
		for _, command := range [][]byte{getVersion, goOn, goOn} {
			before := of("0006")
			answer, err := tr.Transmit(t.Context(), command)
			if err != nil || len(answer) < 9 {
				t.Fatalf("%X: %X, %v", command, answer, err)
			}
			j.nothing(10 * time.Second)
			if checks := of("0006") - before; checks < 30 {
				t.Errorf("%d presence checks in 10 s", checks)
			}
		}
		if of("4A01") != listed {
			t.Error("the card was called anew")
		}
		if _, err := ev.Open(t.Context()); !errors.Is(err, ErrTaken) || !err.(*Error).InUse() {
			t.Errorf("a second connection: %v", err)
		}
		card.Lift()
		j.next(2*time.Second, desfire.CardRemoved)
		_, err = tr.Transmit(t.Context(), getVersion)
		if e := (*Error)(nil); !errors.As(err, &e) || !e.Removed() || e.Sent() {
			t.Errorf("after the card left: %v", err)
		}
		if err := tr.(*Conn).Reconnect(t.Context()); err == nil || !err.(*Error).Removed() {
			t.Errorf("Reconnect after the card left: %v", err)
		}
	})
}

// A program that was killed leaves a chip in the middle of something: calling
// cards for ever, with half a command, with a card selected.
func TestAfterKilledProgram(t *testing.T) {
	forEver := slices.Concat(hsuWake, appendFrame(nil, fromHost, cmdSAMConfiguration, []byte{1}),
		appendFrame(nil, fromHost, cmdRFConfiguration, []byte{rfRetries, 0xFF, 1, 0xFF}))
	list := appendFrame(nil, fromHost, cmdInListPassiveTarget, []byte{1, 0})
	exchange := appendFrame(nil, fromHost, cmdInDataExchange, []byte{1}, make([]byte, 200))
	for name, test := range map[string]struct {
		left []byte
		card bool
	}{
		"calling for ever": {slices.Concat(forEver, list), false},
		"card selected":    {slices.Concat(forEver, list), true},
		"half a command":   {slices.Concat(forEver, list, exchange[:100]), true},
		"asleep":           {[]byte{0}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := lyingCard(t)
				if !test.card {
					card.Lift()
				}
				p := newPort(chip.New(chip.Simulated(card, nil), nil), nil)
				p.left = test.left
				j := watchReader(t, p.reader(t, nil))
				j.next(10*time.Second, desfire.ReaderAdded)
				if !test.card {
					j.nothing(time.Minute)
					card.Return()
				}
				useCard(t, j.next(10*time.Second, desfire.CardInserted))
			})
		})
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newPort(chip.New(chip.Simulated(lyingCard(t), nil), nil), nil).reader(t, nil)
		c := openCard(t, r)
		j := watchReader(t, r)
		j.next(time.Second, appeared...)
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
		if _, err := c.Transmit(t.Context(), getVersion); err == nil {
			t.Error("an exchange after Close of the reader")
		}
		c.Close()
		for range r.Events(t.Context()) {
			t.Error("an event after Close")
		}
	})
}
