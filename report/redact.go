package report

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/wire"
)

// Redaction says what a report leaves out, and what it keeps.
type Redaction struct {
	LeftOut []string `json:"left_out"`
	Kept    []string `json:"kept"`
}

// redactor makes cards of which nothing tells which ones they are. It copies what
// it knows to be harmless, and nothing else: what is not spoken of here is left
// out. The same name gets the same stand-in, and so does the same content.
type redactor struct {
	names, contents map[string]string
}

func newRedactor() *redactor {
	return &redactor{map[string]string{}, map[string]string{}}
}

// says is what the report says of it.
func (r *redactor) says(from Source) *Redaction {
	s := &Redaction{
		LeftOut: []string{
			"the UID, and the signature that is made of it", "the batch of the chip", "what files hold: the same content has the same stand-in, content-1 and so on",
			"values, counters, and what a limited credit may give back", "DF names, which have stand-ins as name-1, and ISO identifiers that are not standard ones",
			"the reader, and an ATR that is not the usual one",
		},
		Kept: []string{
			"AIDs, and the public names for them", "product, generation, week and year of production", "sizes, limits and rights of files, and how many records they have",
			"types and versions of keys, settings", "how much memory is free", "which parts could not be read",
		},
	}
	if from.Kind == "file" {
		s.LeftOut = append(s.LeftOut, "name, author and date of the file")
	}
	if n := len(from.Notes); n > 0 {
		s.LeftOut = append(s.LeftOut, counted(n, "note")+" about the file")
	}
	return s
}

// content is the stand-in for some bytes.
func (r *redactor) content(b []byte) string { return standIn(r.contents, string(b), "content") }

// name is the stand-in for a DF name; those that everybody knows stay.
func (r *redactor) name(g wire.Generation, s string) string {
	if s == "" || s == ndefName || s == string(g.FixedName()) {
		return s
	}
	return standIn(r.names, s, "name")
}

// ndefName is the DF name of the NFC Forum's Type 4 Tag.
const ndefName = "\xD2\x76\x00\x00\x85\x01\x01"

func standIn(known map[string]string, s, kind string) string {
	if known[s] == "" {
		known[s] = fmt.Sprintf("%s-%d", kind, len(known)+1)
	}
	return known[s]
}

// usualATR is that of contactless cards of type A with the ATS of a delivered
// DESFire.
const usualATR = "\x3B\x81\x80\x01\x80\x80"

// card is a copy of what may be shown of a card.
func (r *redactor) card(c *inspect.Card) *inspect.Card {
	out := &inspect.Card{
		Generation: c.Generation, RandomID: c.RandomID, UID: inspect.Hex{}, Storage: c.Storage, StorageExact: c.StorageExact,
		FreeMemory: c.FreeMemory, KeyVersions: slices.Clone(c.KeyVersions), KeySettings: r.settings(c.KeySettings, true), Missing: r.missing(c.Missing),
	}
	out.Product = productOf(c.Generation)
	if v := versionOf(c); v != nil {
		out.Product = v.Product()
		out.Year, out.Week = v.Produced()
	}
	if out.Name = out.Product; out.Name == "" {
		out.Name = "DESFire card"
	}
	out.Hardware, out.Software = chip(c.Hardware), chip(c.Software)
	if string(c.ATR) == usualATR {
		out.ATR = slices.Clone(c.ATR)
	}
	if slices.Contains([]string{"wrapped", "native"}, c.Framing) {
		out.Framing = c.Framing
	}
	if c.Applications != nil {
		out.Applications = []inspect.Application{}
	}
	for i := range c.Applications {
		out.Applications = append(out.Applications, r.application(c.Generation, &c.Applications[i]))
	}
	return out
}

func versionOf(c *inspect.Card) *wire.Version {
	v := new(wire.Version)
	if len(c.Version) == 0 || new(wire.Coder).Decode(c.Version, nil, v) != nil {
		return nil
	}
	return v
}

func productOf(g wire.Generation) string {
	switch g {
	case wire.UnknownGeneration:
		return ""
	case wire.NTAG424:
		return "NTAG 424 DNA"
	}
	return fmt.Sprintf("MIFARE DESFire %v", g)
}

var chipVersion = regexp.MustCompile(`^[0-9A-F]{1,2}\.[0-9A-F]{1,2}$`)

// chip is what a chip tells; a version is free text in files.
func chip(c *inspect.Chip) *inspect.Chip {
	if c == nil || !chipVersion.MatchString(c.Version) {
		return nil
	}
	out := *c
	return &out
}

func (r *redactor) settings(k *inspect.KeySettings, ofCard bool) *inspect.KeySettings {
	if k == nil {
		return nil
	}
	if s := k.Wire(); s != nil {
		out := inspect.NewKeySettings(s, ofCard)
		out.Proven = k.Proven
		return out
	}
	if len(k.Settings) != 1 {
		return nil
	}
	out := &inspect.KeySettings{
		Settings: slices.Clone(k.Settings), Rules: inspect.RulesOf(wire.KeySett1(k.Settings[0]), ofCard), Keys: k.Keys, ISOFiles: k.ISOFiles, Proven: k.Proven,
	}
	if k.Sets != nil {
		sets := *k.Sets
		out.Sets = &sets
	}
	for _, t := range []wire.KeyType{wire.KeyDES, wire.Key3K3DES, wire.KeyAES} {
		if k.KeyType == t.String() {
			out.KeyType = k.KeyType
		}
	}
	return out
}

// place is a place whose name has a stand-in.
func (r *redactor) place(g wire.Generation, p wire.Place) wire.Place {
	p.Name = r.name(g, p.Name)
	return p
}

func (r *redactor) application(g wire.Generation, a *inspect.Application) inspect.Application {
	out := inspect.NewApplication(r.place(g, a.Place))
	out.DFName = nil
	if len(a.DFName) > 0 {
		out.DFName = inspect.Hex(r.name(g, string(a.DFName)))
	}
	out.ISOID = standardID(a.ISOID)
	out.KeySettings, out.KeyVersions, out.KeySets = r.settings(a.KeySettings, false), slices.Clone(a.KeyVersions), slices.Clone(a.KeySets)
	out.Missing = r.missing(a.Missing)
	if a.Files != nil {
		out.Files = []inspect.File{}
	}
	for i := range a.Files {
		f := &a.Files[i]
		x := inspect.File{No: f.No}
		if f.Settings != nil {
			fs := f.Settings.Clone()
			fs.LimitedCredit = 0
			x = inspect.NewFile(f.No, &fs)
			x.LimitedCredit = nil
			x.Proven = f.Proven
		}
		x.ISOID, x.Missing = standardID(f.ISOID), r.missing(f.Missing)
		out.Files = append(out.Files, x)
	}
	return out
}

// standardID keeps identifiers that tags of the NFC Forum and cards as delivered
// have.
func standardID(id inspect.Hex) inspect.Hex {
	if len(id) != 2 {
		return nil
	}
	no := wire.ISOFID(id[0])<<8 | wire.ISOFID(id[1])
	usual := []wire.ISOFID{ndef.CCFile, ndef.NDEFFile, ndef.ApplicationFID}
	for _, g := range []wire.Generation{wire.Light, wire.NTAG424} {
		for _, f := range g.FixedFiles() {
			usual = append(usual, f.FID)
		}
	}
	if !slices.Contains(usual, no) {
		return nil
	}
	return slices.Clone(id)
}
