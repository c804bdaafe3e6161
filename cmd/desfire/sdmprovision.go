package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) sdmProvisionCommand() *cobra.Command {
	var m mirrors
	var writeKey string
	cmd := &cobra.Command{
		Use:   "provision APP FILE TEMPLATE",
		Short: "Make a file of a card show a template",
		Long: `Write a template into a file, as an NDEF message that phones open, and switch secure
dynamic messaging on. --key and --auth are a key that may write the file and change its
settings. The keys of the mirrors must be on the card already (desfire key change).
` + helpLevel + `

` + helpTemplate + `

Whoever may write the file may spoil it: on NTAG 424 DNA that is everybody at first.
--write-key leaves it to one key.`,
		Args: wants("APP", "FILE", "TEMPLATE"),
		Example: `  desfire sdm provision app 2 'https://example.com/t?p={picc}&m={mac}' --key @master.key --write-key 0
  desfire sdm provision 121314 2 'https://example.com/t?p={picc}&m={mac}' --key @master.key --meta-read 3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := parseLevel(cmd, args[0])
			if err != nil {
				return err
			}
			if !l.only && l.aid == wire.PICC {
				return &usageError{cmd, errors.New("the card level has no files: want an application")}
			}
			no, err := parseFile(cmd, args[1])
			if err != nil {
				return err
			}
			if _, err := sdm.ParseTemplate(args[2], false); err != nil {
				return &usageError{cmd, err}
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
				r, err := a.provisionSDM(ctx, cmd, card, l, no, args[2], &m, writer)
				switch {
				case err != nil:
					return err
				case a.json:
					return a.emit(r)
				}
				a.printf("File %d of %s shows the message now.\n", no, l)
				a.printSDM(r)
				return nil
			})
		},
	}
	m.flags(cmd)
	cmd.Flags().StringVar(&writeKey, "write-key", "", "let only key `NUMBER` write the file from now on")
	return careful(cmd)
}

func (a *app) provisionSDM(ctx context.Context, cmd *cobra.Command, card *desfire.Card, l level, no wire.FileNo, template string, m *mirrors, writer *wire.Access) (*sdmResult, error) {
	if err := l.enter(ctx, card); err != nil {
		return nil, err
	}
	if err := a.authenticate(ctx, card); err != nil {
		return nil, err
	}
	fs, err := card.FileSettings(ctx, no)
	if errors.Is(err, wire.StatusFileNotFound) {
		return nil, fmt.Errorf("%s has no file %d", l, no)
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
	number := int(no)
	r := &sdmResult{Card: card.String(), Application: l.arg(), File: &number}
	return r, r.fill(content, &s, lrp)
}
