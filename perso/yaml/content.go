package yaml

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/perso"
)

// content is what a file should hold.
type content struct {
	at       yamlnode.Position
	data     []byte          // unless it comes of a template
	template *columnTemplate // nil: data is all
	pad      *byte           // what fills the file up
}

// bytes is the content of a file for a row.
func (c *content) bytes(size int, row map[string]string) ([]byte, error) {
	data := c.data
	if c.template != nil {
		text, err := c.template.text(row, size)
		if err != nil {
			return nil, err
		}
		data = []byte(text)
	}
	if len(data) > size {
		return nil, fmt.Errorf("%d bytes do not fit into the %d of the file%s", len(data), size, c.template.longest(row))
	}
	data = bytes.Clone(data)
	if data == nil {
		data = []byte{}
	}
	if c.pad != nil {
		data = append(data, bytes.Repeat([]byte{*c.pad}, size-len(data))...)
	}
	return data, nil
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
	if c.template != nil {
		for _, name := range c.template.columns {
			if !slices.Contains(r.doc.columns, name) {
				r.doc.columns = append(r.doc.columns, name)
			}
		}
		slices.Sort(r.doc.columns)
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
	if v := f["text"]; v != nil {
		s, _ := r.text(v, "text")
		c.data = []byte(s)
	}
	if v := f["hex"]; v != nil {
		c.data, _ = r.hex(v, "hex")
	}
	if v := f["file"]; v != nil {
		c.data = r.contentFile(v)
	}
	if v := f["template"]; v != nil {
		if s, ok := r.text(v, "a template"); ok {
			var err error
			if c.template, err = newTemplate(s); err != nil {
				r.fault(v.Position, "template: %v", err)
			}
		}
	}
	if v := f["ndef"]; v != nil {
		r.ndef(v, c)
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

// Bounds of files that contents name: a card holds far less.
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
	case r.files == nil:
		r.fault(n.Position, "there are no files beside this layout: write the content out, as text or hex")
		return nil
	case !fs.ValidPath(name) || name == ".":
		r.fault(n.Position, "file is %s: want the name of a file in the folder of the layout, with / between folders and without .. or a / before it", n.Describe())
		return nil
	}
	data, err := readFile(r.files, name, min(maxContent, maxContents-r.read))
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
