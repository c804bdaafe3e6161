package report

import (
	"encoding/hex"
	"fmt"
	"html/template"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/wire"
)

// Page is a report laid out: what the templates of Pieces show.
type Page struct {
	*Report
	Lead   string    // what is on the card, in a line
	Apps   []AppPage // in the order of the card
	Alarms []alarm
	Map    []square
	Legend []legend
	Unit   int  // bytes of a square
	Large  bool // so much that parts begin closed
	More   any  // that of PageConfig

	conf PageConfig
}

// PageConfig says what a page shows beside the report. Nil is nothing.
type PageConfig struct {
	// KeyName is what somebody calls a key of a place, empty if nothing.
	KeyName func(p wire.Place, no int) string
	// MostRows is how many rows of bytes, or records, of a file are shown; how much
	// more there is, is said. 0 is all.
	MostRows int
	// More is for the templates of the caller.
	More any
}

// AppPage is an application laid out.
type AppPage struct {
	*Application
	A      *inspect.Application
	ID     string // of its part of the page
	Shade  int    // of its colour, 1 to 3
	Name   string // AID or DF name, short
	Label  string // what it is known as
	NameOf string // the DF name as text, if it is one
	Strip  []strip
	Matrix matrix
	Phone  *phone
	Open   bool
	Files  []FilePage

	More    any // that of PageConfig
	keyName func(no int) string
}

// FilePage is a file laid out.
type FilePage struct {
	*File
	Place   wire.Place // of its application
	F       *inspect.File
	ID      string // of its part of the page
	Rows    []dump // of data
	Records []record
	Gauge   *gauge // of a value
	TMAC    []fact // of a transaction MAC file
	Cut     string // what of its content is not shown, in words; empty: nothing
	Open    bool
	More    any // that of PageConfig
}

// Uniform reports whether all bytes of a file are the same, which words say better.
func (f *FilePage) Uniform() bool {
	same, _ := uniform(f.F.Data)
	return same && f.Content != nil && len(f.F.Data) > rowBytes
}

// openFiles is how many files a page shows without closing any part.
const openFiles = 40

// NewPage lays a report out. It keeps r.
func NewPage(r *Report, conf *PageConfig) *Page {
	v := &Page{Report: r}
	if conf != nil {
		v.conf, v.More = *conf, conf.More
	}
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
		v.Apps = append(v.Apps, v.app(i, widest, keys))
	}
	v.Alarms = alarmsOf(v)
	v.Unit, v.Map = mapOf(r)
	v.Legend = legendOf(v)
	return v
}

// app lays the i-th application out. The widest has so many bytes, and matrices
// have columns for so many keys.
func (v *Page) app(i, widest, columns int) AppPage {
	x := &v.Applications[i]
	a := AppPage{
		Application: x, A: x.card, ID: fmt.Sprintf("a%d", i), Shade: 1 + i%3, Name: x.Place.String(), Label: x.card.KnownAs, NameOf: asText(x.card.DFName),
		Strip: stripOf(x, widest), Open: !v.Large, More: v.More, keyName: v.keyName(x.Place),
	}
	a.Matrix = matrixOf(x, a.ID, columns, a.keyName)
	if string(x.card.DFName) == ndefName {
		a.Label = "NFC Forum tag (NDEF)" // and not whose AID is the same
	}
	if x.Place.Name != "" {
		a.Name = asText(x.card.DFName)
		if a.Name == "" {
			a.Name = digits([]byte(x.Place.Name))
		}
	}
	if x.Place.Fixed {
		a.Name = "application" // the only one
	}
	a.Phone = phoneOf(x)
	for j := range x.Files {
		f := FilePage{File: &x.Files[j], Place: x.Place, F: x.Files[j].card, ID: fmt.Sprintf("%sf%d", a.ID, j), More: v.More}
		f.Rows, f.Records, f.Gauge, f.TMAC = rowsOf(f.F.Data), recordsOf(f.F), gaugeOf(f.F), tmacFacts(f.File)
		if c := f.Content; c != nil && c.TMAC != nil {
			f.Rows = nil // the facts say the same
		}
		f.cut(v.conf.MostRows)
		f.Open = !v.Large && len(f.Rows)+2*len(f.Records) <= mostOpenRows
		a.Files = append(a.Files, f)
	}
	return a
}

// mostOpenRows is how long a file may be to be shown without closing it.
const mostOpenRows = 12

// keyName gives the names of the keys of a place.
func (v *Page) keyName(p wire.Place) func(int) string {
	return func(no int) string {
		if v.conf.KeyName == nil {
			return ""
		}
		return v.conf.KeyName(p, no)
	}
}

// Fixed reports whether the card comes with its files.
func (v *Page) Fixed() bool { return v.Card.Generation.FixedName() != nil }

// keyRow is a key in a table.
type keyRow struct {
	Key
	Named string // what somebody calls it
}

// KeyTable are keys as a table.
type KeyTable struct {
	Rows  []keyRow
	Named bool // somebody has names for some
}

func keyTable(list []Key, name func(int) string) *KeyTable {
	t := new(KeyTable)
	for _, k := range list {
		r := keyRow{k, name(k.Key)}
		t.Named = t.Named || r.Named != ""
		t.Rows = append(t.Rows, r)
	}
	if t.Rows == nil {
		return nil
	}
	return t
}

// KeyTable are the keys of the application.
func (a *AppPage) KeyTable() *KeyTable { return keyTable(a.Keys, a.keyName) }

// Own is the master key of the card.
func (v *Page) Own() *KeyTable { return v.ownKeys(false) }

// Purpose are the keys for special purposes.
func (v *Page) Purpose() *KeyTable { return v.ownKeys(true) }

func (v *Page) ownKeys(purpose bool) *KeyTable {
	var list []Key
	for _, k := range v.Keys {
		if purpose == (k.Key != 0) {
			list = append(list, k)
		}
	}
	return keyTable(list, v.keyName(wire.Place{}))
}

// Where is the place of a worry or of a missing part, as the page links it.
func (v *Page) Where(p *wire.Place, file *wire.FileNo) (w where) {
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

var longNumber = regexp.MustCompile(`\d{5,}`)

// gaps is a text of inspect with thin gaps in its long numbers.
func gaps(s string) template.HTML {
	s = template.HTMLEscapeString(visible.Text(s))
	return template.HTML(longNumber.ReplaceAllStringFunc(s, func(n string) string { //nolint:gosec // escaped
		for i := len(n) - 3; i > 0; i -= 3 {
			n = n[:i] + "&#8239;" + n[i:]
		}
		return n
	}))
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
func (a *AppPage) Fills() []struct{} { return make([]struct{}, max(a.Matrix.Fill, 0)) }

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
	Around any // More of PageConfig
}

// mostPlaces is how many places an alarm lists.
const mostPlaces = 8

// alarmsOf puts the same worry of several places together.
func alarmsOf(v *Page) (list []alarm) {
	at := map[Worry]int{}
	for _, w := range v.Worries {
		same := w
		same.Application, same.File = nil, nil
		n, known := at[same]
		if !known {
			n = len(list)
			at[same] = n
			list = append(list, alarm{Worry: same, Around: v.More})
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
