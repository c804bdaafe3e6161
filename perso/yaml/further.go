package yaml

import (
	"fmt"

	"github.com/go-desfire/desfire/perso"
)

// further reads what applications of EV2 and later have besides.
func (r *reader) further(f map[string]*node, a *application, out *perso.Application) {
	for _, name := range []string{"options", "key-sets", "vc-keys", "delegated"} {
		if n, ok := f[name]; ok {
			r.fault(n.Position, "%s: not read yet", name)
		}
	}
}

func (r *reader) ndef(n *node, c *content) { r.fault(n.Position, "ndef: not read yet") }

// fileWords names a file.
func (d *Document) fileWords(i, j int) string {
	a := &d.layout.Applications[i]
	app := a.Place.Words()
	if a.Label != "" {
		app = a.Label
	}
	f := &a.Files[j]
	name := fmt.Sprintf("file %d of %s", f.No, app)
	if f.Label != "" {
		name += " (" + f.Label + ")"
	}
	return name
}

func (r *reader) sdm(n *node) { r.fault(n.Position, "sdm: not read yet") }
