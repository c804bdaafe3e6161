package yaml

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// placed is a key where it is used.
type placed struct {
	at  yamlnode.Position
	ref keystore.Ref
	key *keyDef
}

// words names the place.
func (p *placed) words() string {
	w := p.ref.Key.Words()
	if p.ref.Place.IsCard() {
		if p.ref.Key == keystore.Number(0) {
			return "the PICC master key"
		}
		return w + " of the card"
	}
	return w + " of " + p.ref.Place.Words()
}

// alias reports whether a place is only another name of one: who checks messages
// knows keys by what they do.
func (p *placed) alias() bool {
	role, ok := p.ref.Key.Role()
	return ok && (role == keystore.RoleSDMMeta || role == keystore.RoleSDMFile)
}

// keyDefs judges keys one by one.
func (l *linter) keyDefs() {
	meta := map[string]bool{}
	for ref, name := range l.refs {
		if role, ok := ref.Key.Role(); ok && role == keystore.RoleSDMMeta {
			meta[name] = true
		}
	}
	for _, name := range l.names {
		k := l.keys[name]
		v := k.newest()
		if v.zero {
			l.add(v.at, SeverityWarning, "the key %s is zeros, which everybody knows", name)
			continue
		}
		if v.typ == key.TypeDES {
			l.add(v.at, SeverityWarning, "the key %s is a DES key of 56 bits: all of them can be tried", name)
		}
		switch rc := v.recipe; {
		case !v.versioned:
			l.add(v.at, SeverityWarning, "the version of the key %s is not said: nobody can see which one a card holds", name)
		case v.version == 0 && rc != nil:
			l.add(v.at, SeverityWarning, "the version of the key %s is 0, which new keys have too: nobody can see whether a card holds it; take another", name)
		}
		switch rc := v.recipe; {
		case rc == nil, rc.Diversify != nil && rc.Diversify.UID:
		case meta[name]:
			l.add(v.at, SeverityNote, "the key %s is the same on all cards, as a key must be that tells which card it is", name)
		case rc.Diversify == nil:
			l.add(v.at, SeverityWarning, "the key %s is the master key %s itself, on all cards: whoever reads it out of one has them all", name, rc.Master)
		default:
			l.add(v.at, SeverityWarning, "the key %s is not made of the UID: it is the same on all cards, and whoever reads it out of one has them all", name)
		}
	}
	l.defaultKey()
}

// defaultKey compares versions of keys with that of the key before them.
func (l *linter) defaultKey() {
	name, ok := l.refs[keystore.Ref{Key: keystore.RoleDefault.ID()}]
	if !ok {
		return
	}
	def := l.keys[name].newest()
	for i, a := range l.apps {
		for _, u := range a.keys {
			v := l.keys[u.name].newest()
			if def.versioned && v.versioned && def.version == v.version && u.name != name && !l.layout.Applications[i].Place.Fixed {
				l.add(u.at, SeverityWarning, "the key %s has version %d, and so has the default key %s that is there before it: nobody can see which one a card holds", u.name, v.version, name)
			}
		}
	}
}

// sameKeys finds keys that are one: whoever has it at one place has the other.
func (l *linter) sameKeys() {
	groups := map[string][]placed{}
	var order []string
	for _, p := range l.uses {
		if p.alias() {
			continue
		}
		v := p.key.newest()
		if v.recipe == nil {
			continue // of the key store: which one it is is not known here
		}
		id := identity(v, p.ref)
		if groups[id] == nil {
			order = append(order, id)
		}
		groups[id] = append(groups[id], p)
	}
	for _, id := range order {
		group := groups[id]
		if len(group) < 2 {
			continue
		}
		var where, names []string
		for _, p := range group {
			where = append(where, p.words())
			if !slices.Contains(names, p.key.name) {
				names = append(names, p.key.name)
			}
		}
		if len(where) > 5 {
			where = append(where[:4:4], fmt.Sprintf("%d more", len(group)-4))
		}
		list := andWords(where)
		if len(names) == 1 {
			l.add(group[1].at, SeverityWarning, "%s are one key, %s: whoever has it for one has it for the others", list, names[0])
			continue
		}
		l.add(group[1].at, SeverityWarning, "%s are one key, since %s are made alike: give each a system of its own, or aid: true", list, andWords(names))
	}
}

// identity is what a key is made of.
func identity(v *keyVersion, ref keystore.Ref) string {
	d := v.recipe.Diversify
	if d == nil {
		return v.recipe.Master
	}
	aid := ""
	if d.AID {
		aid = ref.Place.AID.String()
	}
	return fmt.Sprintf("%s|%t|%s|%X", v.recipe.Master, d.UID, aid, d.System)
}

// randomUID asks how cards are known that do not tell their UID any more.
func (l *linter) randomUID() {
	at, ok := l.card.options[perso.OptionRandomUID]
	if !ok {
		return
	}
	masters, unknown := 0, false
	for _, p := range l.uses {
		if p.ref.Key != keystore.Number(0) {
			continue
		}
		masters++
		v := p.key.newest()
		if v.zero || v.recipe != nil && !v.recipe.NeedsUID() {
			return
		}
		unknown = unknown || v.recipe == nil
	}
	for i, a := range l.apps {
		if a.name(0) == "" && l.layout.Applications[i].KeyType != wire.KeyDES {
			return // zeros open it, which is another finding
		}
	}
	switch {
	case unknown:
		l.add(at, SeverityNote, "random-uid: a card then tells its UID only to the master key of the card or of an application, and all but those of the key store are made of the UID: one there must be the same on all cards")
	case masters > 0:
		l.add(at, SeverityError, "random-uid: a card then tells its UID only to the master key of the card or of an application, and all of these are made of the UID: nobody could find out which card it is; make one without uid")
	}
}
