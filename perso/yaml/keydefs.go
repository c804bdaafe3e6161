package yaml

import (
	"errors"
	"regexp"
	"slices"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// keyDef is a key by its name.
type keyDef struct {
	name     string
	at       yamlnode.Position
	versions []keyVersion // newest first
}

// keyVersion is one of the keys that a name had.
type keyVersion struct {
	at        yamlnode.Position
	typ       key.Type
	version   byte
	versioned bool
	recipe    *keystore.Recipe // nil: zero, or the key store has it at its place
	zero      bool
}

// newest is what cards shall hold.
func (k *keyDef) newest() *keyVersion { return &k.versions[0] }

// version is that of the newest, nil if it is not said.
func (k *keyDef) version() *byte {
	v := k.newest()
	if !v.versioned {
		return nil
	}
	b := v.version
	return &b
}

// maxVersions bounds a list: each that is tried on a card may cost an attempt.
const maxVersions = 16

// maxKeys bounds the keys of a layout.
const maxKeys = 4096

// elsewhere says where keys belong.
const elsewhere = "where keys are kept is said by the key store of whoever applies the layout, never by a layout"

var keyName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)

// reserved are no names of keys: they say who may do something, or are no text to
// some readers of YAML.
var reserved = []string{"free", "never", "same", "true", "false", "null"}

// secret says why text does not belong into a layout: it is a key, or names a place
// where one is kept. It is empty for other text.
func secret(text string) (why string) {
	switch err := keystore.CheckData(text); {
	case errors.Is(err, keystore.ErrNotHere):
		return "names where a key is kept"
	case err != nil:
		return "looks like a key"
	}
	return ""
}

// noSecrets notes what looks like a key anywhere below n.
func (r *reader) noSecrets(n *node) bool {
	clean := true
	look := func(x *node) {
		if why := secret(x.Text); x.Kind == yamlnode.Scalar && why != "" {
			r.fault(x.Position, "what stands here %s: %s", why, elsewhere)
			clean = false
		}
	}
	look(n)
	for _, m := range n.Members {
		look(m.Name)
		if m.Name.Text == "system" {
			continue // bytes that keys are derived from, and no key
		}
		clean = r.noSecrets(m.Value) && clean
	}
	for _, x := range n.Items {
		clean = r.noSecrets(x) && clean
	}
	return clean
}

const wantKey = "{type: aes, version: 1, from: MASTER, diversify: {an10922: {uid: true}}}"

// keys reads the keys by name.
func (r *reader) keys(n *node) {
	if !r.members(n, "NAME: "+wantKey+" of each key") {
		return
	}
	clean := r.noSecrets(n)
	if len(n.Members) > maxKeys {
		r.fault(n.Position, "there are %d keys: %d at most", len(n.Members), maxKeys)
		return
	}
	for _, m := range n.Members {
		name := m.Name.Text
		switch first, twice := r.doc.keys[name]; {
		case secret(name) != "":
			continue // said already
		case m.Name.Kind != yamlnode.Scalar || !keyName.MatchString(name):
			r.fault(m.Name.Position, "the name %s of a key: want a letter, then letters, digits and . _ - , 64 at most", yamlnode.Shown(name))
			continue
		case slices.Contains(reserved, name):
			r.fault(m.Name.Position, "a key cannot be called %s, which means something else: take another name", name)
			continue
		case twice:
			r.fault(m.Name.Position, "the key %s stands here a second time, after line %d", name, first.at.Line)
			continue
		}
		k := &keyDef{name: name, at: m.Name.Position}
		if clean {
			r.versions(k, m.Value)
		}
		if len(k.versions) == 0 { // what it is is wrong; that it is there is not
			k.versions = []keyVersion{{at: k.at, typ: key.TypeAES}}
		}
		r.doc.keys[name] = k
		r.doc.names = append(r.doc.names, name)
	}
}

// versions reads a key, or a list of them.
func (r *reader) versions(k *keyDef, n *node) {
	items := []*node{n}
	if n.Kind == yamlnode.Sequence {
		items = n.Items
		if len(items) == 0 || len(items) > maxVersions {
			r.fault(n.Position, "the list of keys has %d: want 1 to %d, the newest first", len(items), maxVersions)
			return
		}
	}
	for _, item := range items {
		v, ok := r.version(item)
		if !ok {
			continue
		}
		if len(items) > 1 && !v.versioned {
			r.fault(item.Position, "version is missing: where a key has several, it tells which of them a card holds")
			continue
		}
		for _, x := range k.versions {
			if x.versioned && v.versioned && x.version == v.version {
				r.fault(item.Position, "version %d stands here a second time, after line %d: it is how cards tell which key they hold", v.version, x.at.Line)
			}
		}
		k.versions = append(k.versions, v)
	}
}

func (r *reader) version(n *node) (v keyVersion, ok bool) {
	v.at = n.Position
	if !r.members(n, wantKey) {
		return v, false
	}
	before := len(r.errs)
	f := r.fields(n, "a key", "type", "version", "from", "diversify", "zero")
	if t, there := f["type"]; !there {
		r.fault(n.Position, "the member type is missing: want des, 2k3des, 3k3des or aes")
	} else {
		v.typ, _ = r.keyType(t, "type")
	}
	if x, there := f["version"]; there {
		var err error
		v.version, err = x.Byte()
		v.versioned = !r.failed(err)
	}
	if x, there := f["zero"]; there {
		v.zero = r.bool(x, "zero")
	}
	if from, there := f["from"]; there {
		r.recipe(&v, from, f["diversify"])
	} else if d, there := f["diversify"]; there {
		r.fault(d.Position, "diversify says how a key is made of a master key: from, its name, is missing")
	}
	if v.zero {
		if x := f["from"]; x != nil {
			r.fault(x.Position, "a key of zeros is made of nothing: leave out from, or zero")
		}
		v.versioned = true // of a key that nobody has changed it is 0
	}
	return v, len(r.errs) == before
}

func (r *reader) recipe(v *keyVersion, from, diversify *node) {
	name, ok := r.text(from, "the name of a master key")
	if !ok {
		return
	}
	if keystore.CheckName(name) != nil {
		r.fault(from.Position, "from is %s: want the name of a master key, letters, digits and . _ -", from.Describe())
		return
	}
	rc := &keystore.Recipe{Master: name, Type: v.typ, Typed: true, Version: v.version, Versioned: v.versioned}
	if diversify != nil {
		d, err := diversify.Diversify("", v.typ == key.TypeAES)
		if r.failed(err) {
			return
		}
		rc.Diversify = (*keystore.Diversification)(d)
	}
	v.recipe = rc
}

// key reads the name of a key of the layout.
func (r *reader) key(n *node, what string) (*keyDef, bool) {
	name, ok := r.text(n, "the name of a key")
	if !ok {
		return nil, false
	}
	if k, ok := r.doc.keys[name]; ok {
		return k, true
	}
	switch why := secret(name); {
	case why != "":
		r.fault(n.Position, "%s: what stands here %s; want the name of a key: %s", what, why, elsewhere)
	case digits.MatchString(name):
		r.fault(n.Position, "%s is %s: want the name of one of the keys of the layout, not a number", what, yamlnode.Shown(name))
	default:
		r.fault(n.Position, "%s is %s, which is none of the keys of the layout: %sadd it to keys", what, yamlnode.Shown(name), r.meant(name, r.doc.names))
	}
	return nil, false
}

var digits = regexp.MustCompile(`^[0-9]+$|^0x`)

// place notes where a key is used, and that it can be there.
func (r *reader) place(n *node, k *keyDef, ref keystore.Ref) {
	r.doc.refs[ref] = k.name
	r.doc.uses = append(r.doc.uses, placed{n.Position, ref, k})
	for _, v := range k.versions {
		if rc := v.recipe; rc != nil && rc.Diversify != nil && rc.Diversify.AID && (ref.Place.Fixed || ref.Place.Name != "") {
			r.fault(n.Position, "the key %s is derived from the AID (line %d), and %s has none: leave out aid", k.name, v.at.Line, ref.Place.Words())
		}
	}
}

// sameType notes keys whose type is not that of where they are used.
func (r *reader) sameType(n *node, k *keyDef, t wire.KeyType, what string) {
	for _, v := range k.versions {
		if v.typ.Wire() != t {
			r.fault(n.Position, "the key %s is of type %v (line %d), and %s has keys of type %v", k.name, v.typ, v.at.Line, what, t)
			return
		}
	}
}
