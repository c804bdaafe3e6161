package ndef

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// uriPrefixes are the beginnings that one byte stands for (NFC Forum URI record
// type, table 3).
var uriPrefixes = [...]string{
	"", "http://www.", "https://www.", "http://", "https://", "tel:", "mailto:",
	"ftp://anonymous:anonymous@", "ftp://ftp.", "ftps://", "sftp://", "smb://", "nfs://", "ftp://", "dav://",
	"news:", "telnet://", "imap:", "rtsp://", "urn:", "pop:", "sip:", "sips:", "tftp:", "btspp://", "btl2cap://",
	"btgoep://", "tcpobex://", "irdaobex://", "file://", "urn:epc:id:", "urn:epc:tag:", "urn:epc:pat:",
	"urn:epc:raw:", "urn:epc:", "urn:nfc:",
}

// URI is a record with a URI, its beginning abbreviated.
func URI(uri string) Record {
	code := 0
	for i, p := range uriPrefixes {
		if strings.HasPrefix(uri, p) && len(p) > len(uriPrefixes[code]) {
			code = i
		}
	}
	return Record{TNF: TNFWellKnown, Type: "U", Payload: append([]byte{byte(code)}, uri[len(uriPrefixes[code]):]...)}
}

// URI is the URI of a URI record. Codes for abbreviations that nobody has defined
// stand for none, as the specification wants it.
func (r *Record) URI() (string, error) {
	if r.TNF != TNFWellKnown || r.Type != "U" {
		return "", errType
	}
	if len(r.Payload) == 0 {
		return "", errors.New("NDEF: the URI record is empty")
	}
	prefix := ""
	if c := int(r.Payload[0]); c < len(uriPrefixes) {
		prefix = uriPrefixes[c]
	}
	rest := string(r.Payload[1:])
	if !utf8.ValidString(rest) {
		return "", errors.New("NDEF: the URI is not UTF-8")
	}
	return prefix + rest, nil
}

// Phrase is a text in a language.
type Phrase struct {
	Language string // an IANA language code, as in "en" or "de-CH"
	Text     string
}

const (
	textUTF16   = 0x80
	maxLanguage = 0x3F
)

// Text is a text record in UTF-8. A language longer than 63 bytes is cut.
func Text(language, text string) Record {
	if len(language) > maxLanguage {
		language = language[:maxLanguage]
	}
	p := append([]byte{byte(len(language))}, language...)
	return Record{TNF: TNFWellKnown, Type: "T", Payload: append(p, text...)}
}

// Text is the text of a text record, from UTF-8 or UTF-16.
func (r *Record) Text() (Phrase, error) {
	if r.TNF != TNFWellKnown || r.Type != "T" {
		return Phrase{}, errType
	}
	if len(r.Payload) == 0 {
		return Phrase{}, errors.New("NDEF: the text record is empty")
	}
	status, rest := r.Payload[0], r.Payload[1:]
	n := int(status & maxLanguage)
	if n > len(rest) {
		return Phrase{}, errors.New("NDEF: the language of the text is cut off")
	}
	p := Phrase{Language: string(rest[:n])}
	rest = rest[n:]
	if status&textUTF16 == 0 {
		if !utf8.Valid(rest) {
			return Phrase{}, errors.New("NDEF: the text is not UTF-8")
		}
		p.Text = string(rest)
		return p, nil
	}
	if len(rest)%2 != 0 {
		return Phrase{}, errors.New("NDEF: the UTF-16 text has an odd number of bytes")
	}
	little := len(rest) >= 2 && rest[0] == 0xFF && rest[1] == 0xFE
	if little || len(rest) >= 2 && rest[0] == 0xFE && rest[1] == 0xFF {
		rest = rest[2:]
	}
	var units []uint16
	for ; len(rest) > 0; rest = rest[2:] {
		u := uint16(rest[0])<<8 | uint16(rest[1])
		if little {
			u = uint16(rest[1])<<8 | uint16(rest[0])
		}
		units = append(units, u)
	}
	p.Text = string(utf16.Decode(units))
	return p, nil
}

// MIME is a record with data of a media type.
func MIME(mediaType string, data []byte) Record {
	return Record{TNF: TNFMIME, Type: mediaType, Payload: data}
}

// External is a record of a type of one's own, "example.com:name".
func External(name string, data []byte) Record {
	return Record{TNF: TNFExternal, Type: strings.ToLower(name), Payload: data}
}

// Action is what a smart poster suggests to do with its URI.
type Action int8

// Actions.
const (
	ActionNone Action = iota - 1 // none is suggested
	ActionDo
	ActionSave
	ActionEdit
)

// Poster is a smart poster: a URI and what to say of it.
type Poster struct {
	URI    string
	Titles []Phrase // one a language
	Action Action
	Type   string // media type of what the URI leads to, if known
	Size   uint32 // bytes of what the URI leads to, if known
}

// SmartPoster is a record with a URI and its titles.
func SmartPoster(p Poster) (Record, error) {
	m := Message{URI(p.URI)}
	for _, t := range p.Titles {
		m = append(m, Text(t.Language, t.Text))
	}
	if p.Action > ActionNone {
		m = append(m, Record{TNF: TNFWellKnown, Type: "act", Payload: []byte{byte(p.Action)}})
	}
	if p.Size > 0 {
		m = append(m, Record{TNF: TNFWellKnown, Type: "s", Payload: []byte{byte(p.Size >> 24), byte(p.Size >> 16), byte(p.Size >> 8), byte(p.Size)}})
	}
	if p.Type != "" {
		m = append(m, Record{TNF: TNFWellKnown, Type: "t", Payload: []byte(p.Type)})
	}
	b, err := m.Encode()
	return Record{TNF: TNFWellKnown, Type: "Sp", Payload: b}, err
}

// SmartPoster is the content of a smart poster. Records in it that are not of its
// kind, icons among them, are left out.
func (r *Record) SmartPoster() (*Poster, error) {
	if r.TNF != TNFWellKnown || r.Type != "Sp" {
		return nil, errType
	}
	m, err := Parse(r.Payload)
	if err != nil {
		return nil, fmt.Errorf("smart poster: %w", err)
	}
	p := &Poster{Action: ActionNone}
	uris := 0
	for i := range m {
		x := &m[i]
		if x.TNF != TNFWellKnown {
			continue
		}
		switch {
		case x.Type == "U":
			uris++
			p.URI, err = x.URI()
		case x.Type == "T":
			var t Phrase
			t, err = x.Text()
			p.Titles = append(p.Titles, t)
		case x.Type == "act" && len(x.Payload) == 1 && x.Payload[0] <= byte(ActionEdit):
			p.Action = Action(x.Payload[0])
		case x.Type == "s" && len(x.Payload) == 4:
			p.Size = uint32(x.Payload[0])<<24 | uint32(x.Payload[1])<<16 | uint32(x.Payload[2])<<8 | uint32(x.Payload[3])
		case x.Type == "t":
			p.Type = string(x.Payload)
		}
		if err != nil {
			return nil, fmt.Errorf("smart poster: %w", err)
		}
	}
	if uris != 1 {
		return nil, fmt.Errorf("NDEF: the smart poster has %d URIs, want 1", uris)
	}
	return p, nil
}

// String says in a line what the record holds.
func (r *Record) String() string {
	if u, err := r.URI(); err == nil {
		return fmt.Sprintf("URI %q", u)
	}
	if t, err := r.Text(); err == nil {
		return fmt.Sprintf("text (%s) %q", t.Language, t.Text)
	}
	if p, err := r.SmartPoster(); err == nil {
		s := fmt.Sprintf("smart poster %q", p.URI)
		for _, t := range p.Titles {
			s += fmt.Sprintf(", %q (%s)", t.Text, t.Language)
		}
		return s
	}
	if r.TNF == TNFEmpty {
		return "empty"
	}
	return fmt.Sprintf("%v %q, %d bytes", r.TNF, r.Type, len(r.Payload))
}
