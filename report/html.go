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
var frameStyle string

//go:embed pieces.css
var piecesStyle string

//go:embed page.html
var pageText string

//go:embed pieces.html
var piecesText string

// style is that of a page that stands alone.
var style = frameStyle + piecesStyle

// Stylesheet is the style of the pieces, within an element of class cv, for the
// stylesheet of a page around them. It expects the custom properties that name
// colours.
func Stylesheet() string { return piecesStyle }

// policy allows the page its own stylesheet and nothing else.
func policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// funcs are the functions of the templates; those of pieces begin with card.
var funcs = template.FuncMap{
	"cardHex": spaced, "cardDigits": digits, "cardNum": grouped, "cardPair": pair, "cardVis": shownText, "cardLines": visible.Lines, "cardDay": day, "cardGaps": gaps,
}

var pieces = sync.OnceValues(func() (*template.Template, error) { return template.New("pieces").Funcs(funcs).Parse(piecesText) })

// Pieces are the templates of the parts of a page, a copy of the caller's, to put
// them on another page: none has a style of its own, and every text from a card is
// escaped and made visible in them. A *Page is shown by card-memory, card-worries,
// card-facts, card-tree, card-missing and card-kinds, an AppPage by
// card-application, which is card-app-head and card-app-body in a section.
//
// The caller may define some templates, which are empty here: with a *Page
// card-more-worries above what worries, card-facts-acts below what the card is, and
// card-missing-help below what could not be read; card-worry-link behind a worry;
// card-app-acts with an AppPage and card-file-acts with a FilePage, at the end of
// their parts; and card-worries-title, which has a text.
func Pieces() (*template.Template, error) {
	t, err := pieces()
	if err != nil {
		return nil, err
	}
	return t.Clone()
}

var pages = sync.OnceValues(func() (*template.Template, error) {
	t, err := Pieces()
	if err != nil {
		return nil, err
	}
	return t.New("page").Parse(pageText)
})

// alone is a page that stands alone.
type alone struct {
	*Page
	Style  template.CSS
	Policy template.HTMLAttr
}

// HTML writes the report as a page that stands alone.
func (r *Report) HTML(w io.Writer) error {
	t, err := pages()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, alone{NewPage(r, nil), template.CSS(style), template.HTMLAttr(`content="` + policy() + `"`)}); err != nil { //nolint:gosec // our own stylesheet
		return err
	}
	// Text was made visible where it was put in; nothing that forgot it gets out.
	_, err = io.WriteString(w, visible.Lines(b.String()))
	return err
}

// shownText is a value with what cannot be seen in it written out.
func shownText(v any) string { return visible.Text(fmt.Sprint(v)) }
