package report

import (
	"encoding/hex"
	"fmt"
	"html/template"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// view is a report as the page shows it.
type view struct {
	*Report
	Style  template.CSS
	Policy template.HTMLAttr
	Lead   string // what is on the card, in a line
	Apps   []appView
	Alarms []alarm
	Map    []square
	Legend []legend
	Unit   int  // bytes of a square
	Large  bool // so much that parts begin closed
}

// appView is an application as the page shows it.
type appView struct {
	*Application
	A      *inspect.Application
	ID     string
	Shade  int    // of its colour, 1 to 3
	Name   string // AID or DF name, short
	Label  string // what it is known as
	NameOf string // the DF name as text, if it is one
	Strip  []strip
	Matrix matrix
	Open   bool
	Files  []fileView
}

// fileView is a file as the page shows it.
type fileView struct {
	*File
	F    *inspect.File
	ID   string
	Rows []dump // of data, or of records one after the other
	Open bool
}

// openFiles is how many files a page shows without closing any part.
const openFiles = 40

func newView(r *Report) *view {
	v := &view{Report: r, Style: template.CSS(style), Policy: template.HTMLAttr(`content="` + policy() + `"`)} //nolint:gosec // our own stylesheet
	files := 0
	for i := range r.Applications {
		files += len(r.Applications[i].Files)
	}
	v.Large = files > openFiles
	switch n := len(r.Applications); {
	case r.Card.Applications == nil:
		v.Lead = "Its applications are not known."
	case n == 0:
		v.Lead = "No applications."
	default:
		v.Lead = fmt.Sprintf("%s, %s.", counted(n, "application"), counted(files, "file"))
	}
	widest, keys := 1, 0
	for i := range r.Applications {
		widest = max(widest, r.Applications[i].Bytes)
		if n := len(usedKeys(&r.Applications[i])); n <= mostColumns {
			keys = max(keys, n)
		}
	}
	for i := range r.Applications {
		x := &r.Applications[i]
		a := appView{
			Application: x, A: x.card, ID: fmt.Sprintf("a%d", i), Shade: 1 + i%3, Name: x.Place.String(), Label: x.card.KnownAs, NameOf: asText(x.card.DFName),
			Strip: stripOf(x, widest), Matrix: matrixOf(x, keys), Open: !v.Large,
		}
		if string(x.card.DFName) == ndefName {
			a.Label = "NFC Forum tag (NDEF)" // and not whose AID is the same
		}
		if x.Place.Name != "" {
			a.Name = asText(x.card.DFName)
			if a.Name == "" {
				a.Name = digits([]byte(x.Place.Name))
			}
		}
		for j := range x.Files {
			f := fileView{File: &x.Files[j], F: x.Files[j].card, ID: fmt.Sprintf("%sf%d", a.ID, j)}
			f.Rows = rowsOf(f.F)
			f.Open = !v.Large && len(f.Rows) <= 12
			a.Files = append(a.Files, f)
		}
		v.Apps = append(v.Apps, a)
	}
	v.Alarms = alarmsOf(v)
	v.Unit, v.Map = mapOf(r)
	v.Legend = legendOf(v)
	return v
}

// Fixed reports whether the card comes with its files.
func (v *view) Fixed() bool { return v.Card.Generation.FixedName() != nil }

// Own is the master key of the card.
func (v *view) Own() []Key { return ownKeys(v.Keys, false) }

// Purpose are the keys for special purposes.
func (v *view) Purpose() []Key { return ownKeys(v.Keys, true) }

func ownKeys(all []Key, purpose bool) (list []Key) {
	for _, k := range all {
		if purpose == (k.Key != 0) {
			list = append(list, k)
		}
	}
	return list
}

// Where is the place of a worry or of a missing part, as the page links it.
func (v *view) Where(p *wire.Place, file *wire.FileNo) (w where) {
	if p == nil || p.IsCard() {
		return where{Words: "the card"}
	}
	for i := range v.Apps {
		a := &v.Apps[i]
		if a.Place != *p {
			continue
		}
		if file == nil {
			return where{a.ID, a.Name}
		}
		for _, f := range a.Files {
			if f.File.File == *file {
				return where{f.ID, fmt.Sprintf("%s, file %d", a.Name, *file)}
			}
		}
	}
	return where{Words: p.String()}
}

type where struct{ ID, Words string }

// At is Where of a missing part.
func (v *view) At(l inspect.Lost) where { return v.Where(&l.Application, l.File) }

// asText is a DF name as text, empty if it is none.
func asText(b []byte) string {
	if lines := appendText(nil, b); len(lines) == 1 {
		return lines[0]
	}
	return ""
}

// spaced is bytes as pairs of digits, which break anywhere between.
func spaced(b inspect.Hex) string { return strings.TrimSpace(fmt.Sprintf("% X", []byte(b))) }

// digits is bytes without gaps, as identifiers are written.
func digits(b inspect.Hex) string { return strings.ToUpper(hex.EncodeToString(b)) }

// grouped is a number with a thin gap before its last three digits, and so on.
func grouped(n any) template.HTML {
	s := fmt.Sprint(reflect.Indirect(reflect.ValueOf(n)))
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "&minus;", s[1:]
	}
	if _, err := strconv.ParseUint(s, 10, 64); err != nil {
		return template.HTML(template.HTMLEscapeString(s)) //nolint:gosec // escaped
	}
	for i := len(s) - 3; i > 0 && len(s) > 4; i -= 3 {
		s = s[:i] + "&#8239;" + s[i:]
	}
	return template.HTML(sign + s) //nolint:gosec // digits
}

// day is a time as people write it; what is none stays as it is.
func day(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// Fills are the columns that other applications have and this one leaves empty.
func (a *appView) Fills() []struct{} { return make([]struct{}, max(a.Matrix.Fill, 0)) }

// pair is a byte as two digits; nil is none.
func pair(b *byte) string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("%02X", *b)
}

// alarm is a worry with all the places that it is about.
type alarm struct {
	Worry
	Places []where
	More   int // places that are not listed
}

// mostPlaces is how many places an alarm lists.
const mostPlaces = 8

// alarmsOf puts the same worry of several places together.
func alarmsOf(v *view) (list []alarm) {
	at := map[Worry]int{}
	for _, w := range v.Worries {
		same := w
		same.Application, same.File = nil, nil
		n, known := at[same]
		if !known {
			n = len(list)
			at[same] = n
			list = append(list, alarm{Worry: same})
		}
		switch x := &list[n]; {
		case w.Application == nil:
		case len(x.Places) == mostPlaces:
			x.More++
		default:
			x.Places = append(x.Places, v.Where(w.Application, w.File))
		}
	}
	return list
}
