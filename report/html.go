package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"sync"

	"github.com/go-desfire/desfire/internal/visible"
)

//go:embed style.css
var style string

//go:embed page.html
var page string

// policy allows the page its own stylesheet and nothing else.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

var pages = sync.OnceValues(func() (*template.Template, error) {
	return template.New("page").Funcs(template.FuncMap{
		"hex": spaced, "digits": digits, "num": grouped, "pair": pair, "vis": shownText, "lines": visible.Lines, "day": day,
	}).Parse(page)
})

// HTML writes the report as a page that stands alone.
func (r *Report) HTML(w io.Writer) error {
	t, err := pages()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newView(r)); err != nil {
		return err
	}
	// Text was made visible where it was put in; nothing that forgot it gets out.
	_, err = io.WriteString(w, visible.Lines(b.String()))
	return err
}

// shownText is a value with what cannot be seen in it written out.
func shownText(v any) string { return visible.Text(fmt.Sprint(v)) }
