package markup

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/trace"
)

//go:embed file.html
var fileHTML string

// mostOpened is how many messages a file has byte by byte.
const mostOpened = 1000

// File writes a recording as an HTML page of its own: it needs no script, asks
// nobody for anything, and says so to the browser. style is the style sheet
// that goes into it, the caller's own. The page has what was deciphered; for
// somebody else to read, take the recording apart with dissect.Config.Cut.
func File(w io.Writer, title string, style []byte, rec *trace.Recording, r *dissect.Result) error {
	sum := sha256.Sum256(style)
	f := file{
		Title:   title,
		Policy:  "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
		Style:   template.CSS(style), //nolint:gosec // the caller's own
		Summary: Summarize(rec, r),
	}
	for i, m := range r.Messages {
		row := fileRow{Row: RowOf(m)}
		if opened := i < mostOpened || row.Tag.Class == "bad"; opened && f.Opened < 2*mostOpened {
			row.View, f.Opened = view(m), f.Opened+1
		}
		f.Rows = append(f.Rows, row)
	}
	f.Closed = len(f.Rows) - f.Opened
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, "file", f); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

type file struct {
	Title, Policy  string
	Style          template.CSS
	Summary        *Summary
	Rows           []fileRow
	Opened, Closed int
}

type fileRow struct {
	Row
	View *exchange // nil: left out
}
