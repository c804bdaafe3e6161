package yaml

import (
	"fmt"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/ndef"
)

const wantRecord = `one of {uri: "https://..."}, {text: "...", lang: en}, {mime: TYPE, data: "..."}, {external: "example.com:name", data: "..."}`

// part makes a text for a row.
type part func(row map[string]string, most int) (string, error)

// ndef reads a message, as the file that phones read: its length, and its records.
func (r *reader) ndef(n *node, c *content) {
	items := []*node{n}
	if n.Kind == yamlnode.Sequence {
		items = n.Items
		if len(items) == 0 {
			r.fault(n.Position, "the message has no record: want %s", wantRecord)
			return
		}
	}
	var makers []func(row map[string]string, most int) (ndef.Record, error)
	for _, item := range items {
		m := r.record(item, c)
		if m == nil {
			return
		}
		makers = append(makers, m)
	}
	if c.columns != nil {
		c.columns = compact(c.columns)
	}
	c.make = func(size int, row map[string]string) ([]byte, error) {
		var m ndef.Message
		for _, make := range makers {
			rec, err := make(row, size)
			if err != nil {
				return nil, err
			}
			m = append(m, rec)
		}
		kind := ndef.FileControl{Kind: ndef.KindNDEF, Size: 0xFFFE + 2} // how much fits is judged with the columns
		return kind.EncodeFile(m)
	}
}

// record reads one; nil if something is wrong in it.
func (r *reader) record(n *node, c *content) func(map[string]string, int) (ndef.Record, error) {
	if !r.members(n, wantRecord) {
		return nil
	}
	before := len(r.errs)
	f := r.fields(n, "a record", "uri", "text", "lang", "mime", "external", "data")
	kind := ""
	for _, name := range []string{"uri", "text", "mime", "external"} {
		if f[name] == nil {
			continue
		}
		if kind != "" {
			r.fault(n.Position, "a record is of one kind, and this has %s and %s", kind, name)
			return nil
		}
		kind = name
	}
	if kind == "" {
		if len(r.errs) == before {
			r.fault(n.Position, "want %s", wantRecord)
		}
		return nil
	}
	for _, x := range []struct{ member, of string }{{"lang", "text"}, {"data", "mime or external"}} {
		if v := f[x.member]; v != nil && (kind != "text" && x.member == "lang" || kind != "mime" && kind != "external" && x.member == "data") {
			r.fault(v.Position, "a record of kind %s has no %s, which is of %s", kind, x.member, x.of)
		}
	}
	value := f[kind]
	lang := "en"
	if v := f["lang"]; v != nil {
		if lang, _ = r.text(v, "a language, such as en"); len(lang) == 0 || len(lang) > 63 {
			r.fault(v.Position, "lang has %d characters: want 1 to 63, such as en or de-CH", len(lang))
		}
	}
	name := ""
	if kind == "mime" || kind == "external" {
		name, _ = r.text(value, "a type")
		if len(name) == 0 || len(name) > 255 {
			r.fault(value.Position, "%s has %d characters: want 1 to 255", kind, len(name))
		}
		if value = f["data"]; value == nil {
			r.fault(n.Position, "the member data is missing")
			return nil
		}
	}
	text := r.part(value, c)
	if len(r.errs) > before {
		return nil
	}
	return func(row map[string]string, most int) (ndef.Record, error) {
		s, err := text(row, most)
		if err != nil {
			return ndef.Record{}, err
		}
		switch kind {
		case "uri":
			return ndef.URI(s), nil
		case "text":
			return ndef.Text(lang, s), nil
		case "mime":
			return ndef.MIME(name, []byte(s)), nil
		case "external":
			return ndef.External(name, []byte(s)), nil
		}
		return ndef.Record{}, fmt.Errorf("a record of kind %s", kind)
	}
}

// part reads a text, or one that is made: of bytes, a file or a template.
func (r *reader) part(n *node, c *content) part {
	const want = `text, {template: "{{.column}}"}, {hex: "00 01"} or {file: NAME}`
	if n.Kind != yamlnode.Mapping {
		s, _ := r.text(n, want)
		return func(map[string]string, int) (string, error) { return s, nil }
	}
	f := r.fields(n, "what is in a record", "template", "hex", "file")
	if len(f) != 1 || len(n.Members) != 1 {
		r.fault(n.Position, "want one of %s", want)
		return nil
	}
	var data []byte
	switch {
	case f["hex"] != nil:
		data, _ = r.hex(f["hex"], "hex")
	case f["file"] != nil:
		data = r.contentFile(f["file"])
	default:
		t := r.template(f["template"])
		if t == nil {
			return nil
		}
		c.columns = append(c.columns, t.columns...)
		return t.text
	}
	return func(map[string]string, int) (string, error) { return string(data), nil }
}
