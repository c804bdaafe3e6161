package batch

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// onlyKeys is a layout without what is no key.
func onlyKeys(l *perso.Layout) *perso.Layout {
	only := &perso.Layout{Generations: l.Generations}
	if l.Card != nil {
		only.Card = &perso.Level{Keys: l.Card.Keys}
	}
	for _, a := range l.Applications {
		a.Files, a.ISOFiles = nil, false
		only.Applications = append(only.Applications, a)
	}
	return only
}

// unready says why the keys of a card are not changed: it is not finished.
func (b *Batch) unready(uid keystore.UID) string {
	e := b.book.making.of(uid)
	switch {
	case e == nil || e.State == Made:
		return ""
	case e.hasRow:
		return fmt.Sprintf("it is not finished, with row %q: finish it first", e.Row)
	}
	return "it is not finished: finish it first"
}

// strange says why a card is none whose keys are to be changed: it holds none of those
// that are secret, or to change its keys something else would have to be done.
func (m *making) strange(plan *perso.Plan) (reasons []string) {
	for i := range plan.Steps {
		if s := &plan.Steps[i]; strings.HasPrefix(string(s.Kind), "create") {
			reasons = append(reasons, fmt.Sprintf("it is no card of this layout: it lacks %s", s.Where))
		}
	}
	if len(reasons) == 0 && !m.result.Proved && m.card.Generation().Has(wire.FeatureCardUID) {
		reasons = append(reasons, "it holds no secret key of this layout")
	}
	return reasons
}
