package ndef

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Shown is a record as phones show it: what they offer to do, and what they tell.
// Text and values come from the record as they are, and may be made to deceive:
// what shows them makes them harmless first.
type Shown struct {
	Kind ShownKind `json:"kind"`
	// Title is what a phone offers, in words of this package.
	Title  string  `json:"title"`
	Text   string  `json:"text,omitempty"`
	Fields []Field `json:"fields,omitempty"`
	// Warning is what people overlook, in words of this package.
	Warning string `json:"warning,omitempty"`
}

// Field is a part of a record by its name.
type Field struct {
	Name  string `json:"name"` // in words of this package
	Value string `json:"value"`
}

// ShownKind is what kind of thing a record is for a person.
type ShownKind string

// Kinds. The words are stable.
const (
	ShownLink      ShownKind = "link"
	ShownText      ShownKind = "text"
	ShownPoster    ShownKind = "poster" // a link with titles
	ShownContact   ShownKind = "contact"
	ShownNetwork   ShownKind = "network" // Wi-Fi
	ShownBluetooth ShownKind = "bluetooth"
	ShownApp       ShownKind = "app"  // an app of a phone is opened
	ShownData      ShownKind = "data" // for programs
	ShownEmpty     ShownKind = "empty"
)

// mostFields bounds what one record can fill a page with.
const mostFields = 24

// Shown is the record as phones show it. A record that breaks the rules of its
// type is shown as data, with a warning.
func (r *Record) Shown() Shown {
	switch {
	case r.TNF == TNFEmpty:
		return Shown{Kind: ShownEmpty, Title: "An empty record"}
	case r.TNF == TNFWellKnown && r.Type == "U":
		u, err := r.URI()
		if err != nil {
			return r.broken(err)
		}
		return shownURI(u)
	case r.TNF == TNFWellKnown && r.Type == "T":
		t, err := r.Text()
		if err != nil {
			return r.broken(err)
		}
		return Shown{Kind: ShownText, Title: "A text", Text: t.Text, Fields: []Field{{"language", t.Language}}}
	case r.TNF == TNFWellKnown && r.Type == "Sp":
		p, err := r.SmartPoster()
		if err != nil {
			return r.broken(err)
		}
		return p.shown()
	case r.TNF == TNFMIME:
		return r.shownMedia()
	case r.TNF == TNFExternal && strings.EqualFold(r.Type, "android.com:pkg"):
		return Shown{Kind: ShownApp, Title: "Opens an Android app, or the shop where it is", Text: text(r.Payload)}
	}
	return r.data()
}

// data is a record that only programs understand.
func (r *Record) data() Shown {
	s := Shown{Kind: ShownData, Title: "Data for a program"}
	if r.Type != "" {
		s.Fields = append(s.Fields, Field{"type", fmt.Sprintf("%s (%v)", r.Type, r.TNF)})
	}
	s.Fields = append(s.Fields, Field{"size", count(len(r.Payload))})
	return s
}

func (r *Record) broken(err error) Shown {
	s := r.data()
	s.Warning = "A phone cannot read it: " + strings.TrimPrefix(err.Error(), "NDEF: ") + "."
	return s
}

func count(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", n)
}

// text is bytes as text; what is no UTF-8 is replaced.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// offers are what phones do with an address, by its scheme.
var offers = map[string]string{
	"http": "Opens a web page", "https": "Opens a web page", "tel": "Offers to call a number", "mailto": "Begins a mail", "sms": "Begins a message",
	"smsto": "Begins a message", "geo": "Shows a place on a map", "sip": "Offers to call", "sips": "Offers to call", "market": "Opens a shop for apps",
}

func shownURI(uri string) Shown {
	s := Shown{Kind: ShownLink, Text: uri}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" {
		s.Title, s.Warning = "An address that phones may not understand", "It is no whole address."
		return s
	}
	scheme := strings.ToLower(u.Scheme)
	if s.Title = offers[scheme]; s.Title == "" {
		s.Title = "Gives an address to whatever app is there for it"
		s.Fields = append(s.Fields, Field{"scheme", scheme})
	}
	if scheme != "http" && scheme != "https" {
		return s
	}
	s.Fields = append(s.Fields, Field{"host", u.Host})
	switch host := strings.ToLower(u.Hostname()); {
	case host == "":
		s.Warning = "It names no host."
	case u.User != nil:
		s.Warning = "What stands before @ is no host: the page is that of the host above."
	case !ascii(host) || strings.HasPrefix(host, "xn--") || strings.Contains(host, ".xn--"):
		s.Warning = "Its host has letters that can look like others."
	case scheme == "http":
		s.Warning = "The page travels without protection (http)."
	}
	return s
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (p *Poster) shown() Shown {
	s := shownURI(p.URI)
	s.Kind = ShownPoster
	var fields []Field
	for _, t := range p.Titles {
		if len(fields) < mostFields {
			fields = append(fields, Field{titleOf(t.Language), t.Text})
		}
	}
	s.Fields = append(fields, s.Fields...)
	if a := map[Action]string{ActionDo: "opens it at once", ActionSave: "saves it for later", ActionEdit: "opens it to be changed"}[p.Action]; a != "" {
		s.Fields = append(s.Fields, Field{"suggests", a})
	}
	if p.Type != "" {
		s.Fields = append(s.Fields, Field{"leads to", text([]byte(p.Type))})
	}
	if p.Size > 0 {
		s.Fields = append(s.Fields, Field{"size there", count(int(p.Size))})
	}
	return s
}

// titleOf names a title by its language, if that is one.
func titleOf(language string) string {
	for i := range len(language) {
		if c := language[i]; c != '-' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return "title"
		}
	}
	if language == "" || len(language) > 12 {
		return "title"
	}
	return "title (" + language + ")"
}
