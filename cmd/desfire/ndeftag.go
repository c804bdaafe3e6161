package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// cardTag is the tag on a card, and what the card says of the file with the
// message. The capability container only says what phones are told.
type cardTag struct {
	*ndef.Tag
	target   target
	settings *wire.FileSettings // nil if the card does not tell them
	lrp      bool
}

// tagPlace is where the tag of a card is.
func tagPlace(g wire.Generation) wire.Place {
	switch {
	case g == wire.D40:
		return wire.Place{AID: ndef.D40AID}
	case string(g.FixedName()) == string(wire.NDEFName[:]):
		return wire.Place{Fixed: true}
	}
	return wire.Place{Name: string(wire.NDEFName[:])}
}

// openTag finds the tag on a card, to do something with its message. Its rights
// decide whether that goes without a key; with one, it goes in a session.
func (a *app) openTag(ctx context.Context, card *desfire.Card, act inspect.Act) (*cardTag, error) {
	t, files, err := a.findTag(ctx, card)
	if err != nil {
		return nil, err
	}
	_, listed := files[t.File.FID]
	switch {
	case !listed && a.keyed():
		return nil, fmt.Errorf("the application of the tag has no file %v, which its capability container names", t.File.FID)
	case !listed:
		return t, nil // the card will tell what it allows
	case !a.keyed():
		return t, free(t.target, t.settings, []inspect.Act{act})
	}
	if t.settings, err = a.enterFile(ctx, card, t.target, act); err != nil {
		return nil, err
	}
	t.lrp = a.lrp(card)
	t.Tag, err = ndef.OpenNative(ctx, card, files, !card.Generation().Has(wire.FeatureClassic))
	return t, err
}

// plainTag is the tag without a session.
func (a *app) plainTag(ctx context.Context, card *desfire.Card) (*cardTag, error) {
	t, _, err := a.findTag(ctx, card)
	return t, err
}

// findTag looks for the tag, as anybody may, and asks for the settings of its
// file. Where the card lists files to nobody, a key is asked for that.
func (a *app) findTag(ctx context.Context, card *desfire.Card) (*cardTag, map[wire.ISOFID]wire.FileNo, error) {
	g, p := card.Generation(), tagPlace(card.Generation())
	if err := card.Select(ctx, p); err != nil {
		return nil, nil, noTag(card, err)
	}
	files, err := ndef.Files(ctx, card, g)
	if inspect.Refused(err) && a.keyed() {
		if err := a.enter(ctx, card, p, unlock.List); err != nil {
			return nil, nil, err
		}
		files, err = ndef.Files(ctx, card, g)
	}
	if err != nil && !inspect.Refused(err) {
		return nil, nil, err
	}
	t := &cardTag{target: target{app: p}}
	if g == wire.D40 {
		t.Tag, err = ndef.OpenNative(ctx, card, files, false)
	} else if _, session := card.Session(); session {
		t.Tag, err = ndef.OpenNative(ctx, card, files, !g.Has(wire.FeatureClassic))
	} else {
		t.Tag, err = ndef.Open(ctx, card)
	}
	if err != nil {
		return nil, nil, noTag(card, err)
	}
	no, ok := files[t.File.FID]
	if !ok {
		return t, nil, nil
	}
	t.target.file = no
	t.settings, err = card.FileSettings(ctx, no)
	if err != nil {
		if !inspect.Refused(err) {
			return nil, nil, err
		}
		t.settings = nil
		files = nil
	}
	return t, files, nil
}

// noTag says why a card has no tag, and how it becomes one.
func noTag(card *desfire.Card, err error) error {
	if !noSuchPlace(err) {
		return err
	}
	if card.Generation() == wire.D40 {
		return withCode(exitImpossible, fmt.Errorf("there is no NDEF on this card, %v, and none can be put on it: that takes DESFire EV1 or later", card))
	}
	if no := canBeTag(card); no != nil {
		return no
	}
	return advise(withCode(exitRefused, errors.New("the card has no NDEF application")), "desfire ndef format makes one.")
}

// mirrored is the error of a message of which the card would show something
// else: its file has n bytes of it, the length included.
func (t *cardTag) mirrored(n int) error {
	if t.settings == nil || t.settings.SDM == nil {
		return nil
	}
	return mirrored(t.target, sdm.Touched(t.settings.SDM, t.lrp, 0, uint32(n)))
}

// tagInfo is what ndef prints with --json.
type tagInfo struct {
	cardOf
	Application wire.Place   `json:"application"`
	File        *wire.FileNo `json:"file"` // null if not known
	Mapping     string       `json:"mapping"`
	Capacity    int          `json:"capacity"`
	Read        string       `json:"read"`     // who may: free, never, key 1; empty if not known
	Write       string       `json:"write"`    // idem
	Writable    bool         `json:"writable"` // by anybody: the rights allow it, and phones are told so
	SDM         bool         `json:"sdm"`      // the file shows secure dynamic messages
	DryRun      bool         `json:"dry_run,omitempty"`
	Records     []recordInfo `json:"records"`
}

type recordInfo struct {
	TNF      string   `json:"tnf"`
	Type     string   `json:"type"`
	ID       string   `json:"id,omitempty"`
	Says     string   `json:"says"`
	URI      string   `json:"uri,omitempty"`
	Text     string   `json:"text,omitempty"`
	Language string   `json:"language,omitempty"`
	Payload  hexBytes `json:"payload"`
}

func newRecordInfo(r *ndef.Record) recordInfo {
	x := recordInfo{TNF: r.TNF.String(), Type: r.Type, ID: r.ID, Says: r.String(), Payload: r.Payload}
	x.URI, _ = r.URI()
	if t, err := r.Text(); err == nil {
		x.Text, x.Language = t.Text, t.Language
	}
	if p, err := r.SmartPoster(); err == nil {
		x.URI = p.URI
	}
	return x
}

func (a *app) showTag(card *desfire.Card, t *cardTag, m ndef.Message) error {
	v := t.CC.Version
	told := t.File.Write == ndef.AccessFree
	info := tagInfo{
		cardOf: a.saw(card), Application: t.target.app, Mapping: fmt.Sprintf("%d.%d", v>>4, v&0xF), Capacity: t.File.Capacity(),
		DryRun: a.dryRun, Records: []recordInfo{},
	}
	access := "phones are told that anybody may write"
	if !told {
		access = "phones are told that it is read-only"
	}
	if fs := t.settings; fs != nil {
		rights := inspect.RightsOf(fs)
		read, _ := rights.Of(inspect.ActRead)
		write, _ := rights.Of(inspect.ActWrite)
		info.File, info.Read, info.Write, info.SDM = &t.target.file, read.Who(), write.Who(), fs.SDM != nil
		info.Writable = write.Free && told
		access = writeWords(write, told)
	}
	n := 0
	for i := range m {
		info.Records = append(info.Records, newRecordInfo(&m[i]))
	}
	if len(m) > 0 {
		b, err := m.Encode()
		if err != nil {
			return err
		}
		n = len(b)
	}
	if a.json {
		return a.emit(info)
	}
	if a.dryRun {
		a.printf("Would be written:\n")
	}
	a.printf("%s  %d of %d bytes, %s\n", a.out.Title.Render(a.cardName()), n, info.Capacity, access)
	if info.SDM {
		a.printf("the card fills in secure dynamic messages: desfire sdm show %v\n", t.target)
	}
	if len(m) == 0 {
		a.printf("no message\n")
	}
	for _, r := range info.Records {
		a.printf("%s\n", r.Says)
	}
	return nil
}

// writeWords says who may write, and what phones are told if that is not so.
func writeWords(g inspect.Grant, told bool) string {
	switch {
	case g.Free && told:
		return "writable by anybody"
	case g.Free:
		return "writable by anybody, but phones are told that it is read-only"
	case !g.Possible():
		return "read-only: nobody may write"
	case told:
		return "written with " + g.Who() + ", though phones are told that anybody may"
	}
	return "written with " + g.Who()
}
