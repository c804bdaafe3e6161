//go:build unix

package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

// TestGenerations does with each kind of card what people do with it.
func TestGenerations(t *testing.T) {
	for _, g := range []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3} {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			card := newCard(t, g)
			s := newStation(t, card, nil)
			content := pattern(600)
			s.with(t, func(ctx context.Context, c *desfire.Card) error {
				if !bytes.Equal(c.UID(), card.UID()) || c.Generation() != g {
					t.Errorf("found %v", c)
				}
				aids, err := c.Applications(ctx)
				if err != nil || !slices.Equal(aids, []desfire.AID{farebox}) {
					t.Errorf("applications %v, %v", aids, err)
				}
				if err := c.SelectApplication(ctx, farebox); err != nil {
					return err
				}
				if err := c.Authenticate(ctx, 0, zero()); err != nil {
					return err
				}
				for i, mode := range []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
					no := desfire.FileNo(2 + i)
					if err := errors.Join(
						c.CreateFile(ctx, &wire.CreateStdDataFile{File: no, Option: wire.FileOption(mode), Access: wire.AccessRights{}, Size: 600}),
						c.WriteData(ctx, no, 0, content),
					); err != nil {
						return fmt.Errorf("file %d: %w", no, err)
					}
					got, err := c.ReadData(ctx, no, 0, 600)
					if err != nil || !bytes.Equal(got, content) {
						t.Errorf("file %d: %d bytes, %v", no, len(got), err)
					}
				}
				_, err = c.Transact(ctx, func() error { return c.Debit(ctx, valueFile, 3) })
				return err
			})
			if left := credit(t, card); left != 100_000-3 {
				t.Errorf("%d left", left)
			}
			if s.count("InListPassiveTarget") > 2 {
				t.Errorf("the card was called %d times", s.count("InListPassiveTarget"))
			}
		})
	}
	for _, g := range []wire.Generation{wire.Light, wire.NTAG424} {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			card := newCard(t, g)
			newStation(t, card, nil).with(t, func(ctx context.Context, c *desfire.Card) error {
				if !bytes.Equal(c.UID(), card.UID()) || c.Generation() != g {
					t.Errorf("found %v", c)
				}
				return nil
			})
		})
	}
}

// TestPresence: whether the card is still there is asked in the middle of a session and of a chain, and
// disturbs neither.
func TestPresence(t *testing.T) {
	t.Parallel()
	s := newStation(t, newCard(t, wire.EV2), nil)
	s.with(t, func(ctx context.Context, c *desfire.Card) error {
		if err := errors.Join(c.SelectApplication(ctx, farebox), c.Authenticate(ctx, 0, zero())); err != nil {
			return err
		}
		called := s.count("InListPassiveTarget")
		for range 3 {
			asked := s.count("Diagnose")
			for s.count("Diagnose") < asked+3 {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				time.Sleep(5 * time.Millisecond)
			}
			if _, err := c.KeySettings(ctx); err != nil { // with a MAC, by the session
				return err
			}
		}
		if n := s.count("InListPassiveTarget"); n != called {
			t.Errorf("the card was called %d times in a session", n-called)
		}
		return nil
	})
}

// TestComesAndGoes lifts the card, and pulls the plug of the chip.
func TestComesAndGoes(t *testing.T) {
	t.Parallel()
	s := newStation(t, newCard(t, wire.EV1), nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	events := make(chan desfire.Event, 10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ev, err := range s.reader.Events(ctx) {
			if err != nil {
				t.Error(err)
				return
			}
			events <- ev
		}
	}()
	defer func() { cancel(); <-done }()
	wants := func(kinds ...desfire.EventKind) {
		t.Helper()
		for _, k := range kinds {
			select {
			case ev := <-events:
				if ev.Kind != k {
					t.Fatalf("%v (%v), want %v", ev.Kind, ev.Err, k)
				}
			case <-ctx.Done():
				t.Fatalf("%v never comes", k)
			}
		}
	}
	wants(desfire.ReaderAdded, desfire.CardInserted)
	s.card.Lift()
	wants(desfire.CardRemoved)
	if err := s.card.Return(); err != nil {
		t.Fatal(err)
	}
	wants(desfire.CardInserted)
	s.pull()
	wants(desfire.CardRemoved, desfire.ReaderRemoved)
	s.chip.Reset()
	s.plug(t, nil)
	wants(desfire.ReaderAdded, desfire.CardInserted)
	s.wire.Die()
	wants(desfire.CardRemoved, desfire.ReaderRemoved)
	s.wire.Revive()
	wants(desfire.ReaderAdded, desfire.CardInserted)
}

// TestTorn takes the power from the card in each exchange of a drain, before and after it was executed, and
// lifts it there: what is reported is what the card holds.
func TestTorn(t *testing.T) {
	for name, tear := range map[string]sim.FaultKind{"before": sim.LosePowerBefore, "after": sim.LosePowerAfter, "answer lost": sim.LoseAnswer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			card := newCard(t, wire.EV2)
			s := newStation(t, card, nil)
			open := 0
			const debits = 2
			for at := 1; ; at++ {
				start, first := credit(t, card), card.Exchanges()
				card.Inject(sim.Fault{Exchange: at, Kind: tear})
				d := newDrain(debits)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				err := d.Keep(ctx, s.reader, nil)
				cancel()
				if err != nil {
					t.Fatalf("exchange %d: %v after %+v", at, err, d.Summary)
				}
				if left := credit(t, card); left != start-debits || d.Summary.Unknown != 0 || d.Summary.Debits != debits {
					t.Errorf("exchange %d: the card holds %d of %d after %+v", at, left, start, d.Summary)
				}
				open += d.Summary.Resolved + d.Summary.NotDone
				if card.Exchanges()-first < at {
					break // the drain is over before the fault
				}
			}
			card.ClearFaults()
			if open != debits { // each commit, and nothing else
				t.Errorf("%d debits were open at first, want the %d commits", open, debits)
			}
		})
	}
}

// TestDrain drains a card over a line on which things go wrong, by chance: sums are exact. The long form makes
// 10,000 exchanges.
func TestDrain(t *testing.T) {
	t.Parallel()
	exchanges := 300
	if os.Getenv("DESFIRE_SOAK") != "" {
		exchanges = 10_000
	}
	card := newCard(t, wire.EV1)
	s := newStation(t, card, &chip.WireConfig{Seed: 532, ToEnd: 0.01, Back: 0.01})
	start, debits, open := credit(t, card), 0, 0
	first := card.Exchanges()
	for card.Exchanges()-first < exchanges {
		d := newDrain(25)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := d.Keep(ctx, s.reader, nil)
		cancel()
		if err != nil {
			t.Fatalf("%v after %+v", err, d.Summary)
		}
		debits += d.Summary.Debits
		open += d.Summary.Resolved + d.Summary.NotDone
		if left := credit(t, card); left != start-debits || d.Summary.Unknown != 0 {
			t.Fatalf("the card holds %d of %d after %d debits, the last drain %+v", left, start, debits, d.Summary)
		}
	}
	counts := s.wire.Counts()
	sum := 0
	for _, n := range counts {
		sum += n
	}
	t.Logf("%d exchanges, %d debits, %d of them open at first; faults %v; the chip was set up %d times", card.Exchanges()-first, debits, open, counts, s.count("SAMConfiguration"))
	if sum < exchanges/100 {
		t.Errorf("%d faults in %d exchanges: nothing was tested", sum, exchanges)
	}
}
