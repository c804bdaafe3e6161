package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-desfire/desfire"
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
		Use:   "provision APP FILE TEMPLATE",
		Short: "Make a file of a card show a template",
		Long: `Write a template into a file, as an NDEF message that phones open, and switch secure
dynamic messaging on. --key and --auth are a key that may write the file and change its
settings. The keys of the mirrors must be on the card already (desfire key change).
` + helpLevel + `

` + helpTemplate + `

Whoever may write the file may spoil it: on NTAG 424 DNA that is everybody at first.
--write-key leaves it to one key.

--create makes the application first, on a DESFire EV3, as phones want it: FILE is 2, the
application has five AES keys of zeros (change them with desfire key change), and --key
is the PICC master key, where the card lets nobody else create applications.`,
		Args: wants("APP", "FILE", "TEMPLATE"),
		Example: `  desfire sdm provision app 2 'https://example.com/t?p={picc}&m={mac}' --key @master.key --write-key 0
  desfire sdm provision 121314 2 'https://example.com/t?p={picc}&m={mac}' --key @master.key --meta-read 3
  desfire sdm provision 000001 2 'https://example.com/t?p={picc}&m={mac}' --create --write-key 0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := parsePlace(cmd, args[0])
			if err != nil {
				return err
			}
			if l.IsCard() {
				return &usageError{cmd, errors.New("the card level has no files: want an application")}
			}
			no, err := parseFile(cmd, args[1])
			if err != nil {
				return err
			}
			if _, err := sdm.ParseTemplate(args[2], false); err != nil {
				return &usageError{cmd, err}
			}
			if create && (l.AID == wire.PICC || no != createdFile) {
				return &usageError{cmd, fmt.Errorf("--create wants an AID for APP and %d for FILE", createdFile)}
			}
			if _, _, _, err := m.access(cmd); err != nil {
				return err
			}
			var writer *wire.Access
			if writeKey != "" {
				n, err := strconv.ParseUint(writeKey, 0, 8)
				if err != nil || n > maxKey {
					return &usageError{cmd, fmt.Errorf("--write-key %q: want a key number from 0 to %d", writeKey, maxKey)}
				}
				k := wire.Access(n)
				writer = &k
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				enter := func(ctx context.Context, card *desfire.Card, p wire.Place) error {
					return a.enterKeys(ctx, card, p, unlock.Master)
				}
				if create {
					enter = a.createSDM
				}
				if err := enter(ctx, card, l); err != nil {
					return err
				}
				r, err := a.provisionSDM(ctx, cmd, card, l, no, args[2], &m, writer)
				switch {
				case err != nil:
					return err
				case a.json:
					return a.emit(r)
				}
				a.printf("File %d of %s shows the message now.\n", no, l.Words())
				a.printSDM(r)
				return nil
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

// createSDM makes the application and opens a session with its master key.
func (a *app) createSDM(ctx context.Context, card *desfire.Card, l wire.Place) error {
	if g := card.Generation(); !g.Has(wire.FeatureFileCounters) || !g.Has(wire.FeatureApplications) {
		return &desfire.UnsupportedError{What: "a new application with secure dynamic messaging", Generation: g}
	}
	if err := a.enterCard(ctx, card, unlock.Create); err != nil {
		return err
	}
	layout := &ndef.Layout{AID: l.AID, Keys: wire.NewKeySett2(wire.KeyAES, 5), SDM: true}
	commands, err := layout.Commands()
	if err != nil {
		return err
	}
	for _, cmd := range commands {
		if _, err := desfire.Do(ctx, card, cmd); err != nil {
			return err
		}
	}
	a.log.Warn("the keys of the new application are zeros: change them with desfire key change", "application", l.AID)
	return card.Authenticate(ctx, 0, key.Zero(key.TypeAES))
}

func (a *app) provisionSDM(ctx context.Context, cmd *cobra.Command, card *desfire.Card, l wire.Place, no wire.FileNo, template string, m *mirrors, writer *wire.Access) (*sdmResult, error) {
	fs, err := card.FileSettings(ctx, no)
	if errors.Is(err, wire.StatusFileNotFound) {
		return nil, fmt.Errorf("%s has no file %d", l.Words(), no)
	}
	if err != nil {
		return nil, err
	}
	lrp := false
	if s, ok := card.Session(); ok {
		lrp = s.Scheme == wire.SchemeLRP
	}
	t, err := sdm.ParseTemplate(template, lrp)
	if err != nil {
		return nil, &usageError{cmd, err}
	}
	content, s, err := m.content(cmd, t, int(fs.Size))
	if err != nil {
		return nil, err
	}
	f := &desfire.SDMFile{File: no, Content: content, SDM: s}
	access := fs.Access
	if writer != nil {
		access.Write, access.ReadWrite = *writer, *writer
		f.Access = &access
	}
	if err := card.ProvisionSDM(ctx, f); err != nil {
		return nil, err
	}
	if access.Write == wire.Free || access.ReadWrite == wire.Free {
		a.log.Warn("anybody may write this file: --write-key leaves it to one key")
	}
	if access.Read != wire.Free {
		a.log.Debug("reading is not free; who is not authenticated sees the message all the same")
	}
	number, seen := int(no), a.saw(card)
	r := &sdmResult{cardOf: &seen, Application: l.String(), File: &number}
	return r, r.fill(content, &s, lrp)
}
