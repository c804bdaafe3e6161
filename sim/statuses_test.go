package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// Whatever the card is sent, it answers with a status that its command can have:
// every command, with bodies that are right, cut, too long and random, at the
// card and in an application, with something pending and without.
func TestStatusesAreInTheTable(t *testing.T) {
	for _, g := range wire.Generations {
		t.Run(g.String(), func(t *testing.T) {
			random := rand.New(testRand())
			seen := map[wire.Status]bool{}
			for round := range 40 {
				c := newCard(t, g)
				a := c.Present()
				if g.Has(wire.FeatureClassic) {
					script(t, a, free)
				}
				for s := range wire.Commands() {
					if s.Unknown != "" {
						continue
					}
					if round%3 > 0 && g.Has(wire.FeatureApplications) {
						answered(t, a, "90 5a 00 00 03 563412 00")
					}
					if round%3 > 1 && g.Has(wire.FeatureTransactions) {
						answered(t, a, "90 dc 00 00 05 03 01000000 00")
					}
					st := try(t, a, s, random)
					seen[st] = true
					if !s.CanAnswer(st) && st != wire.StatusAdditionalFrame {
						t.Errorf("%s answers %v", s.Name, st)
					}
				}
			}
			if len(seen) < 8 {
				t.Errorf("only %d statuses were seen", len(seen))
			}
		})
	}
}

func answered(t *testing.T, a *Activation, apdu string) {
	t.Helper()
	if _, err := a.Transmit(t.Context(), unhex(t, apdu)); err != nil {
		t.Fatal(err)
	}
}

// try sends one frame of a command and returns the status.
func try(t *testing.T, a *Activation, s *wire.Spec, random *rand.Rand) wire.Status {
	t.Helper()
	body := make([]byte, random.IntN(40))
	for i := range body {
		body[i] = byte(random.IntN(4)) // small numbers name what is there
		if random.IntN(3) == 0 {
			body[i] = byte(random.IntN(256))
		}
	}
	var coder wire.Coder
	e := wire.Encoded{Le: 256}
	if x, err := coder.Encode(nil, s.New()); err == nil && random.IntN(2) == 0 {
		body = append(append([]byte(nil), x.Bytes...), body[:random.IntN(2)*random.IntN(len(body)+1)]...)
		e.P1, e.P2 = x.P1, x.P2
	} else if s.Class == wire.ClassISO {
		e.P1, e.P2 = byte(random.IntN(8)), byte(random.IntN(16))
	}
	apdu := append([]byte{byte(s.Class), s.INS, e.P1, e.P2, byte(len(body))}, body...)
	if len(body) == 0 {
		apdu = apdu[:4]
	}
	apdu = append(apdu, 0)
	rsp, err := a.Transmit(t.Context(), apdu)
	if err != nil {
		t.Fatal(err)
	}
	_, st, ok := wire.ParseAnswer(wire.FramingWrapped, rsp, false)
	if !ok {
		t.Fatal(fmt.Errorf("%X answers %X", apdu, rsp))
	}
	return st
}
