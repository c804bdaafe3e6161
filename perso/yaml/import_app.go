package yaml

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// importing is an application that is written.
type importing struct {
	*writer
	app   *perso.Application
	id    string // in names of keys
	names map[wire.KeyNo]string
}

func (w *writer) application(a *perso.Application) {
	switch {
	case a.Place.Name != "":
		w.note(wire.Place{}, nil, "%s is left out: a layout names applications by AID", a.Place.Words())
		return
	case !a.Place.Fixed && a.KeySettings == nil:
		w.note(wire.Place{}, nil, "%s is left out: its key settings are not known", a.Place.Words())
		return
	}
	x := &importing{writer: w, app: a, id: "app-" + a.Place.String(), names: map[wire.KeyNo]string{}}
	if a.Place.Fixed {
		x.id = "app"
	}
	delegated, ok := x.delegated()
	if !ok {
		w.note(wire.Place{}, nil, "%s is left out: it is made by what its issuer has signed, and there is no file for that", a.Place.Words())
		return
	}
	x.namesOfKeys()
	head := x.head()
	if delegated != "" {
		head = append(head, "delegated: "+delegated)
	}
	var files strings.Builder
	for i := range a.Files {
		x.file(&files, &a.Files[i])
	}
	b := &w.apps
	w.comments(b, "  ", a.Place, nil)
	for i, line := range head {
		lead := "    "
		if i == 0 {
			lead = "  - "
		}
		b.WriteString(lead + line + "\n")
	}
	if files.Len() > 0 {
		b.WriteString("    files:\n" + files.String())
	}
}

// namesOfKeys names all keys: rights go to names.
func (x *importing) namesOfKeys() {
	typ, comment := key.FromWire(x.app.KeyType), ""
	if x.app.KeyType == wire.KeyDES {
		typ, comment = key.Type2K3DES, " # or des, which cards keep as the same type"
	}
	for no := range x.app.KeyCount {
		label, version := "", (*byte)(nil)
		for _, k := range x.app.Keys {
			if int(k.No) == no {
				label, version = k.Label, k.Version
			}
		}
		otherwise := fmt.Sprintf("%s-key-%d", x.id, no)
		if no == 0 {
			otherwise = x.id + "-master"
		}
		x.names[wire.KeyNo(no)] = x.name(label, otherwise, typ, version, comment)
	}
}

// who is a right as layouts write it.
func (x *importing) who(a wire.Access) (string, bool) {
	switch a {
	case wire.Free:
		return "free", true
	case wire.Never:
		return "never", true
	}
	name, ok := x.names[wire.KeyNo(a)]
	return name, ok
}

// head are the members of the application but its files.
func (x *importing) head() []string {
	a := x.app
	lines := []string{fmt.Sprintf("aid: %q", a.Place.String())}
	if a.Label != "" && printable(a.Label) {
		lines = append(lines, "name: "+quote(a.Label))
	}
	switch {
	case reservedISO(a.ISOID):
		x.writer.note(a.Place, nil, "its ISO identifier %v is reserved: it is left out, and its DF name", a.ISOID)
	case a.ISOID != 0:
		lines = append(lines, fmt.Sprintf(`iso-id: "%04X"`, uint16(a.ISOID)))
	}
	if len(a.DFName) > 0 && !reservedISO(a.ISOID) {
		lines = append(lines, fmt.Sprintf(`df-name: "%X"`, a.DFName))
	}
	var keys []string
	for no := range a.KeyCount {
		number := fmt.Sprint(no)
		if no == 0 {
			number = "master"
		}
		keys = append(keys, number+": "+x.names[wire.KeyNo(no)])
	}
	lines = append(lines, "keys: {"+strings.Join(keys, ", ")+"}")
	if s := a.KeySettings; s != nil && !a.Place.Fixed {
		if c := s.ChangeKey(); c != 0 && c < wire.Free && int(c) >= a.KeyCount {
			x.writer.note(a.Place, nil, "key %d changes its keys, which it does not have: nobody does", c)
		}
		lines = append(lines, "settings: {"+settingsText(*s, false, x.names)+"}")
	}
	var words []string
	for _, o := range appOptions {
		if a.KeySett3.Has(o.flag) {
			words = append(words, o.word)
		}
	}
	if words != nil {
		lines = append(lines, "options: ["+strings.Join(words, ", ")+"]")
	}
	if a.KeySets != nil {
		lines = append(lines, "key-sets: "+x.keySets())
	}
	if len(a.VCKeys) > 0 {
		var roles []string
		for _, k := range a.VCKeys {
			role := roleOf(k.No)
			roles = append(roles, role+": "+x.name(k.Label, x.id+"-"+role, key.TypeAES, k.Version, ""))
		}
		lines = append(lines, "vc-keys: {"+strings.Join(roles, ", ")+"}")
	}
	return lines
}

func (x *importing) keySets() string {
	c := x.app.KeySets
	parts := []string{fmt.Sprintf("active-version: %d", c.AKSVersion), fmt.Sprintf("max-key-size: %d", c.MaxKeySize), fmt.Sprintf("count: %d", c.NoKeySets)}
	if name, ok := x.names[wire.KeyNo(c.AppKeySetSett)]; ok && c.AppKeySetSett < 8 {
		parts = append(parts, "roll: "+name)
	} else {
		x.writer.note(x.app.Place, nil, "key %d rolls its key sets, which it does not have", c.AppKeySetSett)
	}
	var sets []string
	for _, s := range x.app.Sets {
		typ := strings.ToLower(s.Type.String())
		var keys []string
		for _, k := range s.Keys {
			name := x.name(k.Label, fmt.Sprintf("%s-set-%d-key-%d", x.id, s.Set, k.No), s.Type, k.Version, "")
			keys = append(keys, fmt.Sprintf("%d: %s", k.No, name))
		}
		sets = append(sets, fmt.Sprintf("%d: {version: %d, type: %s, keys: {%s}}", s.Set, s.Version, typ, strings.Join(keys, ", ")))
	}
	if sets != nil {
		parts = append(parts, "sets: {"+strings.Join(sets, ", ")+"}")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// delegated is how it is made, empty if as others; false if that cannot be written.
func (x *importing) delegated() (string, bool) {
	d := x.app.Delegated
	switch {
	case d == nil:
		return "", true
	case d.Signed == nil:
		return fmt.Sprintf("{slot: %d, version: %d, quota: %d}", d.Slot, d.Version, d.Quota), true
	}
	name, ok := x.signed(x.app.Place, d.Signed)
	return fmt.Sprintf("{signed: %s}", quote(name)), ok
}
