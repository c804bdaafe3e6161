package yaml

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// file writes one.
func (x *importing) file(b *strings.Builder, f *perso.File) {
	p := x.app.Place
	s := &f.Settings
	var kind string
	for _, t := range fileTypes {
		if t.typ == s.Type {
			kind = t.word
		}
	}
	parts := []string{fmt.Sprintf("no: %d", f.No)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if f.Label != "" && printable(f.Label) {
		add("name: %s", quote(f.Label))
	}
	add("type: %s", kind)
	if f.ISOID != 0 {
		add(`iso-id: "%04X"`, uint16(f.ISOID))
	}
	switch s.Type {
	case wire.FileStandard, wire.FileBackup:
		add("size: %d", s.Size)
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		add("record-size: %d", s.RecordSize)
		add("records: %d", s.MaxRecords)
		if len(f.Records) > 0 {
			x.writer.note(p, &f.No, "its records are left out: %d", len(f.Records))
		}
	case wire.FileValue:
		x.value(f, add)
	case wire.FileTransactionMAC:
		version := byte(s.TMKeyVersion)
		add("key: %s", x.name("", x.id+"-tmac", key.TypeAES, &version, ""))
		if s.Option.Has(wire.OptionTMCLimit) {
			add("limit: %d", s.Limit.Limit)
		}
		if s.Option.Has(wire.OptionTMIExclude) {
			add("exclude-unauthenticated: true")
		}
	}
	add("mode: %s", s.Comm())
	parts = append(parts, x.rights(f, s.Access, inspect.WrittenRights(s.Type))...)
	var further []string
	for _, set := range s.Additional {
		rights := inspect.WrittenRights(s.Type)
		further = append(further, "{"+strings.Join(x.rights(f, set, rights[:len(rights)-1]), ", ")+"}")
	}
	if further != nil {
		add("also: [%s]", strings.Join(further, ", "))
	}
	if s.SDM != nil || s.Option.Has(wire.OptionSDM) {
		add("sdm: %s", x.sdm(f))
	}
	var long string
	data, member := f.Data, "content"
	if f.FirstData != nil {
		data, member = f.FirstData, "initial"
	}
	if data != nil {
		text, lines := contentText(data, int(s.Size))
		if lines == nil {
			add("%s: %s", member, text)
		} else {
			long = "        " + member + ":\n" + text
			for _, line := range lines {
				long += "            " + line + "\n"
			}
		}
	}
	x.comments(b, "      ", p, &f.No)
	if long == "" {
		fmt.Fprintf(b, "      - {%s}\n", strings.Join(parts, ", "))
		return
	}
	for i, part := range parts {
		lead := "        "
		if i == 0 {
			lead = "      - "
		}
		b.WriteString(lead + part + "\n")
	}
	b.WriteString(long)
}

func (x *importing) value(f *perso.File, add func(string, ...any)) {
	s := &f.Settings
	add("lower: %d", s.Lower)
	add("upper: %d", s.Upper)
	switch {
	case f.First != nil:
		add("value: %d", *f.First)
	case f.Value != nil:
		add("value: %d", *f.Value)
		x.writer.note(x.app.Place, &f.No, "its value, %d, is what a new file begins with", *f.Value)
	}
	if s.Flags.Has(wire.ValueLimitedCredit) {
		add("limited-credit: true")
	}
	if s.Flags.Has(wire.ValueFreeGet) {
		add("free-get: true")
	}
}

// rights are a set of rights, as members.
func (x *importing) rights(f *perso.File, access wire.AccessRights, rights []inspect.Right) (parts []string) {
	for _, right := range rights {
		who := rightIn(access, right)
		name, ok := x.who(who)
		if !ok {
			x.writer.note(x.app.Place, &f.No, "its right %s names key %d, which the application does not have: nobody has the right", rightWord(right), who)
			name = "never"
		}
		if who != wire.Never || right == inspect.RightChange || !ok {
			parts = append(parts, rightWord(right)+": "+name)
		}
	}
	if parts == nil {
		parts = []string{rightWord(rights[0]) + ": never"}
	}
	return parts
}

// rightIn is what a set says of a right.
func rightIn(a wire.AccessRights, right inspect.Right) wire.Access {
	switch right {
	case inspect.RightRead, inspect.RightDebit:
		return a.Read
	case inspect.RightWrite, inspect.RightRefund:
		return a.Write
	case inspect.RightChange:
		return a.Change
	}
	return a.ReadWrite
}

// contentText is what a file holds. What is long comes in lines of hexadecimal, which
// stand below the text.
func contentText(data []byte, size int) (text string, lines []string) {
	pad := ""
	n := trailing(data)
	if len(data) == size && (n > 3 || n > 0 && !ascii(data) && ascii(data[:size-n])) {
		pad = fmt.Sprintf(`, pad: "%02X"`, data[size-1])
		data = data[:size-n]
	}
	if ascii(data) {
		return "{text: " + quote(string(data)) + pad + "}", nil
	}
	if len(data) <= 48 {
		return fmt.Sprintf(`{hex: "%X"%s}`, data, pad), nil
	}
	for len(data) > 0 {
		n := min(32, len(data))
		lines = append(lines, fmt.Sprintf("%X", data[:n]))
		data = data[n:]
	}
	text = "          hex: |\n"
	if pad != "" {
		text = "          " + strings.TrimPrefix(pad, ", ") + "\n" + text
	}
	return text, lines
}

// trailing is how many bytes at the end are the same.
func trailing(data []byte) (n int) {
	for n < len(data) && data[len(data)-1-n] == data[len(data)-1] {
		n++
	}
	return n
}

// ascii reports whether bytes are text that stands in a layout as it is.
func ascii(data []byte) bool {
	for _, c := range data {
		if c < 0x20 || c > 0x7E {
			return false
		}
	}
	return len(data) <= 120
}

// sdm writes settings by offsets.
func (x *importing) sdm(f *perso.File) string {
	s := f.Settings.SDM
	if s == nil || mirrorsNothing(s) {
		return "{}"
	}
	var parts []string
	for _, r := range []struct {
		word string
		who  wire.Access
	}{{"meta-read", s.Access.MetaRead()}, {"file-read", s.Access.FileRead()}, {"counter-read", s.Access.CtrRet()}} {
		name, ok := x.who(r.who)
		if !ok {
			x.writer.note(x.app.Place, &f.No, "its right %s of secure dynamic messaging names key %d, which the application does not have: messaging is left out", r.word, r.who)
			return "{}"
		}
		parts = append(parts, r.word+": "+name)
	}
	var mirror []string
	if s.Options.Has(wire.SDMUID) {
		mirror = append(mirror, "uid")
	}
	if s.Options.Has(wire.SDMReadCtr) {
		mirror = append(mirror, "counter")
	}
	if mirror != nil {
		parts = append(parts, "mirror: ["+strings.Join(mirror, ", ")+"]")
	}
	wants := sdmWants(s, s.Access.MetaRead(), s.Access.FileRead())
	for _, p := range places {
		for _, name := range wants {
			if name != p.name {
				continue
			}
			value := fmt.Sprint(*p.at(s))
			if name == "counter-at" && *p.at(s) == wire.SDMNoMirror {
				value = "none"
			}
			parts = append(parts, name+": "+value)
		}
	}
	if s.Options.Has(wire.SDMReadCtrLimit) {
		parts = append(parts, fmt.Sprintf("limit: %d", s.ReadCtrLimit))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
