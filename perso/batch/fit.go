package batch

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/perso"
)

// used says why a card that has no row may be one that has been made before: it has an
// application of the layout, or, where a card always has it, its keys.
func used(layout *perso.Layout, plan *perso.Plan) (reasons []string) {
	for i := range layout.Applications {
		a := &layout.Applications[i]
		made, changed, kept := false, false, false
		for _, s := range plan.Steps {
			if s.Place == a.Place {
				made = made || s.Kind == perso.CreateApplication
				changed = changed || s.Kind == perso.ChangeKey
			}
		}
		for _, n := range plan.Keep {
			kept = kept || n.Place == a.Place && n.Key != nil
		}
		switch {
		case made, a.Place.Fixed && (changed || !kept):
		case a.Place.Fixed:
			reasons = append(reasons, "it holds the keys of the layout already, and is not in the book")
		default:
			reasons = append(reasons, fmt.Sprintf("it has %v already, and is not in the book", a.Place.Words()))
		}
	}
	return reasons
}

func joined(reasons []string) string { return strings.Join(reasons, "; ") }
