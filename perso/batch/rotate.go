package batch

import (
	"fmt"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

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
// that are secret.
func (m *making) strange() (reasons []string) {
	if !m.result.Proved && m.card.Generation().Has(wire.FeatureCardUID) {
		reasons = append(reasons, "it holds no secret key of this layout")
	}
	return reasons
}
