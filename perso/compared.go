package perso

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Compare compares a card that was read before, as of a dump, with a layout: what
// Verify compares, as far as it was read, and what is on the card besides. Keys are
// compared by their versions, where the layout states one: that proves nothing. The
// initial contents of files are not compared, nor values and records.
func Compare(is *inspect.Card, layout *Layout) ([]Difference, error) {
	if err := layout.Check(); err != nil {
		return nil, err
	}
	v := verifier{runner: newRunner(nil, layout, nil), is: is}
	if !layout.Fits(is.Generation) {
		v.differ(at(wire.Place{}), "generation", is.Generation, layout.Generations)
		return v.list, nil
	}
	if l := layout.Card; l != nil {
		if is.Generation.FixedName() == nil {
			v.toldKeys(wire.Place{}, l.Keys, is.KeyVersions)
			v.keySettings(at(wire.Place{}), l.KeySettings, is.KeySettings, is.Missing)
		}
		for _, o := range l.Options {
			v.unproven(at(wire.Place{}), "option "+o.Name, "no card tells it without being asked for it")
		}
	}
	for i := range layout.Applications {
		v.toldApplication(&layout.Applications[i])
	}
	if is.Generation.FixedName() == nil {
		v.extra("missing")
	}
	return v.list, nil
}

// toldKeys compares versions of keys.
func (v *verifier) toldKeys(p wire.Place, wants []KeyWant, told []inspect.KeyVersion) {
	for _, k := range wants {
		w := at(p).key(k.No)
		is := find(told, func(x *inspect.KeyVersion) bool { return x.Key == int(k.No) })
		switch {
		case k.Version == nil:
		case is == nil:
			v.unproven(w, "key version", "it was not read")
		default:
			v.compare(w, "key version", fmt.Sprintf("%02X", is.Version), fmt.Sprintf("%02X", *k.Version))
		}
	}
}

func (v *verifier) toldApplication(a *Application) {
	w := at(a.Place)
	is := applicationAt(v.is, a.Place)
	switch {
	case is == nil && v.is.Applications == nil:
		v.unproven(w, "application", "applications are not known"+because(v.is.MissingPart(inspect.PartApplications)))
		return
	case is == nil:
		v.differ(w, "application", "missing", "there")
		return
	}
	if v.is.Generation.FixedName() == nil {
		v.settings(w, a, is)
	}
	v.toldKeys(a.Place, slices.Concat(a.Keys, a.VCKeys), is.KeyVersions)
	if is.Files == nil && len(a.Files) > 0 {
		v.unproven(w, "files", "they are not known"+because(is.MissingPart(inspect.PartFiles)))
		return
	}
	for i := range a.Files {
		v.toldFile(a, is, &a.Files[i])
	}
}

func (v *verifier) toldFile(a *Application, is *inspect.Application, f *File) {
	w := at(a.Place).file(f.No)
	x := find(is.Files, func(x *inspect.File) bool { return x.No == f.No })
	switch {
	case x == nil:
		v.differ(w, "file", "missing", "there")
		return
	case x.Settings == nil:
		v.unproven(w, "settings", "they are not known"+because(x.MissingPart(inspect.PartSettings)))
		return
	}
	if !v.fileSettings(w, is, x, f) || len(f.Data) == 0 {
		return
	}
	c := content{known: x.Data != nil, data: x.Data}
	if !c.known {
		c.reason = "it was not read" + because(x.MissingPart(inspect.PartContent))
	}
	v.contents(w, x, f, c)
}
