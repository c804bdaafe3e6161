package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// debitsPerDrain is how many debits each drain makes. Three, so that a card
// can be lost in the first, in a middle one, and in the last.
const debitsPerDrain = 3

// pull is how the card leaves the reader in the middle of a drain.
type pull struct {
	executed bool // after the card has executed the command, before its answer leaves
	atOnce   bool // and comes back before pcscd looks, or when its loss was reported
}

func (p pull) String() string {
	when, back := "before", "when missed"
	if p.executed {
		when = "after"
	}
	if p.atOnce {
		back = "at once"
	}
	return fmt.Sprintf("pulled %s execution and returned %s", when, back)
}

// The card is pulled away at every single exchange of a drain, connecting
// included, and returned. What the drain reports and what the card holds agree.
func TestDrainPulledAtEveryExchange(t *testing.T) {
	stack := pcsctest.Start(t)
	for slot, generation := range []desfire.Generation{wire.EV1, wire.EV3} {
		t.Run(generation.String(), func(t *testing.T) {
			t.Parallel()
			h := put(t, stack, slot, transitCard(t, generation, byte(slot), 1000))
			exchanges := h.undisturbed(t)
			if exchanges < 4*debitsPerDrain {
				t.Fatalf("a drain of %d debits took %d exchanges", debitsPerDrain, exchanges)
			}
			for _, p := range []pull{{false, false}, {true, false}, {false, true}, {true, true}} {
				t.Run(p.String(), func(t *testing.T) {
					unanswered := 0
					for at := 1; at <= exchanges && !t.Failed(); at++ {
						unanswered += open(h.drainPulled(t, p, at))
					}
					t.Logf("%d exchanges, %d debits resolved when the card was back", exchanges, unanswered)
					if unanswered != debitsPerDrain { // each commit, executed or not, and nothing else
						t.Errorf("%d debits were open at first, want the %d commits", unanswered, debitsPerDrain)
					}
				})
			}
		})
	}
}

// tries bounds how often a drain is repeated that something else than the test
// has disturbed: a slow pcscd may lose a card or reset it by itself.
const tries = 10

// disturbance is the state of Keep that tells of a lost card or link.
func disturbance(c desfire.KeepChange) bool {
	return c.State == desfire.KeepLost || c.State == desfire.KeepRetrying || c.State == desfire.KeepNoService
}

// undisturbed counts the exchanges of a drain in which nothing was lost.
func (h *holder) undisturbed(t *testing.T) int {
	t.Helper()
	for range tries {
		h.hook(nil, nil)
		disturbed := false
		h.drain(t, func(c desfire.KeepChange) {
			if disturbance(c) {
				t.Logf("a drain that nobody disturbs is %v: %v", c.State, c.Err)
				disturbed = true
			}
		})
		if !disturbed {
			return h.count()
		}
	}
	t.Fatalf("none of %d drains was undisturbed", tries)
	panic("not reached")
}

// drainPulled pulls the card at an exchange of a drain that was undisturbed
// until then, and lost no commit to anything else.
func (h *holder) drainPulled(t *testing.T, p pull, at int) *purse.Summary {
	t.Helper()
	for range tries {
		var pulled, early atomic.Bool
		away := func(n int) {
			if n != at {
				return
			}
			pulled.Store(true)
			h.Lift()
			if p.atOnce {
				h.Return()
			}
		}
		if p.executed {
			h.hook(nil, away)
		} else {
			h.hook(away, nil)
		}
		l := h.drain(t, func(c desfire.KeepChange) {
			if disturbance(c) && !pulled.Load() {
				early.Store(true)
			}
			if c.State == desfire.KeepLost {
				h.Return()
			}
		})
		switch {
		case t.Failed():
			t.Logf("exchange %d, %v: %+v", at, p, *l)
			return l
		case early.Load(), open(l) > 1: // one pull breaks one commit at most
			t.Logf("exchange %d, %v: something else disturbed this drain: %+v", at, p, *l)
			continue
		case !pulled.Load():
			t.Errorf("exchange %d: the card was never pulled", at)
		}
		return l
	}
	t.Fatalf("exchange %d, %v: none of %d drains was undisturbed until then", at, p, tries)
	panic("not reached")
}

// drain keeps the card and makes debits, and checks the outcome on the card.
func (h *holder) drain(t testing.TB, changed func(desfire.KeepChange)) *purse.Summary {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start, d := credit(t, h.picc), newDrain(debitsPerDrain)
	if err := d.Keep(ctx, readers(t, h.reader), &desfire.KeepConfig{OnChange: changed}); err != nil {
		t.Errorf("Keep: %v after %+v", err, d.Summary)
	}
	check(t, h.picc, start, &d.Summary)
	return &d.Summary
}

// pcscd dies in the middle of a drain and is started again.
func TestDrainServiceRestarted(t *testing.T) {
	stack := pcsctest.StartOwned(t)
	h := put(t, stack, 0, transitCard(t, wire.EV2, 1, 1000))
	last := h.undisturbed(t) // the last commit
	// A stopped daemon ends when it has the answer of the card.
	for name, end := range map[string]func(testing.TB){"killed": stack.Kill, "stopped": stack.Terminate} {
		for at := last - 4; at <= last; at++ {
			t.Run(fmt.Sprintf("%s at exchange %d", name, at), func(t *testing.T) {
				var restart sync.WaitGroup
				h.hook(nil, func(n int) {
					if n == at {
						end(t)
						restart.Go(func() { stack.Stop(t); stack.Restart(t) })
					}
				})
				var lost, back int
				h.drain(t, func(c desfire.KeepChange) {
					switch c.State {
					case desfire.KeepNoService:
						lost++
					case desfire.KeepBack:
						back++
					}
				})
				restart.Wait()
				awaitCard(t, h.reader)
				if name == "killed" && at != last && (lost == 0 || back == 0) {
					t.Errorf("service lost %d times and card back %d times: nothing was tested", lost, back)
				}
			})
		}
	}
}

// Two cards on two readers are drained at the same time.
func TestDrainTwoCards(t *testing.T) {
	stack := pcsctest.Start(t)
	const start = 20
	holders := map[string]*holder{}
	for slot := range pcsctest.Slots {
		h := put(t, stack, slot, transitCard(t, wire.EV1, byte(slot), start))
		holders[h.reader] = h
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var together, finished sync.WaitGroup
	together.Add(len(holders))
	finished.Add(len(holders))
	go func() { finished.Wait(); cancel() }()

	conf := &desfire.ServeConfig{OnError: func(_ desfire.Event, err error) { t.Error(err) }}
	err := desfire.Serve(ctx, readers(t, "Virtual PCD"), conf, func(ctx context.Context, card *desfire.Card) {
		defer finished.Done()
		together.Done()
		together.Wait() // until both are here
		for {
			err := debit(ctx, card)
			if errors.Is(err, wire.StatusBoundaryError) {
				return
			}
			if err != nil {
				t.Errorf("%v: %v", card, err)
				return
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
	for reader, h := range holders {
		if v := credit(t, h.picc); v != 0 {
			t.Errorf("%s: %d left of %d", reader, v, start)
		}
	}
}
