package yaml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// card reads the level of the card.
func (r *reader) card(n *node) {
	r.doc.card.at = n.Position
	if !r.members(n, "generations and what the card itself should be") {
		return
	}
	f := r.fields(n, "card", "generations", "master", "settings", "keys", "options", "irreversible")
	r.doc.card.members = f
	if g, ok := f["generations"]; ok {
		r.generations(g)
	} else {
		r.fault(n.Position, "the member generations is missing: want those that the layout is for, such as [ev2, ev3]")
	}
	fixed, mixed := r.fixed()
	if mixed {
		r.fault(f["generations"].Position, "light and ntag424 have one application of their own, without an AID: one layout is for them, or for the others")
		return
	}
	level := &perso.Level{}
	if m, ok := f["master"]; ok {
		if fixed {
			r.fault(m.Position, "light and ntag424 have no PICC master key: name it under the application's keys")
		} else if k, ok := r.key(m, "master"); ok {
			r.doc.card.master = &use{m.Position, k.name, 0}
			r.place(m, k, keystore.Ref{Key: keystore.Number(0)})
			level.Keys = append(level.Keys, perso.KeyWant{No: 0, Version: k.version(), Label: k.name})
		}
	}
	if s, ok := f["settings"]; ok {
		if fixed {
			r.fault(s.Position, "the settings of light and ntag424 are fixed: leave them out")
		} else {
			level.KeySettings = r.settings(s, nil)
		}
	}
	if k, ok := f["keys"]; ok {
		r.cardKeys(k, level)
	}
	r.options(f["options"], f["irreversible"], level)
	if level.KeySettings != nil || level.Keys != nil || level.Options != nil {
		r.doc.layout.Card = level
	}
}

func (r *reader) generations(n *node) {
	if !r.list(n, "a list of generations, such as [ev2, ev3]") {
		return
	}
	var names []string
	for _, g := range wire.Generations {
		names = append(names, strings.ToLower(g.String()))
	}
	if len(n.Items) == 0 {
		r.fault(n.Position, "generations is empty: want some of %s", yamlnode.Either(names))
	}
	for _, item := range n.Items {
		s, ok := r.word(item, "a generation", names...)
		if !ok {
			continue
		}
		g, _ := wire.ParseGeneration(s)
		if slices.Contains(r.doc.layout.Generations, g) {
			r.fault(item.Position, "%s stands here twice", s)
			continue
		}
		r.doc.layout.Generations = append(r.doc.layout.Generations, g)
	}
}

// fixed reports whether the layout is for cards whose application is there from the
// start, or mixes them with others.
func (r *reader) fixed() (fixed, mixed bool) {
	others := false
	for _, g := range r.doc.layout.Generations {
		if g.FixedName() != nil {
			fixed = true
		} else {
			others = true
		}
	}
	return fixed, fixed && others
}

// settings reads key setting 1, of the card where a is nil. What is not said is as
// most want it: lists are free, all else is for the master key.
func (r *reader) settings(n *node, a *application) *wire.KeySett1 {
	ofCard := a == nil
	names := []string{"list", "create", "change-settings", "master-key"}
	if !ofCard {
		names = append(names, "change-keys")
	}
	s := wire.SettMasterChangeable | wire.SettFreeDirectory | wire.SettChangeable
	if !r.members(n, "settings such as {list: free, create: master}") {
		return &s
	}
	f := r.fields(n, "settings", names...)
	for _, name := range names {
		v, ok := f[name]
		if !ok {
			continue
		}
		if name == "change-keys" {
			r.changeKeys(v, a, &s)
			continue
		}
		if word, ok := r.word(v, name, inspect.SettingValues(inspect.Setting(name), ofCard)...); ok {
			if err := inspect.Set(&s, inspect.Setting(name), word, ofCard); err != nil {
				r.fault(v.Position, "%v", err)
			}
		}
	}
	return &s
}

// changeKeys reads who changes the keys of an application.
func (r *reader) changeKeys(n *node, a *application, s *wire.KeySett1) {
	word, ok := r.text(n, "master, same, never, or the name of a key")
	if !ok {
		return
	}
	var who wire.Access
	switch word {
	case "master":
		if no, there := a.numbers["master"]; there && !slices.Contains(no, 0) {
			r.fault(n.Position, "change-keys is master, which is the master key, and here the name of key %d too: give that another name", no[0])
		}
	case "same":
		who = wire.Free
	case "never":
		who = wire.Never
	default:
		if who, ok = r.access(n, a, "change-keys", "master", "same", "never"); !ok {
			return
		}
	}
	*s = *s&0x0F | wire.SettChangeKey(who)
}

// Roles of keys of the card, and of an application that has its own.
var (
	cardRoles = []keystore.Role{
		keystore.RoleDAMAuth, keystore.RoleDAMMAC, keystore.RoleDAMEnc,
		keystore.RoleVCConfiguration, keystore.RoleProximity, keystore.RoleVCSelectMAC, keystore.RoleVCSelectEnc,
	}
	appRoles = []keystore.Role{keystore.RoleProximity, keystore.RoleVCSelectMAC, keystore.RoleVCSelectEnc}
)

// cardKeys reads the keys of the card that have roles.
func (r *reader) cardKeys(n *node, level *perso.Level) {
	r.roleKeys(n, cardRoles, wire.Place{}, func(k perso.KeyWant, u use) {
		level.Keys = append(level.Keys, k)
		r.doc.card.keys = append(r.doc.card.keys, u)
	})
}

// roleKeys reads keys by their roles.
func (r *reader) roleKeys(n *node, roles []keystore.Role, place wire.Place, add func(perso.KeyWant, use)) {
	if !r.members(n, "ROLE: KEYNAME of each key") {
		return
	}
	var names []string
	for _, role := range roles {
		names = append(names, role.String())
	}
	f := r.fields(n, "keys", names...)
	for i, role := range roles {
		v, ok := f[names[i]]
		if !ok {
			continue
		}
		k, ok := r.key(v, names[i])
		if !ok {
			continue
		}
		_, no, _ := role.ID().Number()
		r.sameType(v, k, wire.KeyAES, fmt.Sprintf("the role %v", role))
		r.place(v, k, keystore.Ref{Place: place, Key: role.ID()})
		add(perso.KeyWant{No: no, Version: k.version(), Label: k.name}, use{v.Position, k.name, no})
	}
}
