// Package markup shows recorded traffic that package dissect took apart as HTML: one
// message, or a whole recording as a page of its own.
//
// The HTML has neither scripts nor inline styles; what it looks like, a style
// sheet says. Whatever came from a card or a log is escaped, and control
// characters in it are made visible. It has no bytes of keys, since package
// dissect has none.
package markup

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/internal/visible"
)

//go:embed exchange.html
var exchangeHTML string

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"vis":    func(v any) string { return visible.Text(fmt.Sprint(v)) },
		"bytes":  groups,
		"kind":   func(k dissect.Kind) string { return "k-" + k.String() },
		"ms":     milliseconds,
		"kinds":  func() []dissect.Kind { return kinds },
		"plural": plural,
	}).Parse(exchangeHTML + fileHTML))
})

var kinds = []dissect.Kind{dissect.Header, dissect.Data, dissect.MAC, dissect.CRC, dissect.Padding, dissect.Status}

// Exchange writes one message as an article.
func Exchange(w io.Writer, m *dissect.Message) error {
	return templates().ExecuteTemplate(w, "exchange", view(m))
}

// Frames writes the frames of one message only, with what was enciphered in them:
// for a page that tells the rest itself.
func Frames(w io.Writer, m *dissect.Message) error {
	return templates().ExecuteTemplate(w, "frames", view(m))
}

// WriteSummary writes the panel that says what is to be said of a recording as
// a whole.
func WriteSummary(w io.Writer, s *Summary) error {
	return templates().ExecuteTemplate(w, "summary", s)
}

// WriteRow writes what stands in one line of a list of messages.
func WriteRow(w io.Writer, r Row) error { return templates().ExecuteTemplate(w, "row", r) }

// groups writes bytes in hexadecimal, in groups of eight between which lines
// may break.
func groups(b []byte) string {
	var s strings.Builder
	for i, x := range b {
		switch {
		case i == 0:
		case i%8 == 0:
			s.WriteByte(' ')
		default:
			s.WriteRune('\u00a0')
		}
		fmt.Fprintf(&s, "%02X", x)
	}
	return s.String()
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
