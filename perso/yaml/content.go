package yaml

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/perso"
)

// content is what a file should hold.
type content struct {
	at      yamlnode.Position
	columns []string // that make takes of a row, sorted
	make    func(size int, row map[string]string) ([]byte, error)
	pad     *byte // what fills the file up
	kind    string
	source  string // of a template, or URI
}

// bytes is the content of a file for a row.
func (c *content) bytes(size int, row map[string]string) ([]byte, error) {
	var missing []string
	for _, name := range c.columns {
		if _, ok := row[name]; !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the row has no %s", strings.Join(missing, ", "))
	}
	data, err := c.make(size, row)
	if err != nil {
		return nil, err
	}
	if len(data) > size {
		return nil, fmt.Errorf("%d bytes do not fit into the %d of the file%s", len(data), size, c.lengths(row))
	}
	data = append([]byte{}, data...)
	if c.pad != nil {
		data = append(data, bytes.Repeat([]byte{*c.pad}, size-len(data))...)
	}
	return data, nil
}

// lengths says how long the values of a row are, for an error.
func (c *content) lengths(row map[string]string) string {
	if len(c.columns) == 0 {
		return ""
	}
	parts := make([]string, len(c.columns))
	for i, name := range c.columns {
		parts[i] = fmt.Sprintf("%s has %d characters", name, utf8.RuneCountInString(row[name]))
	}
	return ": " + strings.Join(parts, ", ")
}

// always makes a content of bytes.
func always(data []byte) func(int, map[string]string) ([]byte, error) {
	return func(int, map[string]string) ([]byte, error) { return data, nil }
}

// contents reads what a file should hold, now or when it is new.
func (r *reader) contents(f map[string]*node, x *file, out *perso.File) {
	n, always := f["content"]
	first, initial := f["initial"]
	if always && initial {
		r.fault(first.Position, "content and initial: content is what the file always holds, initial what it begins with; want one of them")
		return
	}
	if initial {
		n = first
	}
	if n == nil {
		return
	}
	c := r.content(n)
	if c == nil {
		return
	}
	x.content, x.initial = c, initial
	if c.pad != nil {
		if r.read += int(out.Settings.Size); r.read > maxContents {
			r.fault(n.Position, "the contents of this layout have more than %d bytes: no card holds them", maxContents)
			return
		}
	}
	if c.columns != nil {
		r.doc.columns = compact(append(r.doc.columns, c.columns...))
		return
	}
	data, err := c.bytes(int(out.Settings.Size), nil)
	if err != nil {
		r.fault(n.Position, "%v", err)
		return
	}
	x.put(out, data)
}

// put gives a file its content.
func (x *file) put(out *perso.File, data []byte) {
	if x.initial {
		out.FirstData = data
	} else {
		out.Data = data
	}
}

const wantContent = `one of {text: "..."}, {hex: "00 01"}, {file: NAME}, {template: "{{.column}}"}, {ndef: ...}`

// content reads one; nil if something is wrong in it.
func (r *reader) content(n *node) *content {
	if !r.members(n, wantContent) {
		return nil
	}
	before := len(r.errs)
	f := r.fields(n, "content", "text", "hex", "file", "template", "ndef", "pad")
	c := &content{at: n.Position}
	kinds := 0
	for _, name := range []string{"text", "hex", "file", "template", "ndef"} {
		if f[name] != nil {
			kinds++
		}
	}
	if kinds != 1 && len(r.errs) == before {
		r.fault(n.Position, "want %s", wantContent)
		return nil
	}
	for _, kind := range []string{"text", "hex", "file", "template", "ndef"} {
		v := f[kind]
		if v == nil {
			continue
		}
		c.kind = kind
		switch kind {
		case "text":
			s, _ := r.text(v, "text")
			c.make = always([]byte(s))
		case "hex":
			data, _ := r.hex(v, "hex")
			c.make = always(data)
		case "file":
			c.make = always(r.contentFile(v))
		case "template":
			if t := r.template(v); t != nil {
				c.columns, c.source = t.columns, t.source
				c.make = func(size int, row map[string]string) ([]byte, error) {
					text, err := t.text(row, size)
					return []byte(text), err
				}
			}
		case "ndef":
			r.ndef(v, c)
		}
	}
	if v := f["pad"]; v != nil {
		if b, ok := r.hex(v, "pad"); ok && len(b) != 1 {
			r.fault(v.Position, "pad is %s: want one byte in hexadecimal, such as 00", v.Describe())
		} else if ok {
			c.pad = &b[0]
		}
	}
	if len(r.errs) > before {
		return nil
	}
	return c
}

// template reads a text with columns; nil if something is wrong in it.
func (r *reader) template(n *node) *columnTemplate {
	s, ok := r.text(n, "a template")
	if !ok {
		return nil
	}
	t, err := newTemplate(s)
	if err != nil {
		r.fault(n.Position, "template: %v", err)
		return nil
	}
	return t
}

// Bounds of contents: a card holds far less.
const (
	maxContent  = 1 << 20
	maxContents = 16 << 20
)

// contentFile reads a file of the layout's folder.
func (r *reader) contentFile(n *node) []byte {
	name, ok := r.text(n, "the name of a file beside the layout")
	if !ok {
		return nil
	}
	switch {
	case r.open == nil:
		r.fault(n.Position, "there are no files beside this layout: write the content out, as text or hex")
		return nil
	case !fs.ValidPath(name) || name == ".":
		r.fault(n.Position, "file is %s: want the name of a file in the folder of the layout, with / between folders and without .. or a / before it", n.Describe())
		return nil
	}
	data, err := r.open(name, min(maxContent, maxContents-r.read))
	if err != nil {
		r.fault(n.Position, "the file %s cannot be read: %v", yamlnode.Shown(name), err)
		return nil
	}
	r.read += len(data)
	r.hash(data)
	return data
}

// readFile reads a regular file of at most so many bytes.
func readFile(files fs.FS, name string, most int) ([]byte, error) {
	// A pipe would be waited for.
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, pathless(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is no file")
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, pathless(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	switch {
	case err != nil:
		return nil, pathless(err)
	case len(data) > most:
		return nil, fmt.Errorf("it has more than %d bytes", most)
	}
	return data, nil
}
