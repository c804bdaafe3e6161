package perso

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// FromCard makes a layout of a card that was read: of what it is, and of what is
// in it as far as that was read. It shares nothing with c. The notes say what of
// the card the layout does not have, and why; they quote what stands in c, which
// whoever prints them must escape.
func FromCard(c *inspect.Card) (*Layout, []Note) {
	f := fromCard{card: c, layout: &Layout{Generations: []wire.Generation{c.Generation}}}
	f.level()
	for i := range c.Applications {
		f.application(&c.Applications[i])
	}
	return f.layout, f.notes
}

type fromCard struct {
	card   *inspect.Card
	layout *Layout
	notes  []Note
}

func (f *fromCard) note(w Where, format string, args ...any) {
	f.notes = append(f.notes, note(w, format, args...))
}

// level is what belongs to the card itself.
func (f *fromCard) level() {
	c, g := f.card, f.card.Generation
	here := at(wire.Place{})
	f.note(here, "its identifier, batch and dates of production belong to this chip")
	if g.Has(wire.FeatureSignature) {
		f.note(here, "its originality signature belongs to this chip")
	}
	if g.Has(wire.FeatureCardUID) {
		f.note(here, "its configuration (random identifier, ATS, formatting, default key) is told by no card: it stays as it is")
	}
	f.note(here, "keys are told by no card: they become those of the key store, or stay the default ones")
	if g.Has(wire.FeatureDelegated) {
		f.note(here, "which applications were made by delegation is not known: they are made as others")
	}
	if g.Has(wire.FeatureKeySets) {
		f.note(here, "key setting 3 of applications is told by no card, but for key sets")
	}
	if c.Applications == nil {
		f.note(here, "its applications are not known%s", because(c.MissingPart(inspect.PartApplications)))
	}
	if g.Has(wire.FeatureEV1Commands) && c.MissingPart(inspect.PartNames) != nil {
		f.note(here, "ISO identifiers and names of its applications are not known%s", because(c.MissingPart(inspect.PartNames)))
	}
	if g.FixedName() != nil {
		return // keys and settings are the application's
	}
	level := &Level{}
	if s := c.KeySettings; s != nil && len(s.Settings) == 1 {
		ks1 := wire.KeySett1(s.Settings[0]) & 0x0F // some cards keep the reserved bits
		level.KeySettings = &ks1
		f.frozen(here, ks1, true)
	} else {
		f.note(here, "its key settings are not known%s", because(c.MissingPart(inspect.PartKeySettings)))
	}
	level.Keys = slices.DeleteFunc(keysOf(c.KeyVersions), func(k KeyWant) bool { return k.No != 0 })
	f.layout.Card = level
}

// frozen notes settings that can never be undone.
func (f *fromCard) frozen(w Where, s wire.KeySett1, ofCard bool) {
	for _, r := range inspect.RulesOf(s, ofCard) {
		if r.Forever {
			f.note(w, "%s %s: so it will be, once its keys are those of the key store", r.What, r.Rule)
		}
	}
}

func because(m *inspect.Missing) string {
	if m == nil {
		return ""
	}
	return ": " + m.Words()
}

func keysOf(versions []inspect.KeyVersion) (keys []KeyWant) {
	for _, v := range versions {
		version := v.Version
		keys = append(keys, KeyWant{No: wire.KeyNo(v.Key), Version: &version})
	}
	return keys
}

func isoID(h inspect.Hex) wire.ISOFID {
	if len(h) != 2 {
		return 0
	}
	return wire.ISOFID(h[0])<<8 | wire.ISOFID(h[1])
}

func (f *fromCard) application(a *inspect.Application) {
	here := at(a.Place)
	out := Application{Place: a.Place, Keys: keysOf(a.KeyVersions)}
	fixed := f.card.Generation.FixedName() != nil
	switch s := a.KeySettings; {
	case fixed:
		out.KeyType, out.KeyCount = wire.KeyAES, wire.FixedKeys
	case s == nil || len(s.Settings) != 1 || !out.setKeys(s):
		f.note(here, "it cannot be made, since its key settings are not known%s", because(a.MissingPart(inspect.PartKeySettings)))
		return
	default:
		out.ISOID = isoID(a.ISOID)
		if out.ISOID != 0 && len(a.DFName) > 0 {
			out.DFName = bytes.Clone(a.DFName)
		}
		f.frozen(here, *out.KeySettings, false)
	}
	out.Keys = slices.DeleteFunc(out.Keys, func(k KeyWant) bool { return int(k.No) >= out.KeyCount })
	if out.KeySets != nil {
		f.note(here, "keys of key sets that are not active are not restored")
	}
	if a.Files == nil {
		f.note(here, "its files are not known%s", because(a.MissingPart(inspect.PartFiles)))
	}
	if !fixed {
		f.isoFiles(here, &out, a)
	}
	for i := range a.Files {
		f.file(here, &out, &a.Files[i])
	}
	// A file that is no dump of a card may say anything.
	err := (&Layout{Applications: append(slices.Clip(f.layout.Applications), out)}).Check()
	if err != nil {
		f.note(here, "it cannot be made: %v", err)
		return
	}
	f.layout.Applications = append(f.layout.Applications, out)
}

// setKeys takes settings, type and number of the keys; false if they make no sense.
func (a *Application) setKeys(s *inspect.KeySettings) bool {
	ks1 := wire.KeySett1(s.Settings[0])
	a.KeySettings, a.KeyCount, a.ISOFiles = &ks1, s.Keys, s.ISOFiles
	if k := s.Sets; k != nil {
		a.KeySets = &wire.KeySetConfig{
			AKSVersion: wire.KeyVersion(k.ActiveVersion), NoKeySets: uint8(k.Sets), MaxKeySize: uint8(k.MaxKeySize), AppKeySetSett: uint8(k.RollKey),
		}
		a.KeySett3 |= wire.SettKeySets
	}
	for t := wire.KeyDES; t <= wire.KeyAES; t++ {
		if t.String() == s.KeyType {
			a.KeyType = t
			return s.Keys > 0 && s.Keys <= wire.MaxKeys
		}
	}
	return false
}

// isoFiles finds out whether files have ISO identifiers: not every card tells it
// in its settings. They have them all or none.
func (f *fromCard) isoFiles(here Where, out *Application, a *inspect.Application) {
	some, all := false, true
	for i := range a.Files {
		x := &a.Files[i]
		if x.Settings != nil && (&File{Settings: *x.Settings}).mayHaveISOID() {
			named := isoID(x.ISOID) != 0
			some, all = some || named, all && named
		}
	}
	missing := a.MissingPart(inspect.PartISOFiles)
	if out.ISOFiles = (out.ISOFiles || some) && all; !out.ISOFiles && (missing != nil || some || !all && a.KeySettings.ISOFiles) {
		f.note(here, "which of its files has which ISO identifier is not known%s: they are made without", because(missing))
	}
}

func (f *fromCard) file(app Where, out *Application, x *inspect.File) {
	here := app.file(x.No)
	if x.Settings == nil {
		f.note(here, "it cannot be made, since its settings are not known%s", because(x.MissingPart(inspect.PartSettings)))
		return
	}
	s := x.Settings.Clone()
	file := File{No: x.No}
	if out.ISOFiles || f.card.Generation.FixedName() != nil {
		file.ISOID = isoID(x.ISOID)
	}
	missing := because(x.MissingPart(inspect.PartContent))
	switch s.Type {
	case wire.FileStandard, wire.FileBackup:
		if x.Data == nil {
			f.note(here, "its content is not known%s", missing)
			break
		}
		file.Data = bytes.Clone(x.Data)
		if n := len(x.Data); n > int(s.Size) { // a file of a foreign program may say so
			file.Data = file.Data[:s.Size]
			f.note(here, "%d bytes do not fit into its %d: the rest is left out", n, s.Size)
		}
		if s.SDM != nil {
			f.note(here, "the counter of its secure dynamic messages begins anew")
		}
	case wire.FileValue:
		if x.Value == nil {
			f.note(here, "its value is not known%s", missing)
		} else if v := *x.Value; v >= s.Lower && v <= s.Upper {
			file.Value = &v
		} else {
			f.note(here, "its value %d lies outside of its limits: it is left out", v)
		}
		if s.LimitedCredit != 0 {
			f.note(here, "what LimitedCredit may give back (%d) is counted by the card", s.LimitedCredit)
		}
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		f.records(here, &file, &s, x, missing)
	case wire.FileTransactionMAC:
		f.note(here, "its key and counter are told by no card: it is made only with a key of the key store, and counts from 0")
	}
	s.LimitedCredit, s.Records = 0, 0
	file.Settings = s
	reason := file.wrong()
	if find(out.Files, func(o *File) bool { return o.No == x.No }) != nil {
		reason = "it stands there twice"
	}
	if reason != "" {
		f.note(here, "it cannot be made: %s", reason)
		return
	}
	out.Files = append(out.Files, file)
}

func (f *fromCard) records(here Where, file *File, s *wire.FileSettings, x *inspect.File, missing string) {
	switch {
	case s.Records == 0:
		file.Records = [][]byte{}
		return
	case x.Content == nil:
		f.note(here, "its %d records are not known%s", s.Records, missing)
		return
	}
	for _, r := range x.Content {
		if len(r) != int(s.RecordSize) || len(file.Records) >= capacity(s) {
			f.note(here, "its records do not fit its settings: they are left out")
			file.Records = nil
			return
		}
		file.Records = append(file.Records, bytes.Clone(r))
	}
	if uint32(len(x.Content)) != s.Records {
		f.note(here, "%s", fmt.Sprintf("%d of its %d records are known", len(x.Content), s.Records))
	}
}
