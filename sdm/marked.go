package sdm

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/wire"
)

// Marked is what a file shows: its text as a template, with the places marked
// that the card fills in.
type Marked struct {
	NDEF     bool   // the text is the URI of an NDEF message; else the file up to the zeros at its end
	Template string // as ParseTemplate reads it, if the text holds no braces of its own
	// Outside are mirrors that lie, wholly or in part, outside the text or over
	// one another: what the card shows there is no part of the template.
	Outside []Mirror
	// Parts are the same text in pieces, to be shown.
	Parts []Part
}

// Part is a piece of what a file shows.
type Part struct {
	Text   string // as the content has it
	Mirror string // the name of the Mirror that it is; empty: it stays as it is
	MACed  bool   // the MAC is made over it
}

// Mark finds the template of a file that was provisioned: content is what it
// holds, or what it shows. Under LRP PICCData is longer.
func Mark(content []byte, s *wire.SDM, useLRP bool) Marked {
	m := Marked{}
	start, end, prefix := 0, len(strings.TrimRight(string(content), "\x00")), ""
	if p, from, n, ok := uriIn(content); ok {
		m.NDEF, prefix, start, end = true, p, from, from+n
	}
	mirrors := Mirrors(s, useLRP)
	slices.SortStableFunc(mirrors, func(a, b Mirror) int { return int(a.Offset) - int(b.Offset) })
	var b strings.Builder
	b.WriteString(prefix)
	at := start
	if prefix != "" {
		m.Parts = append(m.Parts, Part{Text: prefix})
	}
	covered := coverOf(s)
	for _, x := range mirrors {
		from, n := int(x.Offset), int(x.Length)
		mark := ""
		switch x.Name {
		case "PICCData":
			mark = "{picc}"
		case "UID":
			mark = "{uid}"
		case "SDMReadCtr":
			mark = "{ctr}"
		case "SDMENC":
			mark = fmt.Sprintf("{enc:%d}", n/2)
		case "SDMMAC":
			mark = "{mac}"
		case "SDMMACInput":
			if n == 0 {
				continue
			}
			mark, n = "{from}", 0
			if m.NDEF && from < start && start <= end && at == start {
				mark, from = fmt.Sprintf("{from:%d}", start-from), start
			}
		}
		if from < at || from+n > end {
			m.Outside = append(m.Outside, x)
			continue
		}
		b.Write(content[at:from])
		b.WriteString(mark)
		m.Parts = covered.text(m.Parts, content, at, from)
		if n > 0 {
			m.Parts = append(m.Parts, Part{string(content[from:][:n]), x.Name, covered.has(from)})
		}
		at = from + n
	}
	b.Write(content[min(at, end):end])
	m.Parts = covered.text(m.Parts, content, at, end)
	m.Template = b.String()
	return m
}

// cover is what the MAC is made over: bytes of the file.
type cover struct{ from, to int }

func coverOf(s *wire.SDM) cover {
	if s.Access.FileRead() == wire.Never {
		return cover{}
	}
	return cover{int(s.MACInputOffset), int(s.MACOffset)}
}

func (c cover) has(at int) bool { return c.from <= at && at < c.to }

// text appends text that stays as it is, parted where the cover begins and ends.
func (c cover) text(list []Part, content []byte, from, to int) []Part {
	for from < to {
		next := to
		for _, edge := range [...]int{c.from, c.to} {
			if from < edge && edge < next {
				next = edge
			}
		}
		list = append(list, Part{Text: string(content[from:next]), MACed: c.has(from)})
		from = next
	}
	return list
}

// uriIn finds the URI in an NDEF file whose first record is one: the beginning
// that its code stands for, and where the rest of it lies in the file.
func uriIn(file []byte) (prefix string, from, n int, ok bool) {
	if len(file) < 2 {
		return "", 0, 0, false
	}
	size := int(binary.BigEndian.Uint16(file))
	if size == 0 || size > len(file)-2 {
		return "", 0, 0, false
	}
	message, err := ndef.Parse(file[2:][:size])
	if err != nil || len(message) == 0 || message[0].ID != "" {
		return "", 0, 0, false
	}
	r := &message[0]
	uri, err := r.URI()
	if err != nil {
		return "", 0, 0, false
	}
	head := 4 // flags, length of the type, length of the payload, type
	if file[2]&ndefShort == 0 {
		head = 7
	}
	n = len(r.Payload) - 1
	from = 2 + head + 1
	if from+n > len(file) || string(file[from:from+n]) != string(r.Payload[1:]) { // in chunks
		return "", 0, 0, false
	}
	return uri[:len(uri)-n], from, n, true
}
