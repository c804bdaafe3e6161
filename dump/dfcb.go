package dump

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
)

// The binary form of a DFC credential is told by docs/credential-format-v6.md of
// dfc-core, and its tags by the table in src/dfc_der.c: DER with implicit context
// tags. It is turned into the lines of the text form, which says the same. Keys
// stay where they are.

const (
	derCredential = 0x60
	derOctets     = 0x04
)

// derItem is a data object.
type derItem struct {
	tag  byte
	body []byte
}

// derField says what a primitive object is in the text form.
type derField struct {
	name string
	form func(b []byte) (string, error)
}

func readDFCB(data []byte) (*Dump, error) {
	b := &derLines{lines: &lines{format: FormatDFC, byName: map[string]*entry{}}}
	items, cut := derItems(data)
	if len(items) != 1 || items[0].tag != derCredential {
		return nil, &FormatError{FormatDFC, 0, "it has something behind its end, or no beginning", nil}
	}
	b.cut = cut
	for _, x := range b.items(items[0].body) {
		switch x.tag {
		case 0x80:
			b.put("Version", x.body, derNumber)
		case 0xA1:
			b.fields("", x.body, derCard)
		case 0xA2:
			b.picc(x.body)
		case 0xA3:
			b.applications(x.body)
		default:
			b.odd(x.tag, "credential")
		}
	}
	if b.err != nil {
		return nil, b.err
	}
	b.cutOff = b.cut
	d, err := readDFC(b.lines)
	if err != nil {
		return nil, err
	}
	for _, n := range b.notes {
		d.note("%s", n)
	}
	if b.cut {
		d.note("the file is cut off: what would follow is not known")
	}
	return d, nil
}

// derItems takes objects apart. cut means that the last one ends before its
// length says.
func derItems(data []byte) (list []derItem, cut bool) {
	for len(data) > 0 {
		if len(data) < 2 {
			return list, true
		}
		tag, n, head := data[0], int(data[1]), 2
		if n&0x80 != 0 {
			count := n & 0x7F
			if count == 0 || count > 3 || len(data) < 2+count {
				return list, true
			}
			n, head = 0, 2+count
			for _, c := range data[2:head] {
				n = n<<8 | int(c)
			}
		}
		if n > len(data)-head {
			if tag&0x20 != 0 { // what is in it, as far as it goes
				list = append(list, derItem{tag, data[head:]})
			}
			return list, true
		}
		list = append(list, derItem{tag, data[head : head+n]})
		data = data[head+n:]
	}
	return list, false
}

// derLines makes lines. The first error stays.
type derLines struct {
	*lines
	notes []string
	cut   bool
	err   error
}

func (b *derLines) items(body []byte) []derItem {
	list, cut := derItems(body)
	if cut && !b.cut && b.err == nil {
		b.err = &FormatError{FormatDFC, 0, "an object in it is longer than what it is in", nil}
	}
	return list
}

func (b *derLines) odd(tag byte, in string) {
	if len(b.notes) < maxNotes {
		b.notes = append(b.notes, visible.Text(fmt.Sprintf("object %02X of the %s is not read", tag, in)))
	}
}

// put adds a line.
func (b *derLines) put(name string, body []byte, form func([]byte) (string, error)) {
	value, err := form(body)
	switch {
	case err != nil && b.err == nil:
		b.err = &FormatError{FormatDFC, 0, fmt.Sprintf("%s: %v", name, err), nil}
		return
	case b.byName[name] != nil && b.err == nil:
		b.err = &FormatError{FormatDFC, 0, name + ": it stands there twice", nil}
		return
	}
	e := &entry{name: name, value: value}
	b.byName[name] = e
	b.order = append(b.order, e)
}

// fields adds the lines of the primitive objects that are known. One without a
// name says nothing of a card's content.
func (b *derLines) fields(of string, body []byte, known map[byte]derField) (rest []derItem) {
	for _, x := range b.items(body) {
		f, ok := known[x.tag]
		switch {
		case !ok:
			rest = append(rest, x)
		case f.name != "":
			b.put(strings.TrimPrefix(of+" "+f.name, " "), x.body, f.form)
		}
	}
	return rest
}

func derHex(b []byte) (string, error) { return strings.ToUpper(hex.EncodeToString(b)), nil }

// derInt is a number in two's complement.
func derInt(b []byte) (int64, error) {
	if len(b) == 0 || len(b) > 8 {
		return 0, fmt.Errorf("%d bytes are no number here", len(b))
	}
	v := int64(int8(b[0]))
	for _, c := range b[1:] {
		v = v<<8 | int64(c)
	}
	return v, nil
}

func derNumber(b []byte) (string, error) {
	v, err := derInt(b)
	return fmt.Sprint(v), err
}

func derTruth(b []byte) (string, error) {
	if len(b) == 1 && b[0] == 0 {
		return "0", nil
	}
	return "1", nil
}

// derOneOf is a number that stands for a word.
func derOneOf(first int64, words ...string) func([]byte) (string, error) {
	return func(b []byte) (string, error) {
		v, err := derInt(b)
		if err != nil || v < first || v-first >= int64(len(words)) {
			return "", fmt.Errorf("%X is none of the known values", b)
		}
		return words[v-first], nil
	}
}

var derCard = map[byte]derField{
	0x80: {"Card Generation", derOneOf(1, "EV1", "EV2", "EV3")}, 0x81: {"Card Storage", derNumber}, 0x82: {"UID", derHex},
	0x83: {"UID Provenance", derOneOf(0, "Real", "Random", "Unknown")}, 0x84: {"Card Static Signature", derHex},
	0x85: {"Card Hardware Version", derHex}, 0x86: {"Card Software Version", derHex},
}

var derPICC = map[byte]derField{
	0x80: {"Key Settings 1", derHex}, 0x81: {"Key Settings 2", derHex}, 0x82: {}, 0x83: {"Random ID", derTruth}, 0x84: {}, 0x85: {}, 0x86: {}, 0x87: {}, 0x88: {}, 0x8B: {}, 0x8F: {},
}

func (b *derLines) picc(body []byte) {
	for _, x := range b.fields("PICC", body, derPICC) {
		switch x.tag {
		case 0xA9:
			b.keys("PICC", x.body)
		case 0xAC, 0xAD, 0xAE: // proximity, virtual card, delegation: settings and keys
		case 0xAA:
			if n := len(b.items(x.body)); n > 0 {
				b.notes = append(b.notes, fmt.Sprintf("%d files of the card itself are not read: no card has such", n))
			}
		default:
			b.odd(x.tag, "card")
		}
	}
}

// keys adds the versions of keys, and nothing else of them.
func (b *derLines) keys(of string, body []byte) {
	for _, x := range b.items(body) {
		var slot, version []byte
		for _, k := range b.items(x.body) {
			switch k.tag {
			case 0x80:
				slot = k.body
			case 0x82:
				version = k.body
			}
		}
		if no, err := derInt(slot); err == nil && version != nil && no >= 0 && no <= 0xFF {
			b.put(fmt.Sprintf("%s Key %02X Version", of, no), version, derHex)
		}
	}
}

var derApplication = map[byte]derField{
	0x80: {"AID", derHex}, 0x81: {"ISO File ID", derHex}, 0x82: {"DF Name", derHex}, 0x83: {"Key Settings 1", derHex}, 0x84: {"Key Settings 2", derHex},
	0x85: {}, 0x89: {}, 0x8B: {}, 0x8C: {},
}

func (b *derLines) applications(body []byte) {
	list := b.items(body)
	b.put("Application Count", nil, func([]byte) (string, error) { return fmt.Sprint(len(list)), nil })
	for i, x := range list {
		if b.err != nil {
			return
		}
		of := fmt.Sprintf("Application %02X", i)
		for _, x := range b.fields(of, x.body, derApplication) {
			switch x.tag {
			case 0xA6:
				b.keys(of, x.body)
			case 0xA7:
				b.files(of, x.body)
			case 0xA8:
				b.keySets(of, x.body)
			case 0xAA: // slot of a delegated application
			default:
				b.odd(x.tag, "application")
			}
		}
	}
}

func (b *derLines) keySets(of string, body []byte) {
	for _, x := range b.fields(of, body, map[byte]derField{0x80: {}, 0x81: {"Key Set Maximum Key Size", derNumber}, 0x82: {"Key Set Settings", derHex}}) {
		if x.tag != 0xA3 {
			b.odd(x.tag, "key sets")
			continue
		}
		sets := b.items(x.body)
		b.put(of+" Key Set Count", nil, func([]byte) (string, error) { return fmt.Sprint(len(sets)), nil })
		for i, s := range sets {
			set := fmt.Sprintf("%s Key Set %02X", of, i)
			for _, x := range b.fields(set, s.body, map[byte]derField{0x80: {}, 0x81: {"Version", derHex}, 0x82: {}, 0x83: {}}) {
				if x.tag == 0xA4 && i == 0 { // the active one
					b.keys(set, x.body)
				}
			}
		}
	}
}
