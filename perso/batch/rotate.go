package batch

import (
	"fmt"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
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

// strange says why a card is none of the layout: to change its keys, something else would
// have to be done.
func strange(plan *perso.Plan) (reasons []string) {
	for i := range plan.Steps {
		if s := &plan.Steps[i]; s.Kind == perso.CreateApplication || s.Kind == perso.CreateFile {
			reasons = append(reasons, fmt.Sprintf("it is no card of this layout: it lacks %s", s.Where))
		}
	}
	return reasons
}
