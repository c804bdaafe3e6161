package keyring

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// format is what the first member of a keyring says.
const format = "keys/v1"

// maxSlots bounds a list: each that is tried on a card may cost an attempt.
const maxSlots = 16

// decode makes a ring's entries of a file.
func (r *Ring) decode(root *node) error {
	if err := root.wantMembers("desfire: " + format + ", and keys"); err != nil {
		return err
	}
	f, err := root.fields("a keyring", "desfire", "masters", "keys", "cards")
	if err != nil {
		return err
	}
	version, ok := f["desfire"]
	if !ok {
		return root.fault("the member desfire is missing: want desfire: %s", format)
	}
	if version.text != format {
		return version.fault("desfire is %s: this program reads %s", version.describe(), format)
	}
	if n, ok := f["masters"]; ok && !n.empty() {
		if err := r.decodeMasters(n); err != nil {
			return err
		}
	}
	if n, ok := f["keys"]; ok && !n.empty() {
		if err := r.decodePlaces(n, ""); err != nil {
			return err
		}
	}
	if n, ok := f["cards"]; ok && !n.empty() {
		return r.decodeCards(n)
	}
	return nil
}

// keyDigits is the length of the shortest key in hexadecimal.
const keyDigits = 16

var masterName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (r *Ring) decodeMasters(n *node) error {
	if err := n.wantMembers("NAME: KEY of each master key"); err != nil {
		return err
	}
	for _, m := range n.members {
		name := m.name.text
		if !masterName.MatchString(name) {
			return m.name.fault("the name %s of a master key: want letters, digits and . _ - , 64 at most", shown(name))
		}
		if hexRun(name) >= keyDigits {
			return m.name.fault("the name of a master key looks like a key: take another")
		}
		if _, twice := r.masters[name]; twice {
			return m.name.fault("the master key %s stands here a second time", shown(name))
		}
		c, err := r.decodeSpec(m.value, "master key "+name)
		if err != nil {
			return err
		}
		r.masters[name] = c
		r.names = append(r.names, name)
	}
	return nil
}

func (r *Ring) decodeCards(n *node) error {
	if err := n.wantMembers("UID: {PLACE: {KEY: ...}} of each card"); err != nil {
		return err
	}
	seen := map[keystore.UID]position{}
	for _, m := range n.members {
		ref, err := keystore.ParseRef(m.name.text + "/card/0")
		if err != nil || ref.UID == "" {
			return m.name.fault("a card is named by its UID, 4, 7 or 10 bytes in hexadecimal, not by %s", shown(m.name.text))
		}
		if first, twice := seen[ref.UID]; twice {
			return m.name.fault("this card stands here a second time, after line %d", first.line)
		}
		seen[ref.UID] = m.name.position
		if err := r.decodePlaces(m.value, ref.UID); err != nil {
			return err
		}
	}
	return nil
}

// decodePlaces reads {PLACE: {KEY: SLOT}}, of one card or of all.
func (r *Ring) decodePlaces(n *node, uid keystore.UID) error {
	if err := n.wantMembers("PLACE: {KEY: ...} of the card level and each application"); err != nil {
		return err
	}
	seen := map[wire.Place]position{}
	for _, m := range n.members {
		place, err := wire.ParsePlace(m.name.text)
		if err != nil {
			return m.name.fault("%s is no place: want card, app, an AID of six hexadecimal digits, or df: and a DF name in hexadecimal", shown(m.name.text))
		}
		if first, twice := seen[place]; twice {
			return m.name.fault("%v stands here a second time, after line %d", place, first.line)
		}
		seen[place] = m.name.position
		if err := m.value.wantMembers("KEY: ... of each key of " + place.String()); err != nil {
			return err
		}
		for _, k := range m.value.members {
			id, err := keystore.ParseID(k.name.text)
			if err != nil {
				return k.name.fault("%s names no key: want a number from 0 to 63, without zeros before it, SET:NUMBER, or a role such as tmac or proximity", shown(k.name.text))
			}
			ref := keystore.Ref{UID: uid, Place: place, Key: id}
			if _, twice := r.slots[ref]; twice {
				return k.name.fault("key %v of %v stands here a second time", id, place)
			}
			slots, err := r.decodeSlots(k.value, ref)
			if err != nil {
				return err
			}
			r.slots[ref] = slots
			r.refs = append(r.refs, ref)
		}
	}
	return nil
}

// decodeSlots reads a key, or a list of them.
func (r *Ring) decodeSlots(n *node, ref keystore.Ref) ([]*slot, error) {
	if n.kind != sequence {
		s, err := r.decodeSlot(n, ref)
		return []*slot{s}, err
	}
	switch {
	case len(n.items) == 0:
		return nil, n.fault("the list of keys is empty")
	case len(n.items) > maxSlots:
		return nil, n.fault("the list has %d keys: %d at most", len(n.items), maxSlots)
	}
	var slots []*slot
	for _, item := range n.items {
		s, err := r.decodeSlot(item, ref)
		if err != nil {
			return nil, err
		}
		slots = append(slots, s)
	}
	return slots, nil
}

// splitName is what the parser makes of the rest of a name with a colon.
var splitName = regexp.MustCompile(`^[0-9A-Za-z]+ ?: `)

const wantKey = `a key: TYPE:HEX, "@FILE", env:NAME, exec:PROGRAM, prompt, or {from: MASTER}`

func (r *Ring) decodeSlot(n *node, ref keystore.Ref) (*slot, error) {
	if n.kind != mapping {
		c, err := r.decodeSpec(n, ref.Words())
		return &slot{ring: r, master: c}, err
	}
	f, err := n.fields("a key", "from", "version", "type", "diversify")
	if err != nil {
		return nil, err
	}
	from, ok := f["from"]
	if !ok {
		return nil, n.fault("the member from is missing: want the name of a master key")
	}
	name, err := from.wantText("the name of a master key")
	if err != nil {
		return nil, err
	}
	s := &slot{ring: r, recipe: keystore.Recipe{Master: name}}
	rc := &s.recipe
	if s.master = r.masters[name]; s.master == nil {
		return nil, from.fault("there is no master key %s in masters", shown(name))
	}
	if v, ok := f["version"]; ok {
		if rc.Version, err = v.byte(); err != nil {
			return nil, err
		}
		rc.Versioned = true
	}
	known := s.master.written().Type
	if t, ok := f["type"]; ok {
		if rc.Type, err = key.ParseType(t.text); err != nil || t.kind != scalar {
			return nil, t.fault("type is %s: want des, 2k3des, 3k3des or aes", t.describe())
		}
		rc.Typed = true
		if known != "" && !keystore.OneType(known, rc.Type.String()) {
			return nil, t.fault("type is %v, and the master key %s is of type %s", rc.Type, shown(name), known)
		}
		known = rc.Type.String()
	}
	if d, ok := f["diversify"]; ok {
		rc.Diversify, err = decodeDiversify(d, ref.Place, known)
	}
	return s, err
}

// byte reads a version.
func (n *node) byte() (byte, error) {
	digits, base := n.text, 10
	if rest, ok := strings.CutPrefix(n.text, "0x"); ok {
		digits, base = rest, 16
	}
	v, err := strconv.ParseUint(digits, base, 8)
	if n.kind != scalar || n.quoted || err != nil || base == 10 && len(digits) > 1 && digits[0] == '0' {
		return 0, n.fault("version is %s: want a number, 0 to 255, or 0x00 to 0xFF", n.describe())
	}
	return byte(v), nil
}

// decodeDiversify reads the input of AN10922.
func decodeDiversify(n *node, place wire.Place, known string) (*keystore.Diversification, error) {
	const want = `{an10922: {uid: true, aid: true, system: "TEXT"}}`
	if err := n.wantMembers(want); err != nil {
		return nil, err
	}
	f, err := n.fields("diversify", "an10922")
	if err != nil {
		return nil, err
	}
	in, ok := f["an10922"]
	if !ok {
		return nil, n.fault("want %s", want)
	}
	if err := in.wantMembers("uid, aid and system as your system has them"); err != nil {
		return nil, err
	}
	if f, err = in.fields("an10922", "uid", "aid", "system"); err != nil {
		return nil, err
	}
	d := new(keystore.Diversification)
	size := 0
	if v, ok := f["uid"]; ok {
		if d.UID, err = v.bool("uid"); err != nil {
			return nil, err
		}
	}
	if d.UID {
		size += 4 // at least
	}
	if v, ok := f["aid"]; ok {
		if d.AID, err = v.bool("aid"); err != nil {
			return nil, err
		}
		if d.AID && (place.Fixed || place.Name != "") {
			return nil, v.fault("%v has no AID", place)
		}
	}
	if d.AID {
		size += 3
	}
	if v, ok := f["system"]; ok {
		text, err := v.wantText("the identifier of the system")
		if err != nil {
			return nil, err
		}
		d.System = an10922.System(text)
		if strings.HasPrefix(text, "hex:") && string(d.System) == text {
			return nil, v.fault("system: want hexadecimal digits after hex:")
		}
		size += len(d.System)
	}
	limit := 31
	if known != "" && known != key.TypeAES.String() {
		limit = 15
	}
	switch {
	case size == 0:
		return nil, in.fault("nothing to derive from: want uid: true, aid: true or system")
	case size > limit:
		return nil, in.fault("UID, AID and system make %d bytes or more: %d at most", size, limit)
	}
	return d, nil
}

func (n *node) bool(what string) (bool, error) {
	if n.kind != scalar || n.quoted || n.text != "true" && n.text != "false" {
		return false, n.fault("%s is %s: want true or false", what, n.describe())
	}
	return n.text == "true", nil
}

// decodeSpec reads a key in its written form, or enciphered.
func (r *Ring) decodeSpec(n *node, what string) (*cell, error) {
	text, err := n.wantText(wantKey)
	if err != nil {
		return nil, err
	}
	c := &cell{ring: r, what: what, turn: make(chan struct{}, 1), source: fmt.Sprintf("%s:%d", r.name, n.line)}
	if keystore.Encrypted([]byte(text)) {
		if c.sealed, err = dearmor([]byte(text)); err != nil {
			return nil, n.fault("the block of age is damaged: %v", err)
		}
		return c, nil
	}
	if c.spec, err = keystore.ParseSpec(text); err != nil {
		reason := strings.TrimPrefix(err.Error(), "keystore: ")
		switch {
		case !strings.Contains(text, ":") && shown(text) == strconv.Quote(text):
			reason = shown(text) + " is no key"
		case !n.quoted && splitName.MatchString(text):
			reason += "; between braces, names with a colon such as 1:2 stand in quotes"
		}
		return nil, n.fault("want %s: %s", wantKey, reason)
	}
	if s := c.spec.Source(); s != "" {
		c.source += " " + s
	}
	return c, nil
}

var errLong = errors.New("what is in it is too large")
