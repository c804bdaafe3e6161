package pn532

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire/pn532/chip"
)

// stubborn is a field with a card that does what it was told before its chip can be
// told something else.
type stubborn struct{ got [][]byte }

func (s *stubborn) Activate(context.Context, []byte, bool) *chip.Target {
	return &chip.Target{
		ATQA: [2]byte{3, 0x44}, SAK: 0x20, UID: []byte{4, 1, 2, 3, 4, 5, 6}, ATS: []byte{6, 0x75, 0x77, 0x81, 2, 0x80},
		Transmit: func(_ context.Context, command []byte) ([]byte, error) {
			s.got = append(s.got, bytes.Clone(command))
			return done, nil
		},
	}
}

func (s *stubborn) Off() {}

// times counts how often the card was told something.
func (s *stubborn) times(command []byte) (n int) {
	for _, c := range s.got {
		if bytes.Equal(c, command) {
			n++
		}
	}
	return n
}

// A debit that the line doubles is done twice by a card without a session. It is not
// reported done; or, where the second one comes after the answer to the first, the commit
// does not go, and the card forgets both.
func TestDoubledCommand(t *testing.T) {
	for _, test := range []struct {
		name      string
		fault     chip.Fault
		debited   int
		doubtful  bool // the debit itself
		committed int
	}{
		{"none", 0, 1, false, 1},
		{"at once", chip.Double, 2, true, 0},
		{"later", chip.Again, 2, false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := &stubborn{}
				p := newPort(chip.New(card, nil), nil)
				r := p.reader(t, nil)
				c := openCard(t, r)
				defer c.Close()
				if _, err := c.Transmit(t.Context(), selectApp); err != nil {
					t.Fatal(err)
				}
				p.wire.PlanRead(test.fault)
				_, err := c.Transmit(t.Context(), debitOne)
				var e *Error
				if test.doubtful && (!errors.As(err, &e) || !e.Sent() || !errors.Is(err, ErrTwice)) || !test.doubtful && err != nil {
					t.Errorf("the debit: %v", err)
				}
				time.Sleep(100 * time.Millisecond) // the program is busy with something else
				if !test.doubtful {
					_, err = c.Transmit(t.Context(), commit)
					if test.committed == 0 && (!errors.As(err, &e) || e.Sent() || !errors.Is(err, ErrTwice)) || test.committed == 1 && err != nil {
						t.Errorf("the commit: %v", err)
					}
				}
				if n := card.times(debitOne); n != test.debited {
					t.Errorf("debited %d times, want %d", n, test.debited)
				}
				if n := card.times(commit); n != test.committed {
					t.Errorf("committed %d times, want %d", n, test.committed)
				}
				if test.fault == 0 {
					return
				}
				if _, err := c.Transmit(t.Context(), commit); !errors.Is(err, ErrFinished) {
					t.Errorf("after it: %v", err)
				}
				if err := c.Reconnect(t.Context()); err != nil {
					t.Fatal(err)
				}
				if answer, err := c.Transmit(t.Context(), selectApp); err != nil || !slices.Equal(answer, done) {
					t.Errorf("after Reconnect: %X, %v", answer, err)
				}
			})
		})
	}
}

// An answer that the line doubles is no doubt: the chip has acknowledged one command.
func TestDoubledAnswer(t *testing.T) {
	for _, fault := range []chip.Fault{chip.Double, chip.Again} {
		synctest.Test(t, func(t *testing.T) {
			card := &stubborn{}
			p := newPort(chip.New(card, nil), nil)
			c := openCard(t, p.reader(t, nil))
			defer c.Close()
			p.wire.PlanWrite(0, fault) // the acknowledgement, the answer
			for _, command := range [][]byte{debitOne, commit} {
				if _, err := c.Transmit(t.Context(), command); err != nil {
					t.Errorf("%X: %v", command, err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if n := card.times(debitOne); n != 1 {
				t.Errorf("debited %d times", n)
			}
		})
	}
}
