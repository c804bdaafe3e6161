package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// A card behind a socket loses power at every exchange of a drain. It needs no
// PC/SC, so it runs everywhere.
func TestDrainOverSocket(t *testing.T) {
	for _, generation := range []desfire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3} {
		for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer} {
			t.Run(fmt.Sprintf("%v %v", generation, kind), func(t *testing.T) {
				picc := transitCard(t, generation, 1, 1000)
				source := serve(t, picc)
				before := picc.Exchanges()
				drainSource(t, source, picc)
				exchanges := picc.Exchanges() - before
				unanswered := 0
				for at := 1; at <= exchanges && !t.Failed(); at++ {
					picc.Inject(sim.Fault{Exchange: at, Kind: kind})
					l := drainSource(t, source, picc)
					unanswered += open(l)
					if t.Failed() {
						t.Logf("exchange %d: %+v", at, *l)
					}
				}
				if unanswered != debitsPerDrain {
					t.Errorf("%d debits were open at first in %d exchanges, want the %d commits", unanswered, exchanges, debitsPerDrain)
				}
			})
		}
	}
}

// serve presents a card on a socket until the test ends.
func serve(t *testing.T, picc *sim.Card) *tcp.Source {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l, err := tcp.Listen(ctx, ":0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		done <- tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) {
			picc.Return()
			return picc.Present(), nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return tcp.NewSource(l.Addr().String(), nil)
}

func drainSource(t *testing.T, source desfire.Source, picc *sim.Card) *purse.Summary {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	start, d := credit(t, picc), newDrain(debitsPerDrain)
	if err := d.Keep(ctx, source, nil); err != nil {
		t.Errorf("Keep: %v after %+v", err, d.Summary)
	}
	check(t, picc, start, &d.Summary)
	return &d.Summary
}
