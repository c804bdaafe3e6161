package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// The whole self-test passes through a real PC/SC service.
func TestSelftest(t *testing.T) {
	stack := pcsctest.Start(t)
	for slot, generation := range []desfire.Generation{wire.EV1, wire.EV3} {
		t.Run(generation.String(), func(t *testing.T) {
			uid := []byte{4, 1, 2, 3, 4, 5, 77}
			picc, err := sim.New(&sim.Config{Generation: generation, UID: uid})
			if err != nil {
				t.Fatal(err)
			}
			h := put(t, stack, slot, picc)
			ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
			defer cancel()
			card, err := desfire.Connect(ctx, connect(t, h.reader), nil)
			if err != nil {
				t.Fatal(err)
			}
			r, err := selftest.Run(ctx, card, &selftest.Config{WipeCard: uid})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range r.Steps {
				if s.Result == selftest.Fail {
					t.Error(s)
				}
			}
			if r.Failed() || r.Count(selftest.Pass) < 20 {
				t.Errorf("%d passed, interrupted %q, left %q", r.Count(selftest.Pass), r.Interrupted, r.Left)
			}
		})
	}
}
