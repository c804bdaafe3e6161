package sim

import (
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// Every command has a handler on cards that know it, and is unknown to others.
func TestEveryCommandOnEveryGeneration(t *testing.T) {
	for _, g := range wire.Generations {
		c := newCard(t, g)
		for spec := range wire.Commands() {
			if spec.INS == wire.InsAdditionalFrame {
				continue // the second part of an authentication: unknown without the first
			}
			a := c.Present()
			rsp, err := a.Transmit(t.Context(), wire.AppendAPDU(nil, byte(spec.Class), spec.INS, 0, 0, nil, 256))
			if err != nil {
				t.Fatal(err)
			}
			_, st, _ := wire.ParseAnswer(wire.FramingWrapped, rsp, false)
			unknown := st == wire.StatusIllegalCommand || st == wire.StatusISOInsNotSupported
			if unknown == knownBy(g, spec) {
				t.Errorf("%v %s (%02X): %v", g, spec.Name, spec.INS, st)
			}
		}
	}
}

// knownBy reports whether any variant of the command is known.
func knownBy(g wire.Generation, spec *wire.Spec) bool {
	for s := range wire.Commands() {
		if s.Needs == wire.FeatureTagTamper {
			continue // see TestTagTamper
		}
		if s.Class == spec.Class && s.INS == spec.INS && s.In(g) && s.Unknown == "" {
			return true
		}
	}
	return false
}
