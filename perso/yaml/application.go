package yaml

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// application is one of a layout, with what its Go value does not have.
type application struct {
	at      yamlnode.Position
	members map[string]*node
	numbers map[string][]wire.KeyNo // of keys, by name
	keys    []use
	others  []use // with roles, or in sets
	files   []*file
	tmac    *use // of the transaction MAC file
}

// name is the name of a key of a number, empty if it has none.
func (a *application) name(no wire.KeyNo) string {
	for _, u := range a.keys {
		if u.no == no {
			return u.name
		}
	}
	return ""
}

// maxApplications is more than any card has room for.
const maxApplications = 512

func (r *reader) applications(n *node) {
	if !r.list(n, "a list of applications") {
		return
	}
	if len(n.Items) > maxApplications {
		r.fault(n.Position, "there are %d applications: %d at most", len(n.Items), maxApplications)
		return
	}
	for _, item := range n.Items {
		r.application(item)
	}
}

func (r *reader) application(n *node) {
	if !r.members(n, "an application: aid, keys, files") {
		return
	}
	f := r.fields(n, "an application", "aid", "name", "iso-id", "df-name", "key-type", "key-count", "keys", "settings", "options", "key-sets", "vc-keys", "delegated", "files")
	a := &application{at: n.Position, members: f, numbers: map[string][]wire.KeyNo{}}
	out := perso.Application{}
	place, ok := r.aid(n, f["aid"])
	if !ok {
		return
	}
	out.Place = place
	if x, ok := f["name"]; ok {
		out.Label, _ = r.label(x, "the name of an application")
	}
	r.names(f, &out)
	r.appKeys(n, f, a, &out)
	if s, ok := f["settings"]; ok && place.Fixed {
		r.fault(s.Position, "the settings of light and ntag424 are fixed: leave them out")
	} else if ok {
		out.KeySettings = r.settings(s, a)
	} else if !place.Fixed {
		s := wire.SettMasterChangeable | wire.SettFreeDirectory | wire.SettChangeable
		out.KeySettings = &s
	}
	r.further(f, a, &out)
	// Files refer to the application while it is read.
	r.doc.apps = append(r.doc.apps, a)
	if x, ok := f["files"]; ok && !x.Empty() && r.list(x, "a list of files") {
		for _, item := range x.Items {
			r.file(item, a, &out)
		}
	}
	r.isoFiles(a, &out)
	r.doc.layout.Applications = append(r.doc.layout.Applications, out)
}

// aid reads which application it is. Its text is taken as it stands there: 000010
// is no number.
func (r *reader) aid(n, v *node) (p wire.Place, ok bool) {
	if v == nil {
		r.fault(n.Position, `the member aid is missing: want aid: "F48121", or aid: app for light and ntag424`)
		return p, false
	}
	s, ok := r.text(v, "an AID of six hexadecimal digits")
	if !ok {
		return p, false
	}
	fixed, _ := r.fixed()
	if strings.EqualFold(s, "app") {
		if !fixed {
			r.fault(v.Position, "app is the one application of light and ntag424: want an AID of six hexadecimal digits")
			return p, false
		}
		p = wire.Place{Fixed: true}
	} else {
		aid, err := wire.ParseAID(s)
		switch {
		case err != nil || len(s) != 6 || aid == wire.PICC:
			r.fault(v.Position, `aid is %s: want six hexadecimal digits, such as "F48121", and not 000000`, v.Describe())
			return p, false
		case fixed:
			r.fault(v.Position, "light and ntag424 have one application, without an AID: say app")
			return p, false
		}
		p = wire.Place{AID: aid}
	}
	for i, a := range r.doc.layout.Applications {
		if a.Place == p {
			r.fault(v.Position, "application %v stands here a second time, after line %d", p, r.doc.apps[i].at.Line)
			return p, false
		}
	}
	return p, true
}

// names reads what ISO 7816 calls it.
func (r *reader) names(f map[string]*node, out *perso.Application) {
	id, hasID := f["iso-id"]
	df, hasDF := f["df-name"]
	if out.Place.Fixed {
		for _, x := range []*node{id, df} {
			if x != nil {
				r.fault(x.Position, "light and ntag424 have their name from the start: leave it out")
			}
		}
		return
	}
	if hasID {
		out.ISOID = r.isoID(id)
	}
	if !hasDF {
		return
	}
	if !hasID {
		r.fault(df.Position, "a DF name needs an ISO identifier: add iso-id")
	}
	s, ok := r.text(df, "a DF name in hexadecimal, or text:NAME")
	if !ok {
		return
	}
	if text, ok := strings.CutPrefix(s, "text:"); ok {
		out.DFName = []byte(text)
	} else if b, err := hex.DecodeString(s); err != nil {
		r.fault(df.Position, "df-name is no hexadecimal: want pairs of digits, or text:NAME")
		return
	} else {
		out.DFName = b
	}
	if n := len(out.DFName); n == 0 || n > wire.MaxDFName {
		r.fault(df.Position, "df-name has %d bytes: want 1 to %d", n, wire.MaxDFName)
		out.DFName = nil
	}
}

// appKeys reads keys, their type and how many there are.
func (r *reader) appKeys(n *node, f map[string]*node, a *application, out *perso.Application) {
	type entry struct {
		m yamlnode.Member
		k *keyDef
		n wire.KeyNo
	}
	var entries []entry
	if keys, ok := f["keys"]; ok && !keys.Empty() && r.members(keys, "NUMBER: KEYNAME of each key, master for number 0") {
		seen := map[wire.KeyNo]int{}
		for _, m := range keys.Members {
			no := int64(0)
			if m.Name.Text != "master" {
				var ok bool
				if no, ok = r.number(m.Name, "the number of a key", 0, wire.MaxKeys-1); !ok {
					continue
				}
			}
			if line, twice := seen[wire.KeyNo(no)]; twice {
				r.fault(m.Name.Position, "key %d stands here a second time, after line %d", no, line)
				continue
			}
			seen[wire.KeyNo(no)] = m.Name.Line
			if k, ok := r.key(m.Value, fmt.Sprintf("key %d", no)); ok {
				entries = append(entries, entry{m, k, wire.KeyNo(no)})
			}
		}
	}
	slices.SortStableFunc(entries, func(x, y entry) int { return int(x.n) - int(y.n) })
	t, typed := f["key-type"]
	switch {
	case typed:
		if typ, ok := r.keyType(t, "key-type"); ok {
			out.KeyType = typ.Wire()
		}
	case len(entries) > 0:
		out.KeyType = entries[0].k.newest().typ.Wire()
	case out.Place.Fixed:
		out.KeyType = wire.KeyAES
	case f["keys"] == nil || f["keys"].Empty() || f["keys"].Kind == yamlnode.Mapping && len(f["keys"].Members) == 0:
		r.fault(n.Position, "which type its keys have is not said: name keys, or say key-type")
	}
	for _, e := range entries {
		out.KeyCount = max(out.KeyCount, int(e.n)+1)
	}
	if c, ok := f["key-count"]; ok {
		if v, fine := r.number(c, "key-count", 1, wire.MaxKeys); fine {
			if int(v) < out.KeyCount {
				r.fault(c.Position, "key-count is %d, and there is a key %d", v, out.KeyCount-1)
			}
			out.KeyCount = int(v)
		}
	}
	if out.Place.Fixed {
		if out.KeyCount > wire.FixedKeys {
			r.fault(n.Position, "light and ntag424 have keys 0 to %d", wire.FixedKeys-1)
		}
		out.KeyCount = wire.FixedKeys
	}
	out.KeyCount = max(out.KeyCount, 1)
	what := "application " + out.Place.String()
	for _, e := range entries {
		v := e.m.Value
		r.sameType(v, e.k, out.KeyType, what)
		r.place(v, e.k, keystore.Ref{Place: out.Place, Key: keystore.Number(e.n)})
		a.numbers[e.k.name] = append(a.numbers[e.k.name], e.n)
		a.keys = append(a.keys, use{v.Position, e.k.name, e.n})
		out.Keys = append(out.Keys, perso.KeyWant{No: e.n, Version: e.k.version(), Label: e.k.name})
	}
}

// access reads who has a right: free, never, or the name of a key of the
// application. words are taken elsewhere, and are for errors.
func (r *reader) access(n *node, a *application, what string, words ...string) (wire.Access, bool) {
	s, ok := r.text(n, yamlnode.Either(append([]string{"the name of a key"}, words...)))
	if !ok {
		return 0, false
	}
	if slices.Contains(words, s) {
		switch s {
		case "free":
			return wire.Free, true
		case "never":
			return wire.Never, true
		}
	}
	numbers := a.numbers[s]
	var names []string
	for _, u := range a.keys {
		names = append(names, u.name)
	}
	names = append(names, words...)
	switch {
	case len(numbers) == 1:
		return wire.Access(numbers[0]), true
	case len(numbers) > 1:
		r.fault(n.Position, "%s is %s, which is the name of keys %d and %d here: which is meant cannot be told, so give them two names", what, s, numbers[0], numbers[1])
	case digits.MatchString(s):
		r.fault(n.Position, "%s is %s: rights go to names of keys, not to numbers; want %s", what, yamlnode.Shown(s), yamlnode.Either(names))
	case r.doc.keys[s] != nil:
		r.fault(n.Position, "%s is %s, which is no key of this application: add a number with it to its keys, or take %s", what, s, yamlnode.Either(names))
	case secret(s) != "":
		r.fault(n.Position, "%s: what stands here %s; want the name of a key: %s", what, secret(s), elsewhere)
	default:
		r.fault(n.Position, "%s is %s: %swant %s", what, yamlnode.Shown(s), r.meant(s, names), yamlnode.Either(names))
	}
	return 0, false
}

// isoFiles decides whether files have ISO identifiers, which they have all or none.
func (r *reader) isoFiles(a *application, out *perso.Application) {
	if out.Place.Fixed {
		return
	}
	var without *file
	first := map[wire.ISOFID]int{}
	for i, f := range a.files {
		s := &out.Files[i]
		if line, twice := first[s.ISOID]; twice && s.ISOID != 0 {
			r.fault(f.members["iso-id"].Position, "iso-id %v stands here a second time, after line %d", s.ISOID, line)
		}
		first[s.ISOID] = f.at.Line
		if s.Settings.Type == wire.FileValue || s.Settings.Type == wire.FileTransactionMAC {
			continue
		}
		if s.ISOID != 0 {
			out.ISOFiles = true
		} else if without == nil {
			without = f
		}
	}
	if out.ISOFiles && without != nil {
		r.fault(without.at, "other files of this application have an iso-id: all have one, or none")
	}
}
