package sdm

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Template is a text, as a rule a URL, with the places that the card fills in.
// It provisions a tag, and takes apart what the tag shows:
//
//	https://example.com/t?p={picc}&m={mac}
//	https://example.com/t?p={picc}&e={from}{enc:16}&m={mac}
//	https://example.com/t?uid={uid}&n={ctr}&m={mac}
//
// {picc} is the enciphered PICC data, {uid} and {ctr} are the plain ones, {mac}
// the MAC, {enc:N} N bytes of enciphered file data, a multiple of 16. {from}
// takes no room: the MAC covers the text from there on; without it, nothing but
// UID and counter. {from:N} covers N bytes of the NDEF message that stand in the
// file before the text as well; it stands where the message has the text begin:
// behind http://, https:// and www., or at the beginning.
//
// A card enciphers file data only where it mirrors both UID and counter.
type Template struct {
	text string // places filled with zeros
	lrp  bool
	at   map[string]place

	before int // bytes of the file before the text that the MAC covers
}

type place struct{ offset, length int }

// Lengths of the mirrors, in characters.
const (
	piccChars    = 32
	piccLRPChars = 48
	uidChars     = 14
	ctrChars     = 6
	macChars     = 16
)

// ParseTemplate reads a template. useLRP says that the tag uses LRP, whose PICC
// data are longer.
func ParseTemplate(s string, useLRP bool) (*Template, error) {
	t := &Template{lrp: useLRP, at: map[string]place{}}
	var text strings.Builder
	for s != "" {
		lit, rest, ok := strings.Cut(s, "{")
		text.WriteString(lit)
		if !ok {
			break
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return nil, fmt.Errorf("template: { at character %d has no }", text.Len())
		}
		name, n, err := t.length(name)
		if err != nil {
			return nil, err
		}
		if _, twice := t.at[name]; twice {
			return nil, fmt.Errorf("template: {%s} stands twice", name)
		}
		t.at[name] = place{text.Len(), n}
		text.WriteString(strings.Repeat("0", n))
		s = after
	}
	t.text = text.String()
	return t, t.check()
}

func (t *Template) length(place string) (name string, n int, err error) {
	name, size, sized := strings.Cut(place, ":")
	lengths := map[string]int{"picc": piccChars, "uid": uidChars, "ctr": ctrChars, "mac": macChars, "from": 0}
	if t.lrp {
		lengths["picc"] = piccLRPChars
	}
	if name == "enc" {
		b, err := strconv.Atoi(size)
		if err != nil || b < 16 || b%16 != 0 || b > 1024 {
			return "", 0, errors.New("template: {enc:N} wants N bytes, a multiple of 16 up to 1024")
		}
		return name, 2 * b, nil
	}
	if b, err := strconv.Atoi(size); name == "from" && sized && err == nil && b > 0 && b <= longHeader {
		t.before = b
		return name, 0, nil
	}
	n, ok := lengths[name]
	if !ok || sized {
		return "", 0, fmt.Errorf("template: no place {%s}: there are picc, uid, ctr, mac, enc:N and from", place)
	}
	return name, n, nil
}

func (t *Template) check() error {
	_, picc := t.at["picc"]
	_, uid := t.at["uid"]
	_, ctr := t.at["ctr"]
	mac, hasMAC := t.at["mac"]
	enc, hasEnc := t.at["enc"]
	from, hasFrom := t.at["from"]
	switch {
	case picc == (uid || ctr):
		return errors.New("template: it wants either {picc} or {uid} and {ctr}")
	case !hasMAC:
		return errors.New("template: without {mac} nothing is proved")
	case hasEnc && !picc && !(uid && ctr):
		return errors.New("template: {enc} needs UID and counter in the message, {picc} or both of {uid} and {ctr}: the card refuses it with one of them")
	case hasFrom && from.offset > mac.offset:
		return errors.New("template: {from} stands after {mac}")
	case hasEnc && (!hasFrom || enc.offset < from.offset || enc.offset > mac.offset):
		return errors.New("template: {enc} must stand between {from} and {mac}")
	}
	if t.before == 0 {
		return nil
	}
	header, rest := t.header()
	switch cut := len(t.text) - rest; {
	case from.offset != cut:
		return fmt.Errorf("template: {from:N} stands at character %d, and the text of the NDEF message begins at %d", from.offset, cut)
	case t.before > len(header):
		return fmt.Errorf("template: {from:%d}: %d bytes stand before the text", t.before, len(header))
	}
	return nil
}

// names are the places that take room, in the order of the text.
func (t *Template) names() (list []string) {
	for name, p := range t.at {
		if p.length > 0 {
			list = append(list, name)
		}
	}
	slices.SortFunc(list, func(a, b string) int { return t.at[a].offset - t.at[b].offset })
	return list
}

// String is the template as ParseTemplate reads it.
func (t *Template) String() string {
	var b strings.Builder
	from, covers := t.at["from"]
	at := 0
	literal := func(to int) {
		if covers && from.offset >= at && from.offset <= to {
			b.WriteString(t.text[at:from.offset] + t.fromText())
			at, covers = from.offset, false
		}
		b.WriteString(t.text[at:to])
		at = to
	}
	for _, name := range t.names() {
		p := t.at[name]
		literal(p.offset)
		if name == "enc" {
			name = fmt.Sprintf("enc:%d", p.length/2)
		}
		b.WriteString("{" + name + "}")
		at = p.offset + p.length
	}
	literal(len(t.text))
	return b.String()
}

func (t *Template) fromText() string {
	if t.before > 0 {
		return fmt.Sprintf("{from:%d}", t.before)
	}
	return "{from}"
}

// LRP reports whether the template is of a tag that uses LRP.
func (t *Template) LRP() bool { return t.lrp }

// Text is the text with zeros where the card will mirror: what to write into
// the file.
func (t *Template) Text() string { return t.text }

// Settings are the SDM settings for a file that has the text at offset base.
// metaRead and fileRead are keys; metaRead does not count with plain mirrors.
func (t *Template) Settings(base int, metaRead, fileRead, ctrRet wire.Access) (wire.SDM, error) {
	if base < 0 || base < t.before {
		return wire.SDM{}, fmt.Errorf("SDM: offset %d is beyond any file", base-t.before)
	}
	return t.settings(base, metaRead, fileRead, ctrRet)
}

// settings is Settings; base may be negative where no place is affected.
func (t *Template) settings(base int, metaRead, fileRead, ctrRet wire.Access) (wire.SDM, error) {
	off := func(name string) uint32 { return uint32(base + t.at[name].offset) }
	s := wire.SDM{Options: wire.SDMASCII, MACOffset: off("mac"), MACInputOffset: off("mac")}
	if _, ok := t.at["picc"]; ok {
		s.Options |= wire.SDMUID | wire.SDMReadCtr
		s.PICCDataOffset = off("picc")
		if metaRead >= wire.Free {
			return wire.SDM{}, errors.New("SDM: {picc} needs a meta read key")
		}
	} else {
		metaRead = wire.Free
	}
	if _, ok := t.at["uid"]; ok {
		s.Options |= wire.SDMUID
		s.UIDOffset = off("uid")
	}
	if _, ok := t.at["ctr"]; ok {
		s.Options |= wire.SDMReadCtr
		s.ReadCtrOffset = off("ctr")
	}
	if _, ok := t.at["from"]; ok {
		s.MACInputOffset = off("from") - uint32(t.before)
	}
	if p, ok := t.at["enc"]; ok {
		s.Options |= wire.SDMEncFile
		s.ENCOffset, s.ENCLength = off("enc"), uint32(p.length)
	}
	if fileRead >= wire.Free {
		return wire.SDM{}, errors.New("SDM: {mac} needs a file read key")
	}
	if base+len(t.text) > MaxCounter {
		return wire.SDM{}, fmt.Errorf("SDM: offset %d is beyond any file", base)
	}
	s.Access = wire.NewSDMAccess(metaRead, fileRead, ctrRet)
	return s, nil
}

// covered are the bytes before the text that the MAC covers.
func (t *Template) covered() []byte {
	if t.before == 0 {
		return nil
	}
	header, _ := t.header()
	return header[len(header)-t.before:]
}

// Match takes apart a text that a tag showed. What the tag does not fill in must
// be as in the template.
func (t *Template) Match(text string) (*Message, error) {
	if len(text) != len(t.text) {
		return nil, noMessage("%d characters, the template has %d", len(text), len(t.text))
	}
	inPlace := make([]bool, len(text))
	for _, p := range t.at {
		for i := range p.length {
			inPlace[p.offset+i] = true
		}
	}
	for i := range inPlace {
		if !inPlace[i] && text[i] != t.text[i] {
			return nil, noMessage("it differs from the template at character %d", i)
		}
	}
	m := &Message{}
	for name, p := range t.at {
		b, err := hex.DecodeString(text[p.offset : p.offset+p.length])
		if err != nil {
			return nil, noMessage("%s at character %d is not hexadecimal", name, p.offset)
		}
		switch name {
		case "picc":
			m.PICCData = b
		case "uid":
			m.Plain.UID = b
		case "ctr": // most significant byte first, in ASCII only
			m.Plain.Counter, m.Plain.HasCounter = uint32(b[0])<<16|uint32(b[1])<<8|uint32(b[2]), true
		case "mac":
			m.MAC = [8]byte(b)
		case "enc":
			m.File = b
		case "from":
			m.MACInput = append(t.covered(), text[p.offset:t.at["mac"].offset]...)
		}
	}
	return m, nil
}
