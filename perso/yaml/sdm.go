package yaml

import (
	"errors"
	"math"
	"slices"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

// places are what a card mirrors, by the names of layouts, and where settings have
// the offset of each.
var places = []struct {
	name string
	at   func(*wire.SDM) *uint32
}{
	{"uid-at", func(s *wire.SDM) *uint32 { return &s.UIDOffset }},
	{"counter-at", func(s *wire.SDM) *uint32 { return &s.ReadCtrOffset }},
	{"picc-at", func(s *wire.SDM) *uint32 { return &s.PICCDataOffset }},
	{"mac-from", func(s *wire.SDM) *uint32 { return &s.MACInputOffset }},
	{"mac-at", func(s *wire.SDM) *uint32 { return &s.MACOffset }},
	{"enc-at", func(s *wire.SDM) *uint32 { return &s.ENCOffset }},
	{"enc-length", func(s *wire.SDM) *uint32 { return &s.ENCLength }},
}

// sdm reads secure dynamic messaging: of a URI with places, or by offsets.
func (r *reader) sdm(n *node, a *application, x *file, app *perso.Application, out *perso.File) {
	if !r.members(n, `{uri: "https://example.com/t?p={picc}&m={mac}", meta-read: KEYNAME, file-read: KEYNAME}`) {
		return
	}
	before := len(r.errs)
	names := []string{"uri", "raw", "meta-read", "file-read", "counter-read", "limit", "mirror"}
	for _, p := range places {
		names = append(names, p.name)
	}
	f := r.fields(n, "sdm", names...)
	right := func(name string, otherwise wire.Access, words ...string) wire.Access {
		v, ok := f[name]
		if !ok {
			return otherwise
		}
		who, ok := r.access(v, a, name, words...)
		if !ok {
			return otherwise
		}
		return who
	}
	meta := right("meta-read", wire.Never, "free", "never")
	fileRead := right("file-read", wire.Never, "never")
	counter := right("counter-read", wire.Never, "free", "never")
	if len(r.errs) > before {
		return
	}
	var s wire.SDM
	if v, ok := f["uri"]; ok {
		s, ok = r.sdmURI(v, f, x, out, meta, fileRead, counter)
		if !ok {
			return
		}
	} else {
		s = r.sdmOffsets(f, meta, fileRead, counter)
	}
	if v, ok := f["limit"]; ok {
		if l, ok := r.number(v, "limit", 1, sdm.MaxCounter); ok {
			s.Options |= wire.SDMReadCtrLimit
			s.ReadCtrLimit = uint32(l)
		}
	}
	out.Settings.Option |= wire.OptionSDM
	out.Settings.SDM = &s
	if mirrorsNothing(&s) || len(r.errs) > before {
		return
	}
	err := sdm.Check(&s, sdm.Site{Size: out.Settings.Size, Keys: app.KeyCount, LRP: r.lrp()})
	if e := (*sdm.SettingsError)(nil); errors.As(err, &e) {
		r.fault(n.Position, "sdm: %s", e.Reason)
	}
	r.sdmKeys(f, a, app, meta, fileRead)
}

// mirrorsNothing: it is allowed then, and nothing is shown.
func mirrorsNothing(s *wire.SDM) bool {
	return s.Options == wire.SDMASCII && s.Access == wire.NewSDMAccess(wire.Never, wire.Never, wire.Never)
}

// lrp reports whether the cards shall use LRP, under which PICC data are longer.
func (r *reader) lrp() bool {
	_, ok := r.doc.card.options[perso.OptionLRP]
	return ok
}

// sdmURI makes content and settings of a URI.
func (r *reader) sdmURI(n *node, f map[string]*node, x *file, out *perso.File, meta, fileRead, counter wire.Access) (s wire.SDM, ok bool) {
	for _, p := range append([]string{"mirror"}, placeNames()...) {
		if v := f[p]; v != nil {
			r.fault(v.Position, "%s follows from uri: leave it out", p)
			return s, false
		}
	}
	if x.content != nil {
		r.fault(x.content.at, "the content of this file follows from the uri of sdm: leave it out")
		return s, false
	}
	text, ok := r.text(n, "a URI with {picc}, {mac} and whatever else the card fills in")
	if !ok {
		return s, false
	}
	t, err := sdm.ParseTemplate(text, r.lrp())
	if err != nil {
		r.fault(n.Position, "uri: %v", err)
		return s, false
	}
	make := t.NDEFFile
	if v := f["raw"]; v != nil && r.bool(v, "raw") {
		make = t.RawFile
	}
	data, s, err := make(int(out.Settings.Size), meta, fileRead, counter)
	if err != nil {
		r.fault(n.Position, "uri: %v", err)
		return s, false
	}
	x.content = &content{at: n.Position, make: always(data), kind: "sdm", source: text}
	out.Data = data
	return s, true
}

func placeNames() (names []string) {
	for _, p := range places {
		names = append(names, p.name)
	}
	return names
}

// sdmOffsets takes settings as they are: mirror says what is shown of UID and
// counter, and each place where.
func (r *reader) sdmOffsets(f map[string]*node, meta, fileRead, counter wire.Access) wire.SDM {
	s := wire.SDM{Options: wire.SDMASCII, Access: wire.NewSDMAccess(meta, fileRead, counter)}
	if v := f["raw"]; v != nil {
		r.fault(v.Position, "raw goes with uri: leave it out")
	}
	if v := f["mirror"]; v != nil && r.list(v, "a list of uid and counter") {
		for _, item := range v.Items {
			switch w, _ := r.word(item, "mirror", "uid", "counter"); w {
			case "uid":
				s.Options |= wire.SDMUID
			case "counter":
				s.Options |= wire.SDMReadCtr
			}
		}
	}
	if f["enc-at"] != nil || f["enc-length"] != nil {
		s.Options |= wire.SDMEncFile
	}
	wanted := sdmWants(&s, meta, fileRead)
	for _, p := range places {
		v := f[p.name]
		switch need := slices.Contains(wanted, p.name); {
		case v == nil && need:
			r.fault(f[firstOf(f)].Position, "sdm: the member %s is missing, with these rights and what is mirrored: want the byte of the file, from 0", p.name)
		case v != nil && !need:
			r.fault(v.Position, "%s has no meaning with these rights and what is mirrored: leave it out", p.name)
		case v != nil && p.name == "counter-at" && v.Text == "none":
			*p.at(&s) = wire.SDMNoMirror
		case v != nil:
			if x, ok := r.number(v, p.name, 0, math.MaxUint32>>8); ok {
				*p.at(&s) = uint32(x)
			}
		}
	}
	return s
}

// firstOf is a member that stands there, for the position of an error.
func firstOf(f map[string]*node) (first string) {
	for name, n := range f {
		if first == "" || n.Line < f[first].Line || n.Line == f[first].Line && n.Column < f[first].Column {
			first = name
		}
	}
	return first
}

// sdmWants are the places that settings have.
func sdmWants(s *wire.SDM, meta, fileRead wire.Access) (names []string) {
	if meta == wire.Free && s.Options.Has(wire.SDMUID) {
		names = append(names, "uid-at")
	}
	if meta == wire.Free && s.Options.Has(wire.SDMReadCtr) {
		names = append(names, "counter-at")
	}
	if meta < wire.Free {
		names = append(names, "picc-at")
	}
	if fileRead != wire.Never {
		names = append(names, "mac-from", "mac-at")
		if s.Options.Has(wire.SDMEncFile) {
			names = append(names, "enc-at", "enc-length")
		}
	}
	return names
}

// sdmKeys names the keys behind messages by their roles, for who checks them.
func (r *reader) sdmKeys(f map[string]*node, a *application, app *perso.Application, meta, fileRead wire.Access) {
	for _, x := range []struct {
		role keystore.Role
		who  wire.Access
	}{{keystore.RoleSDMMeta, meta}, {keystore.RoleSDMFile, fileRead}} {
		if x.who >= wire.Free {
			continue
		}
		ref := keystore.Ref{Place: app.Place, Key: x.role.ID()}
		name := a.name(wire.KeyNo(x.who))
		if was, ok := r.doc.refs[ref]; ok && was != name {
			name = "" // files have several: no one is the role
		}
		r.doc.refs[ref] = name
	}
}
