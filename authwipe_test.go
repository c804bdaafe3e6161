package desfire_test

import (
	"context"
	"crypto/rand"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
)

// keeper is randomness that remembers where it went.
type keeper [][]byte

func (k *keeper) Read(p []byte) (int, error) {
	*k = append(*k, p)
	return rand.Read(p)
}

// The reader's randoms, which with D40 and EV1 are half of the session key, are
// overwritten when an authentication is over, wherever it breaks off.
func TestAuthenticationLeavesNoRandoms(t *testing.T) {
	ctx := context.Background()
	for _, m := range methods {
		for _, lost := range []int{0, 1, 2, 3} {
			picc, err := sim.New(&sim.Config{Generation: m.g})
			if err != nil {
				t.Fatal(err)
			}
			personalise(t, picc, m.keyType)
			var kept keeper
			card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Rand: &kept})
			if err != nil {
				t.Fatal(err)
			}
			if err := card.SelectApplication(ctx, testApp); err != nil {
				t.Fatal(err)
			}
			if lost > 0 {
				picc.Inject(sim.Fault{Exchange: lost, Kind: sim.LoseAnswer})
			}
			err = card.AuthenticateWith(ctx, m.method, 1, key.Zero(m.keyType))
			if err != nil && lost == 0 {
				t.Fatal(err)
			}
			if m.method != key.MethodISO7816 && len(kept) == 0 && lost != 1 {
				t.Errorf("%v %v: no randoms were drawn", m.g, m.method)
			}
			for _, b := range kept {
				for _, x := range b {
					if x != 0 {
						t.Errorf("%v %v, answer %d lost (%v): the random %X stays", m.g, m.method, lost, err, b)
						break
					}
				}
			}
		}
	}
}
