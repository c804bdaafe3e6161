package main

import (
	"context"
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
	var create bool
	cmd := &cobra.Command{
		Use:   "provision APP/FILE TEMPLATE",
		Short: "Make a file of a card show a template",
		Long: `Write a template into a file, as an NDEF message that phones open, and switch
secure dynamic messaging on. It takes the key that may write the file and change
its settings. The keys of the mirrors must be on the card already (desfire key
change).

` + helpTemplate + `

Whoever may write the file may spoil it: on NTAG 424 DNA that is everybody at
first. --write-key leaves it to one key.

--create makes the application first, on a DESFire EV3, as phones want it: FILE
is 2, the application has five AES keys of zeros (change them with desfire key
change), and --key is the PICC master key, where the card lets nobody else
create applications.

` + helpApp,
		Args: wantsFile("TEMPLATE"),
		Example: `  desfire sdm provision app/2 'https://example.com/t?p={picc}&m={mac}' \
    --key @master.key --write-key 0
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
				if g := card.Generation(); !g.Has(wire.FeatureFileCounters) {
					return &desfire.UnsupportedError{What: "secure dynamic messaging", Generation: g, Reason: "it lacks " + wire.FeatureFileCounters.String()}
				}
				fs, err := a.enterProvisioned(ctx, card, t, create)
				if err != nil {
					return err
				}
				p, err := a.newProvision(ctx, cmd, card, t, fs, rest[0], &m, writer)
				if err != nil {
					return err
				}
				return a.provisionSDM(ctx, card, p)
			})
		},
	}
	m.flags(cmd)
	cmd.Flags().BoolVar(&create, "create", false, "make the application first")
	cmd.Flags().StringVar(&writeKey, "write-key", "", "let only key `NUMBER` write the file from now on")
	return careful(cmd)
}

// createdFile is the file of the message in an application made here.
const createdFile wire.FileNo = 2

// enterProvisioned enters the application to change the file, and makes it first
// if that is asked for. A dry run makes none: the settings are those that the file
// would have.
func (a *app) enterProvisioned(ctx context.Context, card *desfire.Card, t target, create bool) (*wire.FileSettings, error) {
	if !create {
		return a.enterFile(ctx, card, t, inspect.ActWrite, inspect.ActChange)
	}
	if g := card.Generation(); !g.Has(wire.FeatureApplications) {
		return nil, &desfire.UnsupportedError{What: "a new application with secure dynamic messaging", Generation: g}
	}
	if err := a.enterCard(ctx, card, unlock.Create); err != nil {
		return nil, err
	}
	layout := &ndef.Layout{AID: t.app.AID, Keys: wire.NewKeySett2(wire.KeyAES, 5), SDM: true}
	if a.dryRun {
		return &wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionSDM, Size: 256, Access: wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}}, nil
	}
	commands, err := layout.Commands()
	if err != nil {
		return nil, err
	}
	for _, cmd := range commands {
		if _, err := desfire.Do(ctx, card, cmd); err != nil {
			return nil, mayHaveHappened(err)
		}
	}
	a.log.Warn("the keys of the new application are zeros: change them with desfire key change", "application", t.app.AID)
	if err := card.Authenticate(ctx, 0, key.Zero(key.TypeAES)); err != nil {
		return nil, err
	}
	return card.FileSettings(ctx, t.file)
}

// provision is what a file shall show.
type provision struct {
	file   desfire.SDMFile
	access wire.AccessRights // that it has then
	result *sdmResult
}

func (a *app) newProvision(ctx context.Context, cmd *cobra.Command, card *desfire.Card, t target, fs *wire.FileSettings, template string, m *mirrors, writer *wire.Access) (*provision, error) {
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
		file:   desfire.SDMFile{File: t.file, Content: content, SDM: s},
		access: fs.Access,
		result: &sdmResult{cardOf: &seen, Application: &t.app, File: &t.file, DryRun: a.dryRun},
	}
	if writer != nil {
		p.access.Write, p.access.ReadWrite = *writer, *writer
		p.file.Access = &p.access
	}
	if !a.json && !a.dryRun {
		a.warnDelivered(ctx, card, &s)
	}
	return p, p.result.fill(content, &s, a.lrp(card))
}

// warnDelivered warns of keys whose version is that of cards as they are
// delivered, with keys of zeros, where it is free to ask.
func (a *app) warnDelivered(ctx context.Context, card *desfire.Card, s *wire.SDM) {
	list := []wire.Access{s.Access.FileRead()}
	if meta := s.Access.MetaRead(); meta < wire.Free && meta != list[0] {
		list = append(list, meta)
	}
	for _, k := range list {
		if v, err := card.KeyVersion(ctx, wire.KeyNo(k)); err == nil && v == 0 {
			a.log.Warn(fmt.Sprintf("key %d has version 00, as cards are delivered: while it is zeros, anybody can forge messages; desfire key change", uint8(k)))
		}
	}
}

func (a *app) provisionSDM(ctx context.Context, card *desfire.Card, p *provision) error {
	if !a.dryRun {
		if err := card.ProvisionSDM(ctx, &p.file); err != nil {
			return mayHaveHappened(err)
		}
	}
	if a.json {
		return a.emit(p.result)
	}
	does := "shows the message now"
	if a.dryRun {
		does = "would show the message"
	}
	a.printf("File %d of %s %s.\n", *p.result.File, p.result.Application.Words(), does)
	a.printSDM(p.result)
	if p.access.Write == wire.Free || p.access.ReadWrite == wire.Free {
		a.log.Warn("anybody may write this file: --write-key leaves it to one key")
	}
	return nil
}
