package keyring

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// format is what the first member of a keyring says.
const format = "keys/v1"

// maxSlots bounds a list: each that is tried on a card may cost an attempt.
const maxSlots = 16

// words are what errors say of keyrings.
var words = yamlnode.Words{
	Empty: "desfire: keys/v1, and keys",
	Deep:  "a keyring has places in keys, keys in places, and lists of keys",
	At:    `text that begins with @ must be in quotes: "@FILE"`,
}

// fields takes the members of a mapping by name.
func fields(n *yamlnode.Node, what string, names ...string) (map[string]*yamlnode.Node, error) {
	f, faults := n.Fields(what, names...)
	if len(faults) > 0 {
		return nil, faults[0]
	}
	return f, nil
}

// decode makes a ring's entries of a file.
func (r *Ring) decode(root *yamlnode.Node) error {
	if err := root.WantMembers("desfire: " + format + ", and keys"); err != nil {
		return err
	}
	f, err := fields(root, "a keyring", "desfire", "masters", "keys", "cards")
	if err != nil {
		return err
	}
	version, ok := f["desfire"]
	if !ok {
		return root.Fault("the member desfire is missing: want desfire: %s", format)
	}
	if version.Text != format {
		return version.Fault("desfire is %s: this program reads %s", version.Describe(), format)
	}
	if n, ok := f["masters"]; ok && !n.Empty() {
		if err := r.decodeMasters(n); err != nil {
			return err
		}
	}
	if n, ok := f["keys"]; ok && !n.Empty() {
		if err := r.decodePlaces(n, ""); err != nil {
			return err
		}
	}
	if n, ok := f["cards"]; ok && !n.Empty() {
		return r.decodeCards(n)
	}
	return nil
}

func (r *Ring) decodeMasters(n *yamlnode.Node) error {
	if err := n.WantMembers("NAME: KEY of each master key"); err != nil {
		return err
	}
	for _, m := range n.Members {
		name := m.Name.Text
		if err := keystore.CheckName(name); err != nil {
			return m.Name.Fault("a master key: %v", err)
		}
		if _, twice := r.masters[name]; twice {
			return m.Name.Fault("the master key %s stands here a second time", yamlnode.Shown(name))
		}
		c, err := r.decodeSpec(m.Value, "master key "+name)
		if err != nil {
			return err
		}
		r.masters[name] = c
		r.names = append(r.names, name)
	}
	return nil
}

func (r *Ring) decodeCards(n *yamlnode.Node) error {
	if err := n.WantMembers("UID: {PLACE: {KEY: ...}} of each card"); err != nil {
		return err
	}
	seen := map[keystore.UID]yamlnode.Position{}
	for _, m := range n.Members {
		ref, err := keystore.ParseRef(m.Name.Text + "/card/0")
		if err != nil || ref.UID == "" {
			return m.Name.Fault("a card is named by its UID, 4, 7 or 10 bytes in hexadecimal, not by %s", yamlnode.Shown(m.Name.Text))
		}
		if first, twice := seen[ref.UID]; twice {
			return m.Name.Fault("this card stands here a second time, after line %d", first.Line)
		}
		seen[ref.UID] = m.Name.Position
		if err := r.decodePlaces(m.Value, ref.UID); err != nil {
			return err
		}
	}
	return nil
}

// decodePlaces reads {PLACE: {KEY: SLOT}}, of one card or of all.
func (r *Ring) decodePlaces(n *yamlnode.Node, uid keystore.UID) error {
	if err := n.WantMembers("PLACE: {KEY: ...} of the card level and each application"); err != nil {
		return err
	}
	seen := map[wire.Place]yamlnode.Position{}
	for _, m := range n.Members {
		place, err := wire.ParsePlace(m.Name.Text)
		if err != nil {
			return m.Name.Fault("%s is no place: want card, app, an AID of six hexadecimal digits, or df: and a DF name in hexadecimal", yamlnode.Shown(m.Name.Text))
		}
		if first, twice := seen[place]; twice {
			return m.Name.Fault("%v stands here a second time, after line %d", place, first.Line)
		}
		seen[place] = m.Name.Position
		if err := m.Value.WantMembers("KEY: ... of each key of " + place.String()); err != nil {
			return err
		}
		for _, k := range m.Value.Members {
			id, err := keystore.ParseID(k.Name.Text)
			if err != nil {
				return k.Name.Fault("%s names no key: want a number from 0 to 63, without zeros before it, SET:NUMBER, or a role such as tmac or proximity", yamlnode.Shown(k.Name.Text))
			}
			ref := keystore.Ref{UID: uid, Place: place, Key: id}
			if _, twice := r.slots[ref]; twice {
				return k.Name.Fault("key %v of %v stands here a second time", id, place)
			}
			slots, err := r.decodeSlots(k.Value, ref)
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
func (r *Ring) decodeSlots(n *yamlnode.Node, ref keystore.Ref) ([]*slot, error) {
	if n.Kind != yamlnode.Sequence {
		s, err := r.decodeSlot(n, ref)
		return []*slot{s}, err
	}
	switch {
	case len(n.Items) == 0:
		return nil, n.Fault("the list of keys is empty")
	case len(n.Items) > maxSlots:
		return nil, n.Fault("the list has %d keys: %d at most", len(n.Items), maxSlots)
	}
	var slots []*slot
	for _, item := range n.Items {
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

const wantKey = `a key: TYPE:HEX, "@FILE", env:NAME, exec:PROGRAM, os:SERVICE/NAME, pkcs11:URI, prompt, or {from: MASTER}`

func (r *Ring) decodeSlot(n *yamlnode.Node, ref keystore.Ref) (*slot, error) {
	if n.Kind != yamlnode.Mapping {
		c, err := r.decodeSpec(n, ref.Words())
		return &slot{ring: r, master: c}, err
	}
	f, err := fields(n, "a key", "from", "version", "type", "diversify")
	if err != nil {
		return nil, err
	}
	from, ok := f["from"]
	if !ok {
		return nil, n.Fault("the member from is missing: want the name of a master key")
	}
	name, err := from.WantText("the name of a master key")
	if err != nil {
		return nil, err
	}
	s := &slot{ring: r, recipe: keystore.Recipe{Master: name}}
	rc := &s.recipe
	if s.master = r.masters[name]; s.master == nil {
		return nil, from.Fault("there is no master key %s in masters", yamlnode.Shown(name))
	}
	if v, ok := f["version"]; ok {
		if rc.Version, err = v.Byte(); err != nil {
			return nil, err
		}
		rc.Versioned = true
	}
	known := s.master.written().Type
	if t, ok := f["type"]; ok {
		if rc.Type, err = key.ParseType(t.Text); err != nil || t.Kind != yamlnode.Scalar {
			return nil, t.Fault("type is %s: want des, 2k3des, 3k3des or aes", t.Describe())
		}
		rc.Typed = true
		if known != "" && !keystore.OneType(known, rc.Type.String()) {
			return nil, t.Fault("type is %v, and the master key %s is of type %s", rc.Type, yamlnode.Shown(name), known)
		}
		known = rc.Type.String()
	}
	if d, ok := f["diversify"]; ok {
		rc.Diversify, err = decodeDiversify(d, ref.Place, known)
	}
	return s, err
}

// decodeDiversify reads the input of AN10922.
func decodeDiversify(n *yamlnode.Node, place wire.Place, known string) (*keystore.Diversification, error) {
	noAID := ""
	if place.Fixed || place.Name != "" {
		noAID = fmt.Sprintf("%v has no AID", place)
	}
	d, err := n.Diversify(noAID, known == "" || known == key.TypeAES.String())
	return (*keystore.Diversification)(d), err
}

// decodeSpec reads a key in its written form, or enciphered.
func (r *Ring) decodeSpec(n *yamlnode.Node, what string) (*cell, error) {
	text, err := n.WantText(wantKey)
	if err != nil {
		return nil, err
	}
	c := &cell{ring: r, what: what, turn: make(chan struct{}, 1), source: fmt.Sprintf("%s:%d", r.name, n.Line)}
	if keystore.Encrypted([]byte(text)) {
		if c.sealed, err = dearmor([]byte(text)); err != nil {
			return nil, n.Fault("the block of age is damaged: %v", err)
		}
		return c, nil
	}
	if c.spec, err = r.providers.Parse(text); err != nil {
		reason := strings.TrimPrefix(err.Error(), "keystore: ")
		switch {
		case !strings.Contains(text, ":") && yamlnode.Shown(text) == strconv.Quote(text):
			reason = yamlnode.Shown(text) + " is no key"
		case !n.Quoted && splitName.MatchString(text):
			reason += "; between braces, names with a colon such as 1:2 stand in quotes"
		}
		return nil, n.Fault("want %s: %s", wantKey, reason)
	}
	if s := c.spec.Source(); s != "" {
		c.source += " " + s
	}
	return c, nil
}
