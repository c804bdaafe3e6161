package yaml

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/internal/yamlnode"
)

// Error is what is wrong in a layout, and where. Its text can be shown on a terminal.
type Error struct {
	File         string
	Line, Column int // from 1; 0 is the whole file
	Text         string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// Errors are what is wrong in a layout, in the order of its lines. It is never empty.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the errors.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, x := range e {
		list[i] = x
	}
	return list
}

// maxErrors are told of one layout.
const maxErrors = 20

// fault notes what is wrong.
func (r *reader) fault(p yamlnode.Position, format string, args ...any) {
	r.note(p.Fault(format, args...))
}

func (r *reader) note(f *yamlnode.Fault) {
	e := r.doc.error(f)
	switch n := len(r.errs); {
	case n == maxErrors:
		r.errs = append(r.errs, &Error{File: r.doc.name, Text: "and more: these are the first"})
	case n < maxErrors:
		for _, x := range r.errs {
			if *x == *e {
				return
			}
		}
		r.errs = append(r.errs, e)
	}
}

// sorted are the errors in the order of lines.
func (r *reader) sorted() Errors {
	n := min(len(r.errs), maxErrors)
	slices.SortStableFunc(r.errs[:n], func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return r.errs
}

// failed notes an error of package yamlnode; false if there is none.
func (r *reader) failed(err error) bool {
	if err == nil {
		return false
	}
	f, ok := err.(*yamlnode.Fault)
	if !ok {
		f = yamlnode.Position{}.Fault("%v", err)
	}
	r.note(f)
	return true
}

func (d *Document) error(f *yamlnode.Fault) *Error {
	return &Error{File: d.name, Line: f.Line, Column: f.Column, Text: visible.Text(f.Reason)}
}
