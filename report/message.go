package report

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

// Message is the NDEF message of an application, which phones read.
type Message struct {
	File    wire.FileNo  `json:"file"`
	Records []string     `json:"records"`         // in words
	Shown   []ndef.Shown `json:"shown,omitempty"` // as a phone shows them
	Problem string       `json:"problem,omitempty"`
}

// messageOf reads the NDEF message of an application, nil if it is no tag.
func messageOf(g wire.Generation, a *inspect.Application, red *redactor) *Message {
	cc, control := ccOf(g, a), &ndef.FileControl{Kind: ndef.KindNDEF, FID: ndef.NDEFFile}
	var problem string
	if cc != nil && cc.Data != nil {
		switch c, err := ndef.ParseCC(cc.Data); {
		case err != nil:
			problem = "capability container: " + err.Error()
		default:
			if n, err := c.NDEF(); err == nil {
				control = &n
			} else {
				problem = "capability container: " + err.Error()
			}
		}
	}
	f := byID(g, a, control.FID)
	if f == nil || f.Data == nil {
		return nil
	}
	m := &Message{File: f.No, Records: []string{}, Problem: problem}
	list, err := control.ParseFile(f.Data)
	if err != nil && problem == "" {
		m.Problem = err.Error()
	}
	for i := range list {
		m.Records = append(m.Records, recordWords(&list[i], red))
		if red == nil {
			m.Shown = append(m.Shown, list[i].Shown())
		}
	}
	if red != nil && m.Problem != "" {
		m.Problem = "it is not readable as a message"
	}
	return m
}

// recordWords is a record in a line; redacted only what kind it is.
func recordWords(r *ndef.Record, red *redactor) string {
	if red == nil {
		return r.String()
	}
	if r.TNF == ndef.TNFWellKnown && slices.Contains([]string{"U", "T", "Sp"}, r.Type) {
		return map[string]string{"U": "URI", "T": "text", "Sp": "smart poster"}[r.Type] + ", left out"
	}
	return fmt.Sprintf("record of kind %v, left out", r.TNF)
}

func ccOf(g wire.Generation, a *inspect.Application) *inspect.File { return byID(g, a, ndef.CCFile) }

// byID is the file with an ISO identifier, nil if there is none. Files of a D40
// card have none; those of a tag on it have certain numbers.
func byID(g wire.Generation, a *inspect.Application, id wire.ISOFID) *inspect.File {
	for i := range a.Files {
		if f := &a.Files[i]; len(f.ISOID) == 2 && f.ISOID[0] == byte(id>>8) && f.ISOID[1] == byte(id) {
			return f
		}
	}
	if no, ok := ndef.D40Files()[id]; ok && g == wire.D40 && a.AID == ndef.D40AID {
		for i := range a.Files {
			if a.Files[i].No == no {
				return &a.Files[i]
			}
		}
	}
	return nil
}

// Template is what a file with secure dynamic messaging shows.
type Template struct {
	Template string   `json:"template,omitempty"` // {uid}, {ctr}, {picc}, {enc:N}, {mac}, {from} stand for what the card fills in
	Outside  []string `json:"outside,omitempty"`  // places that do not lie in the text
	Places   []string `json:"places"`             // what the card fills in, and where

	ndef  bool       // the text is that of an NDEF message
	parts []sdm.Part // of the text
}

// Parts are the text as it is shown.
func (t *Template) Parts() []part {
	list, _ := partsOf(t.parts)
	return list
}

// MACed reports whether the MAC is made over any of them.
func (t *Template) MACed() bool { return anyMACed(t.Parts()) }

// Kinds are the kinds of parts that the card fills in.
func (t *Template) Kinds() []partKind {
	_, kinds := partsOf(t.parts)
	return kinds
}

// templateOf makes the template of a file, nil if it shows no messages. Whether
// the card uses LRP, no file or card tells without a session: AES is assumed.
func templateOf(f *inspect.File, red *redactor) *Template {
	if f.SDM == nil || f.SDM.Settings == nil {
		return nil
	}
	t := &Template{Places: []string{}}
	for _, m := range sdm.Mirrors(f.SDM.Settings, false) {
		t.Places = append(t.Places, fmt.Sprintf("%s: %s from byte %d", m.Name, counted(int(m.Length), "byte"), m.Offset))
	}
	if f.Data == nil {
		return t
	}
	m := sdm.Mark(f.Data, f.SDM.Settings, false)
	if red == nil {
		t.Template, t.ndef, t.parts = m.Template, m.NDEF, m.Parts
	}
	for _, o := range m.Outside {
		t.Outside = append(t.Outside, fmt.Sprintf("%s at byte %d", o.Name, o.Offset))
	}
	return t
}
