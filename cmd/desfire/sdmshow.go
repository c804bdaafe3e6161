package main

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) sdmShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show APP/FILE",
		Short: "Show what a file shows, and how it is set up",
		Long: `Show the settings of secure dynamic messaging of a file, the template that they
make of it, and without a key what a phone sees now. That is a read like one of
a phone: the counter moves. With a key it is read in a session, where the card
fills nothing in and nothing moves.

` + helpTemplate + `

` + helpApp,
		Args: wantsFile(),
		Example: `  desfire sdm show app/2
  desfire sdm show 000001/2 --key 0=@master.key`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, _, err := parseTarget(cmd, args)
			if err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				fs, err := a.enterFile(ctx, card, t)
				if err != nil {
					return err
				}
				r, err := a.lookSDM(ctx, card, t, fs)
				switch {
				case err != nil:
					return err
				case a.json:
					return a.emit(r)
				}
				a.printShow(r)
				return nil
			})
		},
	}
}

// sdmShown is what sdm show and sdm off print with --json.
type sdmShown struct {
	cardOf
	Application wire.Place   `json:"application"`
	File        wire.FileNo  `json:"file"`
	SDM         *inspect.SDM `json:"sdm"` // null: the file shows no such messages
	Rights      string       `json:"rights"`
	LRP         *bool        `json:"lrp"` // null if not known: without a session the card does not tell
	Settings    hexBytes     `json:"settings"`
	Offsets     []sdmOffset  `json:"offsets"`
	Template    string       `json:"template"` // empty if the file could not be read
	NDEF        bool         `json:"ndef"`     // the template is the URI of an NDEF message
	Outside     []sdmOffset  `json:"outside"`  // places that are not in it
	Shows       string       `json:"shows"`    // to a phone; empty with a key
	DryRun      bool         `json:"dry_run,omitempty"`

	unread string // why the file was not read
}

// lookSDM reads what the file shows, if it may.
func (a *app) lookSDM(ctx context.Context, card *desfire.Card, t target, fs *wire.FileSettings) (*sdmShown, error) {
	f := inspect.NewFile(t.file, fs)
	r := &sdmShown{cardOf: a.saw(card), Application: t.app, File: t.file, SDM: f.SDM, Rights: f.Words, Settings: hexBytes{}, Offsets: []sdmOffset{}, Outside: []sdmOffset{}}
	if fs.SDM == nil {
		return r, nil
	}
	e, err := new(wire.Coder).Encode(nil, fs.SDM)
	if err != nil {
		return nil, err
	}
	lrp := a.lrp(card)
	s, session := card.Session()
	if session {
		r.LRP = &lrp
	}
	r.Settings, r.Offsets = e.Bytes, sdmOffsets(fs.SDM, lrp)
	g, _ := f.Rights.Of(inspect.ActRead)
	switch {
	case session && !g.Allows(s.KeyNo):
		r.unread = fmt.Sprintf("read %s, and --key is key %d", g.Who(), s.KeyNo)
		return r, nil
	case !session && !g.Free && fs.SDM.Access.FileRead() == wire.Never:
		r.unread = "read " + g.Who()
		return r, nil
	}
	data, err := card.ReadData(ctx, t.file, 0, 0)
	if err != nil {
		return nil, err
	}
	m := sdm.Mark(data, fs.SDM, lrp)
	r.Template, r.NDEF = m.Template, m.NDEF
	for _, o := range m.Outside {
		r.Outside = append(r.Outside, sdmOffset(o))
	}
	if !session {
		none := *fs.SDM // marks nothing: the text as it is
		none.Access = wire.NewSDMAccess(wire.Never, wire.Never, wire.Never)
		r.Shows = sdm.Mark(data, &none, lrp).Template
	}
	return r, nil
}

// printShow prints it for people.
func (a *app) printShow(r *sdmShown) {
	const width = len("to phones")
	a.printf("File %d of %s on %s\n", r.File, r.Application.Words(), a.out.Title.Render(a.cardName()))
	a.row(width, "rights", r.Rights)
	if r.SDM == nil {
		a.row(width, "messages", "none: the file shows what is written in it")
		return
	}
	a.row(width, "messages", r.SDM.Words)
	a.row(width, "counter", "may be asked for: "+r.SDM.Counter)
	a.row(width, "settings", fmt.Sprintf("%X", []byte(r.Settings)))
	if r.unread != "" {
		a.row(width, "template", "not read: "+r.unread)
	} else {
		a.row(width, "template", r.Template)
	}
	if r.Shows != "" {
		a.row(width, "to phones", r.Shows)
	}
	a.printOffsets(r.Offsets)
	for _, o := range r.Outside {
		a.printf("%s\n", a.out.Warn.Render(fmt.Sprintf("%s at %d is not within the text", o.Name, o.Offset)))
	}
}

func (a *app) sdmOffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "off APP/FILE",
		Short: "Make a file show what is written in it",
		Long: `Switch secure dynamic messaging off: the file shows what is written in it, which
is zeros where the card filled in. The rights stay as they are. It takes the key
that may change the settings of the file.

desfire sdm provision switches it on again; the counter begins anew then.

` + helpApp,
		Args: wantsFile(),
		Example: `  desfire sdm off app/2 --key 0=@master.key --dry-run
  desfire sdm off 000001/2 --key 0=@master.key`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, _, err := parseTarget(cmd, args)
			if err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				fs, err := a.enterFile(ctx, card, t, inspect.ActChange)
				if err != nil {
					return err
				}
				return a.switchOff(ctx, cmd, card, t, fs)
			})
		},
	}
}

func (a *app) switchOff(ctx context.Context, cmd *cobra.Command, card *desfire.Card, t target, fs *wire.FileSettings) error {
	f := inspect.NewFile(t.file, fs)
	r := &sdmShown{cardOf: a.saw(card), Application: t.app, File: t.file, Rights: f.Words, Settings: hexBytes{}, Offsets: []sdmOffset{}, Outside: []sdmOffset{}, DryRun: a.dryRun}
	tell := func(words string) error {
		if a.json {
			return a.emit(r)
		}
		a.printf("File %d of %s %s.\n", t.file, t.app.Words(), words)
		return nil
	}
	if fs.SDM == nil {
		return tell("shows no secure dynamic messages: nothing was changed")
	}
	if a.dryRun {
		return tell("would show what is written in it; its rights would stay: " + f.Words)
	}
	if !a.json || !a.yes {
		a.sayf("File %d of %s %s.\n", t.file, t.app.Words(), f.SDM.Words)
	}
	if err := a.confirm(cmd, "Switch that off?"); err != nil {
		return err
	}
	change := &wire.ChangeFileSettings{File: t.file, Option: fs.Option &^ wire.OptionSDM, Access: fs.Access, Additional: fs.Additional}
	if err := card.ChangeFileSettings(ctx, change); err != nil {
		return mayHaveHappened(err)
	}
	now, err := card.FileSettings(ctx, t.file)
	switch {
	case err != nil:
		return fmt.Errorf("the card accepted the change, and the settings could not be read again: %w", err)
	case now.SDM != nil || now.Access != fs.Access:
		return withCode(exitDiffers, fmt.Errorf("the card accepted the change, yet the file has other settings: %s", inspect.RightsOf(now).Words()))
	}
	return tell("shows what is written in it now")
}
