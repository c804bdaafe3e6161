package web

import (
	"bytes"
	"html/template"
	"io"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/dissect/markup"
)

// exchangeHTML is one message taken apart, for the template "exchange", which takes
// a *dissect.Message; nothing for nil.
func exchangeHTML(m *dissect.Message) (template.HTML, error) {
	if m == nil {
		return "", nil
	}
	return written(func(w io.Writer) error { return markup.Exchange(w, m) })
}

func summaryHTML(s *markup.Summary) (template.HTML, error) {
	return written(func(w io.Writer) error { return markup.WriteSummary(w, s) })
}

func rowHTML(r markup.Row) (template.HTML, error) {
	return written(func(w io.Writer) error { return markup.WriteRow(w, r) })
}

// written is what package markup writes, which has escaped it.
func written(write func(io.Writer) error) (template.HTML, error) {
	var b bytes.Buffer
	err := write(&b)
	return template.HTML(b.String()), err //nolint:gosec // a template has escaped it
}
