package yaml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// further reads what applications of EV2 and later have besides.
func (r *reader) further(f map[string]*node, a *application, out *perso.Application) {
	if out.Place.Fixed {
		for _, name := range []string{"options", "key-sets", "vc-keys", "delegated"} {
			if v, ok := f[name]; ok {
				r.fault(v.Position, "light and ntag424 have no %s: leave it out", name)
			}
		}
		return
	}
	if v, ok := f["options"]; ok {
		r.appOptions(v, out)
	}
	if v, ok := f["key-sets"]; ok {
		r.keySets(v, a, out)
	}
	if v, ok := f["vc-keys"]; ok {
		if !out.KeySett3.Has(wire.SettVCKeys) {
			r.fault(v.Position, "vc-keys are of applications with own-vc-keys: add it to options")
		}
		r.roleKeys(v, appRoles, out.Place, func(k perso.KeyWant, u use) {
			out.VCKeys = append(out.VCKeys, k)
			a.others = append(a.others, u)
		})
	}
	if v, ok := f["delegated"]; ok {
		r.delegated(v, out)
	}
}

// appOptions are key setting 3 by words.
var appOptions = []struct {
	word string
	flag wire.KeySett3
}{
	{"own-vc-keys", wire.SettVCKeys},
	{"own-capabilities", wire.SettCapabilities},
	{"master-deletes", wire.SettMasterDelete},
}

func (r *reader) appOptions(n *node, out *perso.Application) {
	var words []string
	for _, o := range appOptions {
		words = append(words, o.word)
	}
	if !r.list(n, "a list of "+strings.Join(words, ", ")) {
		return
	}
	for _, item := range n.Items {
		s, ok := r.word(item, "an option", words...)
		if !ok {
			continue
		}
		flag := appOptions[slices.Index(words, s)].flag
		if out.KeySett3.Has(flag) {
			r.fault(item.Position, "%s stands here twice", s)
		}
		out.KeySett3 |= flag
	}
}

// keySets reads key sets, and which of their keys.
func (r *reader) keySets(n *node, a *application, out *perso.Application) {
	if !r.members(n, "active-version, roll and sets") {
		return
	}
	f := r.fields(n, "key-sets", "active-version", "max-key-size", "roll", "count", "sets")
	c := &wire.KeySetConfig{NoKeySets: 2, MaxKeySize: 16}
	if out.KeyType == wire.Key3K3DES {
		c.MaxKeySize = 24
	}
	if v, ok := f["active-version"]; ok {
		b, err := v.Byte()
		r.failed(err)
		c.AKSVersion = wire.KeyVersion(b)
	}
	if v, ok := f["max-key-size"]; ok {
		if s, ok := r.number(v, "max-key-size", 16, 24); ok && s != 16 && s != 24 {
			r.fault(v.Position, "max-key-size is %d: want 16, or 24 where sets have 3K3DES keys", s)
		} else if ok {
			c.MaxKeySize = uint8(s)
		}
	}
	if v, ok := f["roll"]; ok {
		if who, ok := r.access(v, a, "roll"); ok {
			if who > 7 {
				r.fault(v.Position, "roll is key %d: the key that rolls sets is one of 0 to 7", who)
			}
			c.AppKeySetSett = uint8(who)
		}
	}
	out.KeySets = c
	out.KeySett3 |= wire.SettKeySets
	sets, ok := f["sets"]
	if ok && r.members(sets, "NUMBER: {version, keys} of each key set but the active one") {
		for _, m := range sets.Members {
			r.keySet(m, a, out)
		}
	}
	for _, s := range out.Sets {
		c.NoKeySets = max(c.NoKeySets, uint8(s.Set)+1)
	}
	if v, ok := f["count"]; ok {
		if x, ok := r.number(v, "count", 2, 16); ok {
			if uint8(x) < c.NoKeySets && len(out.Sets) > 0 {
				r.fault(v.Position, "count is %d, with the active one, and there is a set %d", x, c.NoKeySets-1)
			}
			c.NoKeySets = uint8(x)
		}
	}
}

func (r *reader) keySet(m yamlnode.Member, a *application, out *perso.Application) {
	no, ok := r.number(m.Name, "the number of a key set", 1, 15)
	if !ok || !r.members(m.Value, "{version: 2, keys: {master: KEYNAME}}") {
		return
	}
	s := perso.KeySetWant{Set: wire.KeySetNo(no), Type: key.FromWire(out.KeyType)}
	for _, x := range out.Sets {
		if x.Set == s.Set {
			r.fault(m.Name.Position, "key set %d stands here a second time", no)
			return
		}
	}
	f := r.fields(m.Value, "a key set", "version", "type", "keys")
	if v, ok := f["version"]; ok {
		b, err := v.Byte()
		if !r.failed(err) && b == 0 {
			r.fault(v.Position, "version is 0, which a set has that was never filled: want 1 to 255")
		}
		s.Version = wire.KeyVersion(b)
	} else {
		r.fault(m.Value.Position, "the member version of the key set is missing: want a number, 1 to 255")
	}
	if v, ok := f["type"]; ok {
		if t, ok := r.keyType(v, "type"); ok {
			s.Type = t
		}
	}
	if s.Type == key.Type3K3DES && out.KeySets.MaxKeySize < 24 {
		r.fault(m.Value.Position, "keys of type 3K3DES need max-key-size: 24")
	}
	if v, ok := f["keys"]; ok && r.members(v, "NUMBER: KEYNAME of each key of the set") {
		r.setKeys(v, &s, a, out)
	}
	out.Sets = append(out.Sets, s)
}

// setKeys reads the keys of a key set.
func (r *reader) setKeys(n *node, s *perso.KeySetWant, a *application, out *perso.Application) {
	for _, m := range n.Members {
		no := int64(0)
		if m.Name.Text != "master" {
			var ok bool
			if no, ok = r.number(m.Name, "the number of a key", 0, int64(out.KeyCount)-1); !ok {
				continue
			}
		}
		if slices.ContainsFunc(s.Keys, func(k perso.KeyWant) bool { return int64(k.No) == no }) {
			r.fault(m.Name.Position, "key %d stands here a second time", no)
			continue
		}
		k, ok := r.key(m.Value, fmt.Sprintf("key %d", no))
		if !ok {
			continue
		}
		r.sameType(m.Value, k, s.Type.Wire(), fmt.Sprintf("key set %d", s.Set))
		r.place(m.Value, k, keystore.Ref{Place: out.Place, Key: keystore.InSet(s.Set, wire.KeyNo(no))})
		a.others = append(a.others, use{m.Value.Position, k.name, wire.KeyNo(no)})
		s.Keys = append(s.Keys, perso.KeyWant{No: wire.KeyNo(no), Version: k.version(), Label: k.name})
	}
}

// delegated reads how an application is made in memory of the issuer.
func (r *reader) delegated(n *node, out *perso.Application) {
	if !r.members(n, "{slot: 1, version: 0, quota: 32}, or {signed: FILE}") {
		return
	}
	f := r.fields(n, "delegated", "slot", "version", "quota", "signed")
	d := &perso.Delegation{}
	out.Delegated = d
	signed, isSigned := f["signed"]
	if isSigned {
		if d.Signed = r.signed(signed, out); d.Signed == nil {
			return
		}
		d.Slot, d.Version, d.Quota = d.Signed.Slot, d.Signed.SlotVersion, d.Signed.Quota
	}
	number := func(name string, low, high, was int64) int64 {
		v, ok := f[name]
		if !ok {
			if !isSigned && name != "version" {
				r.fault(n.Position, "the member %s is missing: want a number from %d to %d", name, low, high)
			}
			return was
		}
		x, ok := r.number(v, name, low, high)
		if ok && isSigned && x != was {
			r.fault(v.Position, "%s is %d, and %d in what was signed", name, x, was)
		}
		return x
	}
	d.Slot = uint16(number("slot", 0, 0xFFFF, int64(d.Slot)))
	d.Version = byte(number("version", 0, 0xFF, int64(d.Version)))
	d.Quota = uint16(number("quota", 1, 0xFFFF, int64(d.Quota)))
}

// signed reads a command that the issuer of the card has signed, and compares it
// with the layout: it cannot be made otherwise.
func (r *reader) signed(n *node, out *perso.Application) *wire.CreateDelegatedApplication {
	text := r.contentFile(n)
	if text == nil {
		return nil
	}
	m, err := dam.Decode(text)
	if err != nil {
		r.fault(n.Position, "signed: %v", err)
		return nil
	}
	for _, x := range []struct {
		what         string
		signed, here any
	}{
		{"aid", m.AID, out.Place.AID},
		{"key-type", m.KS2.KeyType(), out.KeyType},
		{"key-count", m.KS2.Keys(), out.KeyCount},
		{"iso-id", m.FID, out.ISOID},
		{"df-name", fmt.Sprintf("%X", m.DFName), fmt.Sprintf("%X", out.DFName)},
		{"options", m.KS3 &^ wire.SettKeySets, out.KeySett3 &^ wire.SettKeySets},
	} {
		if x.signed != x.here {
			r.fault(n.Position, "%s is %v in what was signed, and %v in the layout: what was signed cannot be changed", x.what, x.signed, x.here)
		}
	}
	return m
}

// fileWords names a file.
func (d *Document) fileWords(i, j int) string {
	f := &d.layout.Applications[i].Files[j]
	name := fmt.Sprintf("file %d of %s", f.No, d.appWords(i))
	if f.Label != "" {
		name += " (" + f.Label + ")"
	}
	return name
}
