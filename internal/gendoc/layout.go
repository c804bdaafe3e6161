package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/internal/wirevector"
	"github.com/go-desfire/desfire/wire"
)

// row is one field over all vectors of a layout.
type row struct {
	name             string
	offsets, lengths []int
	count            int      // vectors that have it
	bytes, values    []string // of the first of them
	example          bool     // this vector is that one
}

var index = regexp.MustCompile(`\[\d+\]`)

// layout renders the fields of a command or answer.
func layout(b *bytes.Buffer, s *wire.Spec, response bool, vectors []*wirevector.Vector) error {
	title := "Command"
	if response {
		title = "Answer"
	}
	own := of(s, response, vectors)
	var rows []*row
	var sources []string
	for _, v := range own {
		var c wire.Coder
		fields, err := c.Explain(v.Encoded, v.New())
		if err != nil {
			return err
		}
		rows = merge(rows, v, fields)
		sources = append(sources, v.Kind+": "+v.Source)
	}
	if len(rows) == 0 {
		fmt.Fprintf(b, "%s: no fields.\n", title)
		return nil
	}
	fmt.Fprintf(b, "| %s | Offset | Length | Example | |\n|---|---|---|---|---|\n", title)
	for _, r := range rows {
		name := r.name
		if r.count < len(own) {
			name += " *opt.*"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", name, numbers(r.offsets), numbers(r.lengths), strings.Join(r.bytes, ", "), strings.Join(r.values, ", "))
	}
	if err := inClear(b, s, response, own[0]); err != nil {
		return err
	}
	if err := breaks(b, own); err != nil {
		return err
	}
	fmt.Fprintf(b, "\nEvidence: %s.\n", strings.Join(dedupe(sources), "; "))
	return nil
}

// inClear says how much of a command stays in clear where the rest is
// enciphered.
func inClear(b *bytes.Buffer, s *wire.Spec, response bool, v *wirevector.Vector) error {
	if response || !enciphers(s.Rule) {
		return nil
	}
	var c wire.Coder
	head, err := c.DecodeHead(v.Encoded.Bytes, v.New())
	if err == nil && head < len(v.Encoded.Bytes) {
		fmt.Fprintf(b, "\nThe first %d of the example's %d bytes stay in clear.\n", head, len(v.Encoded.Bytes))
	}
	return err
}

// breaks says which fields begin a frame.
func breaks(b *bytes.Buffer, own []*wirevector.Vector) error {
	var names []string
	for _, v := range own {
		var c wire.Coder
		m := v.New()
		if err := c.DecodeISO(v.Encoded, m); err != nil {
			return err
		}
		e, err := c.Encode(nil, m)
		if err != nil {
			return err
		}
		marks := slices.Clone(e.Marks)
		fields, err := c.Explain(v.Encoded, m)
		if err != nil {
			return err
		}
		for _, f := range fields {
			if slices.Contains(marks, f.Offset) {
				names = append(names, fieldName(f))
			}
		}
	}
	if len(names) > 0 {
		fmt.Fprintf(b, "\nA frame begins with: %s.\n", strings.Join(dedupe(names), ", "))
	}
	return nil
}

// kinds of evidence, the best first.
var kinds = []string{"captured", "published", "derived"}

// enciphers reports whether some session enciphers the command.
func enciphers(r wire.Rule) bool {
	mode := r.Protection(wire.SchemeEV2, false, wire.CommFull)
	return mode == wire.CommFull || mode == wire.CommOwn
}

// of selects the vectors of a layout, the best evidence first and within a kind
// those with the most fields.
func of(s *wire.Spec, response bool, vectors []*wirevector.Vector) []*wirevector.Vector {
	var own []*wirevector.Vector
	for _, v := range vectors {
		if v.Command == s.Name && v.Response == response {
			own = append(own, v)
		}
	}
	slices.SortStableFunc(own, func(a, b *wirevector.Vector) int {
		return cmp.Or(slices.Index(kinds, a.Kind)-slices.Index(kinds, b.Kind), distinct(b)-distinct(a))
	})
	return own
}

// distinct is how many fields a vector has, elements of lists counted once.
func distinct(v *wirevector.Vector) int {
	var c wire.Coder
	fields, _ := c.Explain(v.Encoded, v.New())
	names := map[string]bool{}
	for _, f := range fields {
		names[fieldName(f)] = true
	}
	return len(names)
}

func fieldName(f wire.Field) string { return index.ReplaceAllString(f.Name, "[]") }

// merge adds the fields of one more vector. A field that is new stands before
// the next one that is not.
func merge(rows []*row, v *wirevector.Vector, fields []wire.Field) []*row {
	find := func(name string) int {
		return slices.IndexFunc(rows, func(r *row) bool { return r.name == name })
	}
	seen := map[string]*row{}
	for i, f := range fields {
		name := fieldName(f)
		at := find(name)
		if at < 0 {
			at = len(rows)
			for _, later := range fields[i+1:] {
				if n := find(fieldName(later)); n >= 0 {
					at = n
					break
				}
			}
			rows = slices.Insert(rows, at, &row{name: name})
		}
		r := rows[at]
		if seen[name] == nil {
			r.count++
			r.example = r.count == 1
		}
		seen[name] = r
		r.offsets, r.lengths = append(r.offsets, f.Offset), append(r.lengths, f.Len)
		if r.example {
			r.show(v, f)
		}
	}
	for _, r := range seen {
		r.example = false
	}
	return rows
}

// show takes f as the example of its row.
func (r *row) show(v *wirevector.Vector, f wire.Field) {
	if f.Offset < 0 {
		r.values = append(r.values, f.Value)
		return
	}
	digits := fmt.Sprintf("%X", v.Encoded.Bytes[f.Offset:f.Offset+f.Len])
	r.bytes = append(r.bytes, "`"+short(digits)+"`")
	if f.Value != digits {
		r.values = append(r.values, f.Value)
	}
}

func short(s string) string {
	const limit = 100
	if len(s) > limit {
		return s[:limit/2] + "..."
	}
	return s
}

// numbers lists distinct numbers; more than three are a range. -1 stands for
// the header of an ISO 7816-4 command.
func numbers(all []int) string {
	list := slices.Clone(all)
	slices.Sort(list)
	list = slices.Compact(list)
	if list[0] < 0 {
		return "header"
	}
	if len(list) > 3 {
		return fmt.Sprintf("%d to %d", list[0], list[len(list)-1])
	}
	var words []string
	for _, n := range list {
		words = append(words, strconv.Itoa(n))
	}
	return strings.Join(words, ", ")
}

func dedupe(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// bestOf is the best kind of evidence for a layout.
func bestOf(s *wire.Spec, vectors []*wirevector.Vector, response bool) string {
	if s.Unknown != "" {
		return "none"
	}
	if _, ok := s.NewResponse().(*wire.Empty); ok && response {
		return "no data"
	}
	own := of(s, response, vectors)
	if len(own) == 0 {
		return "unverified"
	}
	return own[0].Kind
}

// typeDocs reads the comments of the types of a package.
func typeDocs(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	docs := map[string]string{}
	set := token.NewFileSet()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE || g.Doc == nil {
				continue
			}
			for _, spec := range g.Specs {
				docs[spec.(*ast.TypeSpec).Name.Name] = strings.TrimSpace(g.Doc.Text())
			}
		}
	}
	return docs, nil
}
