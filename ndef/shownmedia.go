package ndef

import (
	"encoding/binary"
	"fmt"
	"mime"
	"strings"
	"unicode/utf8"
)

// shownMedia is a record of a media type.
func (r *Record) shownMedia() Shown {
	media, _, err := mime.ParseMediaType(r.Type)
	if err != nil {
		media = strings.ToLower(r.Type)
	}
	switch {
	case media == "text/vcard", media == "text/x-vcard", media == "text/directory":
		return r.shownContact()
	case media == "application/vnd.wfa.wsc":
		return r.shownNetwork()
	case media == "application/vnd.bluetooth.ep.oob", media == "application/vnd.bluetooth.le.oob":
		return r.shownBluetooth(media)
	case strings.HasPrefix(media, "text/") && utf8.Valid(r.Payload):
		return Shown{Kind: ShownText, Title: "A text", Text: string(r.Payload), Fields: []Field{{"type", media}}}
	}
	return r.data()
}

// Properties of a contact (RFC 6350) that phones show.
var contactFields = map[string]string{
	"FN": "name", "ORG": "organisation", "TITLE": "position", "ROLE": "role", "TEL": "telephone", "EMAIL": "mail", "URL": "web page", "ADR": "address", "BDAY": "birthday", "NOTE": "note",
}

// shownContact reads a vCard: a property a line, lines that begin with a blank go
// on from the one before.
func (r *Record) shownContact() Shown {
	s := Shown{Kind: ShownContact, Title: "Offers to save a contact"}
	whole := strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(text(r.Payload))
	formal := ""
	for line := range strings.SplitSeq(whole, "\n") {
		head, value, ok := strings.Cut(strings.TrimRight(line, "\r"), ":")
		if !ok {
			continue
		}
		name, _, _ := strings.Cut(head, ";")
		if at := strings.LastIndexByte(name, '.'); at >= 0 {
			name = name[at+1:] // without the group
		}
		name, value = strings.ToUpper(strings.TrimSpace(name)), plain(value)
		switch words := contactFields[name]; {
		case name == "N":
			formal = value
		case words != "" && value != "" && len(s.Fields) < mostFields:
			s.Fields = append(s.Fields, Field{words, value})
		}
	}
	if formal != "" && (len(s.Fields) == 0 || s.Fields[0].Name != "name") {
		s.Fields = append([]Field{{"name", formal}}, s.Fields...)
	}
	if len(s.Fields) == 0 {
		s.Warning = "It says nothing of anybody."
	}
	return s
}

// plain is the value of a property without its escapes.
func plain(value string) string {
	var parts []string
	var b strings.Builder
	escaped := false
	for _, c := range value {
		switch {
		case escaped && (c == 'n' || c == 'N'):
			b.WriteByte(' ')
		case escaped:
			b.WriteRune(c)
		case c == '\\':
		case c == ';':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteRune(c)
		}
		escaped = !escaped && c == '\\'
	}
	var full []string
	for _, p := range append(parts, b.String()) {
		if p = strings.TrimSpace(p); p != "" {
			full = append(full, p)
		}
	}
	return strings.Join(full, ", ")
}

// Attributes of Wi-Fi Simple Configuration.
const (
	wscCredential = 0x100E
	wscSSID       = 0x1045
	wscAuth       = 0x1003
	wscEncryption = 0x100F
	wscKey        = 0x1027
)

// shownNetwork reads a credential of a Wi-Fi network. Its password is in the file
// for all to read; it is not repeated.
func (r *Record) shownNetwork() Shown {
	s := Shown{Kind: ShownNetwork, Title: "Offers to join a Wi-Fi network"}
	body := attribute(r.Payload, wscCredential)
	if body == nil {
		body = r.Payload
	}
	ssid := attribute(body, wscSSID)
	if ssid == nil {
		s = r.data()
		s.Warning = "A phone cannot read it: it names no network, or is cut off."
		return s
	}
	s.Fields = append(s.Fields, Field{"network", text(ssid)})
	if b := attribute(body, wscAuth); len(b) == 2 {
		s.Fields = append(s.Fields, Field{"protection", authWords(binary.BigEndian.Uint16(b))})
	}
	if b := attribute(body, wscEncryption); len(b) == 2 && binary.BigEndian.Uint16(b) == 1 {
		s.Warning = "What is sent in this network is not enciphered."
	}
	if b := attribute(body, wscKey); len(b) > 0 {
		s.Fields = append(s.Fields, Field{"password", fmt.Sprintf("%s, in clear in the file", count(len(b)))})
	}
	return s
}

func authWords(n uint16) string {
	names := map[uint16]string{
		0x0001: "none", 0x0002: "WPA with a password", 0x0004: "shared key (WEP)", 0x0008: "WPA with accounts", 0x0010: "WPA2 with accounts",
		0x0020: "WPA2 with a password", 0x0022: "WPA or WPA2 with a password",
	}
	if s := names[n]; s != "" {
		return s
	}
	return fmt.Sprintf("kind %04X", n)
}

// attribute is the value of the first attribute of a type: two bytes type, two
// bytes length. It is nil if there is none, or if what holds it is cut off before.
func attribute(b []byte, want uint16) []byte {
	for len(b) >= 4 {
		id, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if n > len(b)-4 {
			return nil
		}
		if id == want {
			return b[4:][:n]
		}
		b = b[4+n:]
	}
	return nil
}

// shownBluetooth reads out-of-band data of a device.
func (r *Record) shownBluetooth(media string) Shown {
	s := Shown{Kind: ShownBluetooth, Title: "Offers to connect a Bluetooth device"}
	b := r.Payload
	if media == "application/vnd.bluetooth.ep.oob" {
		if len(b) < 8 || int(binary.LittleEndian.Uint16(b)) > len(b) {
			s = r.data()
			s.Warning = "A phone cannot read it: it is cut off."
			return s
		}
		s.Fields = append(s.Fields, Field{"address", address(b[2:8])})
		b = b[8:]
	}
	for len(b) > 1 && int(b[0]) >= 1 && int(b[0]) < len(b) { // length, type, data
		n, typ, data := int(b[0]), b[1], b[2:1+int(b[0])]
		switch {
		case typ == 0x08 || typ == 0x09:
			s.Fields = append(s.Fields, Field{"name", text(data)})
		case typ == 0x1B && len(data) >= 6:
			s.Fields = append(s.Fields, Field{"address", address(data[:6])})
		}
		if b = b[1+n:]; len(s.Fields) >= mostFields {
			break
		}
	}
	return s
}

// address is a Bluetooth address, which is sent the last byte first.
func address(b []byte) string {
	return fmt.Sprintf("%02X:%02X:%02X:%02X:%02X:%02X", b[5], b[4], b[3], b[2], b[1], b[0])
}
