package yaml

import (
	"encoding/binary"
	"encoding/hex"
	"hash"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// format is what the first member of a layout says.
const format = "layout/v1"

type node = yamlnode.Node

// reader reads a layout, and collects what is wrong in it.
type reader struct {
	doc  *Document
	open func(name string, most int) ([]byte, error) // of files that contents name; nil: there are none
	sum  hash.Hash
	errs Errors
	read int // bytes of contents
}

// hash takes a part into the hash of the document.
func (r *reader) hash(part []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(part)))
	r.sum.Write(n[:])
	r.sum.Write(part)
}

func (r *reader) root(n *node) {
	if r.failed(n.WantMembers(words.Empty)) {
		return
	}
	f := r.fields(n, "a layout", "desfire", "name", "card", "keys", "applications")
	version, ok := f["desfire"]
	switch {
	case !ok:
		r.fault(n.Position, "the member desfire is missing: want desfire: %s", format)
		return
	case version.Kind != yamlnode.Scalar || version.Text != format:
		r.fault(version.Position, "desfire is %s: this program reads %s", version.Describe(), format)
		return
	}
	if t, ok := f["name"]; ok {
		r.doc.title, _ = r.label(t, "the name of the layout")
	}
	if k, ok := f["keys"]; ok && !k.Empty() {
		r.keys(k)
	}
	card, ok := f["card"]
	if !ok && len(r.errs) == 0 {
		r.fault(n.Position, "the member card is missing: want card: {generations: [ev2, ev3]} or whichever it is for")
	} else if ok {
		r.card(card)
	}
	if a, ok := f["applications"]; ok && !a.Empty() {
		r.applications(a)
	}
	if len(r.errs) == 0 {
		r.whole()
	}
}

// whole judges what no member shows alone.
func (r *reader) whole() {
	used := map[string]bool{}
	for _, name := range r.doc.refs {
		used[name] = true
	}
	for _, name := range r.doc.names {
		if !used[name] {
			r.fault(r.doc.keys[name].at, "the key %s is used nowhere: use it or leave it out", name)
		}
	}
	r.once()
	if err := r.doc.layout.Check(); err != nil {
		r.fault(r.doc.where(err), "%v", bare(err))
	}
}

// once notes what cards take once: names of applications, and slots of memory.
func (r *reader) once() {
	first := map[string]int{}
	for i := range r.doc.layout.Applications {
		a, x := &r.doc.layout.Applications[i], r.doc.apps[i]
		again := func(member, value string) {
			if line, twice := first[member+value]; twice {
				r.fault(x.members[member].Position, "%s stands here a second time, after line %d: cards have it once", member, line)
				return
			}
			first[member+value] = x.members[member].Position.Line
		}
		if a.ISOID != 0 {
			again("iso-id", a.ISOID.String())
		}
		if len(a.DFName) > 0 {
			again("df-name", string(a.DFName))
		}
		if d := a.Delegated; d != nil {
			again("delegated", strconv.Itoa(int(d.Slot)))
		}
	}
}

// fields takes the members of a mapping by name.
func (r *reader) fields(n *node, what string, names ...string) map[string]*node {
	f, faults := n.Fields(what, names...)
	for _, x := range faults {
		r.note(x)
	}
	return f
}

// members is false if n is no mapping.
func (r *reader) members(n *node, want string) bool { return !r.failed(n.WantMembers(want)) }

// list is false if n is no list.
func (r *reader) list(n *node, want string) bool {
	if n.Kind != yamlnode.Sequence {
		r.fault(n.Position, "want %s, not %s", want, n.Describe())
		return false
	}
	return true
}

func (r *reader) text(n *node, want string) (string, bool) {
	s, err := n.WantText(want)
	return s, !r.failed(err)
}

// label reads a name for people.
func (r *reader) label(n *node, what string) (string, bool) {
	s, ok := r.text(n, what)
	if !ok {
		return "", false
	}
	if s == "" || utf8.RuneCountInString(s) > 64 || !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		r.fault(n.Position, "%s has 1 to 64 characters that can be printed", what)
		return "", false
	}
	return s, true
}

// word reads one of some words.
func (r *reader) word(n *node, what string, of ...string) (string, bool) {
	s, ok := r.text(n, what+": "+yamlnode.Either(of))
	if !ok {
		return "", false
	}
	if !slices.Contains(of, s) {
		r.fault(n.Position, "%s is %s: %swant %s", what, n.Describe(), r.meant(s, of), yamlnode.Either(of))
		return "", false
	}
	return s, true
}

// keyTypes are the words for types of keys.
var keyTypes = []string{"des", "2k3des", "3k3des", "aes"}

// keyType reads a type of keys.
func (r *reader) keyType(n *node, what string) (t key.Type, ok bool) {
	s, ok := r.word(n, what, keyTypes...)
	if ok {
		t, _ = key.ParseType(s)
	}
	return t, ok
}

// meant is "did you mean x? ", empty if nothing is near.
func (r *reader) meant(word string, names []string) string {
	if len(r.errs) > maxErrors {
		return "" // nobody reads it
	}
	if near := yamlnode.Nearest(word, names); near != "" {
		return "did you mean " + near + "? "
	}
	return ""
}

// number reads a number in decimal, or in hexadecimal behind 0x.
func (r *reader) number(n *node, what string, low, high int64) (int64, bool) {
	digits, base := n.Text, 10
	if rest, ok := strings.CutPrefix(n.Text, "0x"); ok {
		digits, base = rest, 16
	}
	v, err := strconv.ParseInt(digits, base, 64)
	switch {
	case n.Kind != yamlnode.Scalar || n.Quoted || err != nil || strings.HasPrefix(digits, "+") || base == 16 && v < 0:
		r.fault(n.Position, "%s is %s: want a number from %d to %d, without quotes", what, n.Describe(), low, high)
		return 0, false
	case base == 10 && len(strings.TrimPrefix(digits, "-")) > 1 && strings.TrimPrefix(digits, "-")[0] == '0':
		r.fault(n.Position, "%s is %s: want a number without zeros before it, which is one to some and another to others", what, n.Describe())
		return 0, false
	case v < low || v > high:
		r.fault(n.Position, "%s is %d: want a number from %d to %d", what, v, low, high)
		return 0, false
	}
	return v, true
}

func (r *reader) bool(n *node, what string) bool {
	b, err := n.Bool(what)
	return !r.failed(err) && b
}

// hex reads bytes, which blanks may stand between.
func (r *reader) hex(n *node, what string) ([]byte, bool) {
	s, ok := r.text(n, what+" in hexadecimal")
	if !ok {
		return nil, false
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		r.fault(n.Position, "%s is no hexadecimal: want pairs of 0 to 9, A to F, in quotes", what)
		return nil, false
	}
	return b, true
}

// isoID reads an ISO identifier of two bytes.
func (r *reader) isoID(n *node) wire.ISOFID {
	s, ok := r.text(n, "an ISO identifier")
	if !ok {
		return 0
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 2 || b[0] == 0 && b[1] == 0 {
		r.fault(n.Position, `iso-id is %s: want two bytes in hexadecimal, such as "E104", and not 0000`, n.Describe())
		return 0
	}
	id := wire.ISOFID(b[0])<<8 | wire.ISOFID(b[1])
	if reservedISO(id) {
		r.fault(n.Position, "iso-id is %v, which is reserved: take another", id)
		return 0
	}
	return id
}

// reservedISO reports whether ISO 7816 keeps an identifier for itself.
func reservedISO(id wire.ISOFID) bool { return id == 0x3F00 || id == 0x3FFF || id == 0xFFFF }
