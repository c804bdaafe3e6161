package yaml

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// Overview is a layout for people: what there is, and who may do what, by the names
// of keys. All text in it comes from the layout, or from this package.
type Overview struct {
	Name         string          `json:"name,omitempty"`
	Generations  []string        `json:"generations"`
	Columns      []string        `json:"columns"` // that contents take of a table
	Master       string          `json:"master,omitempty"`
	Settings     []inspect.Rule  `json:"settings,omitempty"`
	Options      []string        `json:"options,omitempty"`      // that can be undone
	Irreversible []string        `json:"irreversible,omitempty"` // that cannot
	CardKeys     []OverviewKey   `json:"card_keys,omitempty"`    // with roles
	Keys         []OverviewMade  `json:"keys"`
	Applications []OverviewApp   `json:"applications"`
	Memory       []OverviewSpace `json:"memory"`
}

// OverviewKey is a key where it is.
type OverviewKey struct {
	Key  string `json:"key"`  // its number, SET:NUMBER or role
	Name string `json:"name"` // in the layout
}

// OverviewMade is a key by its name.
type OverviewMade struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Versions []int    `json:"versions,omitempty"` // newest first
	Made     string   `json:"made"`               // of what the newest is made, in words
	Used     []string `json:"used"`               // where, in words
}

// OverviewApp is an application.
type OverviewApp struct {
	Application wire.Place     `json:"application"`
	Name        string         `json:"name,omitempty"`
	ISOID       string         `json:"iso_id,omitempty"`
	DFName      string         `json:"df_name,omitempty"` // hexadecimal
	KeyType     string         `json:"key_type"`
	Keys        []OverviewKey  `json:"keys"`
	Settings    []inspect.Rule `json:"settings,omitempty"`
	Options     []string       `json:"options,omitempty"`
	Delegated   string         `json:"delegated,omitempty"` // in words
	Files       []OverviewFile `json:"files"`
}

// OverviewFile is a file.
type OverviewFile struct {
	No      wire.FileNo   `json:"no"`
	Name    string        `json:"name,omitempty"`
	Type    string        `json:"type"`
	Size    string        `json:"size"` // in words
	Mode    string        `json:"mode"`
	ISOID   string        `json:"iso_id,omitempty"`
	Rights  []OverviewAct `json:"rights"`
	Content string        `json:"content,omitempty"` // in words
	SDM     string        `json:"sdm,omitempty"`     // in words
}

// OverviewAct is something that may be done with a file, and by whom.
type OverviewAct struct {
	Act string `json:"act"`
	Who string `json:"who"` // names of keys, free or never
}

// OverviewSpace is what the layout takes of the memory of cards.
type OverviewSpace struct {
	Generation string `json:"generation"`
	Words      string `json:"words"`
	Bytes      int    `json:"bytes"`
}

// Overview puts the layout into words.
func (d *Document) Overview() *Overview {
	o := &Overview{Name: d.title, Columns: d.Columns(), Keys: []OverviewMade{}, Applications: []OverviewApp{}}
	if o.Columns == nil {
		o.Columns = []string{}
	}
	for _, g := range d.layout.Generations {
		o.Generations = append(o.Generations, lower(g))
		m := d.layout.Memory(g)
		o.Memory = append(o.Memory, OverviewSpace{lower(g), m.Words(g), m.Total})
	}
	if c := d.layout.Card; c != nil {
		if c.KeySettings != nil {
			o.Settings = inspect.RulesOf(*c.KeySettings, true)
		}
		d.optionWords(c, o)
	}
	if d.card.master != nil {
		o.Master = d.card.master.name
	}
	for _, u := range d.card.keys {
		o.CardKeys = append(o.CardKeys, OverviewKey{keystore.Number(u.no).String(), u.name})
	}
	for _, name := range d.names {
		o.Keys = append(o.Keys, d.made(d.keys[name]))
	}
	for i := range d.apps {
		o.Applications = append(o.Applications, d.appOverview(i))
	}
	return o
}

func (d *Document) optionWords(c *perso.Level, o *Overview) {
	for _, info := range perso.Options() {
		i := slices.IndexFunc(c.Options, func(x perso.Option) bool { return x.Name == info.Name })
		switch {
		case i < 0:
		case info.Forever:
			o.Irreversible = append(o.Irreversible, info.Name)
		case info.Name == perso.OptionDefaultKey:
			o.Options = append(o.Options, info.Name+": "+d.refs[keystore.Ref{Key: keystore.RoleDefault.ID()}])
		default:
			o.Options = append(o.Options, info.Name+": "+optionText(c.Options[i].Setting))
		}
	}
}

// made is a key by its name.
func (d *Document) made(k *keyDef) OverviewMade {
	v := k.newest()
	m := OverviewMade{Name: k.name, Type: v.typ.String(), Made: "the key store has it at its place", Used: []string{}}
	for _, x := range k.versions {
		if x.versioned {
			m.Versions = append(m.Versions, int(x.version))
		}
	}
	switch rc := v.recipe; {
	case v.zero:
		m.Made = "zeros"
	case rc == nil:
	case rc.Diversify == nil:
		m.Made = "the master key " + rc.Master + " itself"
	default:
		m.Made = fmt.Sprintf("of the master key %s, by AN10922 with %s", rc.Master, diversifyWords(rc.Diversify))
	}
	for _, p := range d.uses {
		if p.key == k && !p.alias() {
			m.Used = append(m.Used, p.words())
		}
	}
	return m
}

func diversifyWords(d *keystore.Diversification) string {
	var parts []string
	if d.UID {
		parts = append(parts, "UID")
	}
	if d.AID {
		parts = append(parts, "AID")
	}
	if d.System != nil {
		if ascii(d.System) {
			parts = append(parts, fmt.Sprintf("%q", d.System))
		} else {
			parts = append(parts, fmt.Sprintf("%X", d.System))
		}
	}
	return andWords(parts)
}

func (d *Document) appOverview(i int) OverviewApp {
	a, x := d.apps[i], &d.layout.Applications[i]
	o := OverviewApp{Application: x.Place, Name: x.Label, KeyType: x.KeyType.String(), Keys: []OverviewKey{}, Files: []OverviewFile{}}
	if x.ISOID != 0 {
		o.ISOID = x.ISOID.String()
	}
	if len(x.DFName) > 0 {
		o.DFName = fmt.Sprintf("%X", x.DFName)
	}
	for no := range x.KeyCount {
		o.Keys = append(o.Keys, OverviewKey{fmt.Sprint(no), a.name(wire.KeyNo(no))})
	}
	for _, k := range x.VCKeys {
		o.Keys = append(o.Keys, OverviewKey{keystore.Number(k.No).String(), k.Label})
	}
	for _, s := range x.Sets {
		for _, k := range s.Keys {
			o.Keys = append(o.Keys, OverviewKey{keystore.InSet(s.Set, k.No).String(), k.Label})
		}
	}
	if a.tmac != nil {
		o.Keys = append(o.Keys, OverviewKey{keystore.RoleTransactionMAC.String(), a.tmac.name})
	}
	if x.KeySettings != nil {
		o.Settings = inspect.RulesOf(*x.KeySettings, false)
		who := x.KeySettings.ChangeKey()
		if name := a.name(wire.KeyNo(who)); who != 0 && who < wire.Free && name != "" {
			o.Settings[len(o.Settings)-1].Rule = "are changed with " + name
		}
	}
	for _, option := range appOptions {
		if x.KeySett3.Has(option.flag) {
			o.Options = append(o.Options, option.word)
		}
	}
	if g := x.Delegated; g != nil {
		o.Delegated = fmt.Sprintf("slot %d, version %d, %d blocks of 32 bytes", g.Slot, g.Version, g.Quota)
	}
	for j := range a.files {
		o.Files = append(o.Files, d.fileOverview(i, j))
	}
	return o
}

func (d *Document) fileOverview(i, j int) OverviewFile {
	a, f := d.apps[i], d.apps[i].files[j]
	x := &d.layout.Applications[i].Files[j]
	s := &x.Settings
	shown := inspect.NewFile(x.No, s)
	o := OverviewFile{No: x.No, Name: x.Label, Type: fileWord(s.Type), Size: shown.SizeWords(), Mode: s.Comm().String()}
	if x.ISOID != 0 {
		o.ISOID = x.ISOID.String()
	}
	for _, g := range inspect.RightsOf(s) {
		o.Rights = append(o.Rights, OverviewAct{string(g.Act), a.who(g)})
	}
	o.Content = contentWords(f, x)
	if s.SDM != nil {
		o.SDM = "nothing is shown"
		if !mirrorsNothing(s.SDM) {
			o.SDM = fmt.Sprintf("who the card is: %s; MAC: %s; counter: %s", a.accessWords(s.SDM.Access.MetaRead()), a.accessWords(s.SDM.Access.FileRead()), a.accessWords(s.SDM.Access.CtrRet()))
		}
	}
	return o
}

// who says whom a grant is for, by names.
func (a *application) who(g inspect.Grant) string {
	switch {
	case g.Free:
		return "free"
	case len(g.Keys) == 0:
		return "never"
	}
	names := make([]string, len(g.Keys))
	for i, no := range g.Keys {
		names[i] = a.accessWords(wire.Access(no))
	}
	return strings.Join(names, ", ")
}

// accessWords names who has a right.
func (a *application) accessWords(w wire.Access) string {
	switch w {
	case wire.Free:
		return "free"
	case wire.Never:
		return "never"
	}
	if name := a.name(wire.KeyNo(w)); name != "" {
		return name
	}
	return fmt.Sprintf("key %d", w)
}

// contentWords says what a file should hold.
func contentWords(f *file, x *perso.File) string {
	c := f.content
	if c == nil {
		if x.First != nil {
			return fmt.Sprintf("begins with %d", *x.First)
		}
		return ""
	}
	var words string
	data := x.Data
	if f.initial {
		data = x.FirstData
	}
	switch c.kind {
	case "template":
		words = "template " + clip(c.source)
	case "sdm":
		words = "message " + clip(c.source)
	case "ndef":
		words = "NDEF message"
	default:
		words = fmt.Sprintf("%d bytes", len(data))
	}
	if c.columns != nil {
		words += ", of the columns " + andWords(c.columns)
	}
	if f.initial {
		words += ", when it is new"
	}
	return words
}

// fileWord is the word of a type of files.
func fileWord(t wire.FileType) string {
	for _, x := range fileTypes {
		if x.typ == t {
			return x.word
		}
	}
	return t.String()
}
