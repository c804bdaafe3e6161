package selftest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var uid = []byte{0x04, 0x5E, 0x1F, 0x7E, 0x57, 0xCA, 0x4D}

// random is a source of randoms that is the same each time.
type random struct{ *rand.ChaCha8 }

func seeded(n byte) random { return random{rand.NewChaCha8([32]byte{n})} }

func newSim(t testing.TB, g wire.Generation) *sim.Card {
	t.Helper()
	c, err := sim.New(&sim.Config{Generation: g, UID: uid, Rand: seeded(1)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func connect(t testing.TB, tr desfire.Transport) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(t.Context(), tr, &desfire.Config{Rand: seeded(2), Unguarded: true})
	if err != nil {
		t.Fatal(err)
	}
	return card
}

func conf(c selftest.Config) *selftest.Config {
	c.Rand = seeded(3)
	return &c
}

// complain reports what did not pass.
func complain(t testing.TB, r *selftest.Report) {
	t.Helper()
	for _, s := range r.Steps {
		if s.Result == selftest.Fail {
			t.Errorf("%s: %s", s.ID, s.Reason)
		}
	}
	if r.Failed() {
		t.Errorf("interrupted %q, left %q", r.Interrupted, r.Left)
	}
}

// may are the reasons for which a step may be skipped on the simulated card.
func maySkip(s selftest.Step) bool {
	for _, why := range []string{
		"changes the card", "leaves keys set", "this generation has all commands",
		"no file", // on an empty card
	} {
		if strings.HasPrefix(s.Reason, why) {
			return true
		}
	}
	return false
}

func TestSimulatedCards(t *testing.T) {
	for _, g := range wire.Generations {
		for _, wipe := range []bool{false, true} {
			t.Run(g.String()+map[bool]string{true: "/wipe"}[wipe], func(t *testing.T) {
				c := newSim(t, g)
				before := c.Image().Encode()
				card := connect(t, c.Present())
				var cf selftest.Config
				if wipe {
					cf.WipeCard, cf.Lasting = uid, true
				}
				r, err := selftest.Run(t.Context(), card, conf(cf))
				if err != nil {
					t.Fatal(err)
				}
				complain(t, r)
				for _, s := range r.Steps {
					if s.Result == selftest.Skip && !maySkip(s) {
						t.Errorf("%s skipped: %s", s.ID, s.Reason)
					}
				}
				if !wipe && !bytes.Equal(c.Image().Encode(), before) {
					t.Error("the card was changed without permission")
				}
				t.Logf("%d passed, %d skipped, %d facts", r.Count(selftest.Pass), r.Count(selftest.Skip), len(r.Facts))
				if _, err := card.Version(t.Context()); err != nil {
					t.Errorf("the card afterwards: %v", err)
				}
			})
		}
	}
}

// Every command of a generation is used, and succeeds, in some step.
func TestEveryCommandIsUsed(t *testing.T) {
	never := map[string]string{
		"90 F7 NTAG424": "only parts with a tamper loop have it",
	}
	for _, g := range wire.Generations {
		c := newSim(t, g)
		r, err := selftest.Run(t.Context(), connect(t, c.Present()), conf(selftest.Config{WipeCard: uid, Lasting: g.Has(wire.FeatureApplications)}))
		if err != nil {
			t.Fatal(err)
		}
		done := map[string]bool{}
		for _, s := range r.Steps {
			for _, e := range s.Exchanges {
				if slices.Contains([]string{"9100", "91AF", "9190", "9000"}, e.Status) {
					done[e.Command] = true
				}
			}
		}
		for spec := range wire.Commands() {
			name := fmt.Sprintf("%02X %02X", uint8(spec.Class), spec.INS)
			if spec.In(g) && spec.Unknown == "" && !done[name] && never[name+" "+g.String()] == "" {
				t.Errorf("%v: no step has a card execute %s (%s)", g, spec.Name, name)
			}
		}
	}
}
