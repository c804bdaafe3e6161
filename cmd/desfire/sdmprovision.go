package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) sdmProvisionCommand() *cobra.Command {
	var m mirrors
	var writeKey string
	var create, try bool
	cmd := &cobra.Command{
		Use:   "provision APP/FILE TEMPLATE",
		Short: "Make a file of a card show a template",
		Long: `Write a template into a file, as an NDEF message that phones open, and switch
secure dynamic messaging on. It takes the key that may write the file and change
its settings. The keys of the mirrors must be on the card already (desfire key
change).

What the card would refuse is an error before anything is written. If a step
fails, the old content and the old settings are put back, and it says so. If the
card leaves, it says what the file may hold: present the card again and repeat
the verb, which takes up whatever was done.

` + helpTemplate + `

Whoever may write the file may spoil it: on NTAG 424 DNA that is everybody at
first. --write-key leaves it to one key.

--create makes the application first, on a DESFire EV3, as phones want it: FILE
is 2, the application has five AES keys of zeros (change them with desfire key
change), and --key is the PICC master key, where the card lets nobody else
create applications.

Keys of zeros make messages that anybody can forge. It warns of those that it can
see for free; --try proves it, by one message that the card shows. The counter is
1 then.

` + helpApp,
		Args: wantsFile("TEMPLATE"),
		Example: `  desfire sdm provision app/2 'https://example.com/t?p={picc}&m={mac}' \
    --key @master.key --write-key 0 --try
  desfire sdm provision 000001/2 'https://example.com/t?p={picc}&m={mac}' \
    --create --write-key 0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, rest, err := parseTarget(cmd, args)
			if err != nil {
				return err
			}
			if _, err := sdm.ParseTemplate(rest[0], false); err != nil {
				return &usageError{cmd, err}
			}
			if create && (t.app.AID == wire.PICC || t.file != createdFile) {
				return &usageError{cmd, fmt.Errorf("--create wants an AID for APP and %d for FILE", createdFile)}
			}
			if _, _, _, err := m.access(cmd); err != nil {
				return err
			}
			var writer *wire.Access
			if writeKey != "" {
				n, err := parseUint(writeKey, 8)
				if err != nil || n > maxKey {
					return &usageError{cmd, fmt.Errorf("--write-key %q: want a key number from 0 to %d%s", writeKey, maxKey, zeroed(err))}
				}
				k := wire.Access(n)
				writer = &k
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				can := card.CanShowSDM(t.file)
				if errors.As(can, new(*desfire.UnsupportedError)) {
					return can
				}
				fs, err := a.enterProvisioned(ctx, cmd, card, t, create, rest[0], &m)
				switch {
				case can != nil && exitCode(ctx, err) == exitRight: // another key would not help
					return can
				case err != nil:
					return err
				}
				p, err := a.newProvision(cmd, card, t, fs, rest[0], &m, writer)
				if err != nil {
					return err
				}
				p.created, p.try = create, try
				p.file.Reopen = a.reopener(t, create)
				return a.provisionSDM(ctx, card, p)
			})
		},
	}
	m.flags(cmd)
	cmd.Flags().BoolVar(&create, "create", false, "make the application first")
	cmd.Flags().BoolVar(&try, "try", false, "read it once as a phone does, and say if keys of zeros made the message")
	cmd.Flags().StringVar(&writeKey, "write-key", "", "let only key `NUMBER` write the file from now on")
	return careful(cmd)
}

// createdFile is the file of the message in an application made here.
const createdFile wire.FileNo = 2

// enterProvisioned enters the application to change the file, and makes it first
// if that is asked for. A dry run makes none: the settings are those that the file
// would have.
func (a *app) enterProvisioned(ctx context.Context, cmd *cobra.Command, card *desfire.Card, t target, create bool, template string, m *mirrors) (*wire.FileSettings, error) {
	if !create {
		return a.enterFile(ctx, card, t, inspect.ActWrite, inspect.ActChange)
	}
	if g := card.Generation(); !g.Has(wire.FeatureApplications) {
		return nil, &desfire.UnsupportedError{What: "a new application with secure dynamic messaging", Generation: g}
	}
	if err := a.enterCard(ctx, card, unlock.Create); err != nil {
		return nil, err
	}
	// An application cannot be undone as easily as a message.
	if err := wouldFit(cmd, template, m, a.lrp(card)); err != nil {
		return nil, err
	}
	layout := &ndef.Layout{AID: t.app.AID, Keys: wire.NewKeySett2(wire.KeyAES, createdKeys), SDM: true}
	if a.dryRun {
		return &wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionSDM, Size: createdSize, Access: wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}}, nil
	}
	commands, err := layout.Commands()
	if err != nil {
		return nil, err
	}
	for i, cmd := range commands {
		if _, err := desfire.Do(ctx, card, cmd); err != nil {
			if i > 0 {
				err = advise(err, "Application %v was made, in part: delete it with desfire app delete %v, and repeat this.", t.app.AID, t.app.AID)
			}
			return nil, mayHaveHappened(err)
		}
	}
	if err := card.Authenticate(ctx, 0, key.Zero(key.TypeAES)); err != nil {
		return nil, err
	}
	return card.FileSettings(ctx, t.file)
}

// Facts of an application made here.
const (
	createdKeys = 5
	createdSize = 256
)

// wouldFit judges a template for a file made here.
func wouldFit(cmd *cobra.Command, template string, m *mirrors, lrp bool) error {
	tpl, err := sdm.ParseTemplate(template, lrp)
	if err != nil {
		return &usageError{cmd, err}
	}
	_, s, err := m.content(cmd, tpl, createdSize)
	if err == nil {
		err = sdm.Check(&s, sdm.Site{Size: createdSize, Keys: createdKeys, LRP: lrp})
	}
	return withCode(exitInput, err)
}

// provision is what a file shall show.
type provision struct {
	template *sdm.Template
	file     desfire.SDMFile
	access   wire.AccessRights // that it has then
	created  bool              // with its application, just now
	raw      bool              // the text alone, no NDEF message
	meant    bool              // the file was made for messages, or shows some
	try      bool
	result   *sdmResult
}

func (a *app) newProvision(cmd *cobra.Command, card *desfire.Card, t target, fs *wire.FileSettings, template string, m *mirrors, writer *wire.Access) (*provision, error) {
	tpl, err := sdm.ParseTemplate(template, a.lrp(card))
	if err != nil {
		return nil, &usageError{cmd, err}
	}
	content, s, err := m.content(cmd, tpl, int(fs.Size))
	if err != nil {
		return nil, withCode(exitInput, err)
	}
	seen := a.saw(card)
	p := &provision{
		template: tpl,
		file:     desfire.SDMFile{File: t.file, Content: content, SDM: s},
		access:   fs.Access,
		raw:      m.raw,
		meant:    fs.Option.Has(wire.OptionSDM) || !card.Generation().Has(wire.FeatureApplications),
		result:   &sdmResult{cardOf: &seen, Application: &t.app, File: &t.file, DryRun: a.dryRun},
	}
	if writer != nil {
		p.access.Write, p.access.ReadWrite = *writer, *writer
		p.file.Access = &p.access
	}
	return p, p.result.fill(content, &s, a.lrp(card))
}

// reopener opens the session again to undo. The rights may be others by then, and
// a new application has keys of zeros.
func (a *app) reopener(t target, created bool) func(context.Context, *desfire.Card) error {
	return func(ctx context.Context, card *desfire.Card) error {
		if a.keyed() && !created {
			_, err := a.enterFile(ctx, card, t, inspect.ActChange)
			return err
		}
		if err := selectPlace(ctx, card, t.app); err != nil || !created {
			return err
		}
		return card.Authenticate(ctx, 0, key.Zero(key.TypeAES))
	}
}

func (a *app) provisionSDM(ctx context.Context, card *desfire.Card, p *provision) error {
	made := a.dryRun && p.created // the file is not there to ask for
	var err error
	switch {
	case made:
		err = sdm.Check(&p.file.SDM, sdm.Site{Size: createdSize, Keys: createdKeys, LRP: a.lrp(card)})
	case a.dryRun:
		err = card.CheckSDM(ctx, &p.file)
	default:
		err = a.notProvisioned(card.ProvisionSDM(ctx, &p.file), p.meant)
	}
	if err != nil {
		return err
	}
	p.result.Warnings = a.warnings(ctx, card, p, made)
	if p.try && !a.dryRun {
		if err := a.tryProvision(ctx, card, p); err != nil {
			return fmt.Errorf("the message was written; reading it as a phone does: %w", err)
		}
	}
	if a.json {
		if p.created {
			a.log.Warn(p.result.Warnings[0])
		}
		return a.emit(p.result)
	}
	does := "shows the message now"
	if a.dryRun {
		does = "would show the message"
	}
	a.printf("File %d of %s %s.\n", *p.result.File, p.result.Application.Words(), does)
	a.printSDM(p.result)
	if p.result.Shows != "" {
		a.printf("%s %s\n", a.out.Dim.Render("to phones"), p.result.Shows)
	}
	for _, w := range p.result.Warnings {
		a.log.Warn(w)
	}
	return nil
}

// notProvisioned says what to do about a file that shows no messages.
func (a *app) notProvisioned(err error, meant bool) error {
	var e *desfire.ProvisionError
	if !errors.As(err, &e) {
		return mayHaveHappened(err)
	}
	switch {
	case e.State == desfire.ProvisionUndone && !meant && desfire.Refusal(err) != nil:
		return advise(err, "Cards may want a file that was made for messages: --create makes one, in an application of its own.")
	case e.State == desfire.ProvisionUndone:
		return err
	}
	return advise(err, "Present the card again and repeat this: it takes up whatever was done. desfire sdm show says what the file holds.")
}
