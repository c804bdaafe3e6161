package perso

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Lacks says what of a layout cards of a generation cannot have, and why: nothing of
// it is planned for them.
func (l *Layout) Lacks(g wire.Generation) (list []Note) {
	if c := l.Card; c != nil {
		here := at(wire.Place{})
		all := Options()
		for i := range c.Options {
			o := find(all, func(o *OptionInfo) bool { return o.Name == c.Options[i].Name })
			if o != nil && !o.Has(g) && !c.Options[i].Off() {
				list = append(list, note(here, "a card of type %v has no option %s", g, o.Name))
			}
		}
		if g.FixedName() != nil && (c.KeySettings != nil || len(c.Keys) > 0) {
			list = append(list, note(here, "a card of type %v has no keys and settings of its own", g))
		}
		for _, k := range c.Keys {
			if k.No == 0 {
				continue
			}
			if reason := specialLack(g, k.No); reason != "" {
				list = append(list, note(here.key(k.No), "%s", reason))
			}
		}
	}
	for i := range l.Applications {
		a := &l.Applications[i]
		if reason := a.lacks(g); reason != "" {
			list = append(list, note(at(a.Place), "%s", reason))
			continue
		}
		for j := range a.Files {
			f := &a.Files[j]
			reason := f.lacks(g)
			if there := g.FixedFiles(); there != nil && find(there, func(x *wire.FixedFile) bool { return x.No == f.No }) == nil {
				reason = fmt.Sprintf("a card of type %v has no such file, and takes no other than those it comes with", g)
			}
			if reason != "" {
				list = append(list, note(at(a.Place).file(f.No), "%s", reason))
			}
		}
	}
	if (g == wire.D40 || g == wire.EV1) && len(l.Applications) > maxApplications {
		list = append(list, note(at(wire.Place{}), "a card of type %v has room for %d applications", g, maxApplications))
	}
	return list
}
