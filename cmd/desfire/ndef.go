package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) ndefCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ndef",
		Short: "Read and write what phones read: NDEF messages",
		Long: `Read and write the NDEF message of a card: of an NTAG 424 DNA, or of a DESFire
card (EV1 and later) that has the application for it, which "ndef format" makes.`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.ndefReadCommand(), a.ndefWriteCommand(), a.ndefFormatCommand())
	return cmd
}

func (a *app) ndefReadCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "read",
		Short: "Show the message",
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				tag, err := a.openTag(ctx, card)
				if err != nil {
					return err
				}
				m, err := tag.Read(ctx)
				if err != nil {
					return err
				}
				if out != "" {
					b, err := m.Encode()
					if err != nil {
						return err
					}
					return os.WriteFile(out, b, 0o666)
				}
				return a.showTag(card, tag, m)
			})
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "write the message as it is to `FILE`")
	return cmd
}

func (a *app) ndefWriteCommand() *cobra.Command {
	var f messageFlags
	cmd := &cobra.Command{
		Use:   "write",
		Short: "Replace the message",
		Long: `Replace the message by one with the records given: each flag is a record, URIs
before texts before data. Until a longer message is written whole, the card holds
none, so that nobody reads half of it.`,
		Args: wants(),
		Example: `  desfire ndef write --uri https://example.com
  desfire ndef write --uri https://example.com --text en:Hello --poster
  desfire ndef write --mime text/vcard --file me.vcf`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := f.message(cmd)
			if err != nil {
				return err
			}
			if len(m) == 0 && !f.empty {
				return &usageError{cmd, errors.New("nothing to write: want --uri, --text, --mime, --message or --empty")}
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				tag, err := a.openTag(ctx, card)
				if err != nil {
					return err
				}
				if err := tag.Write(ctx, m); err != nil {
					return mayHaveHappened(err)
				}
				return a.showTag(card, tag, m)
			})
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) ndefFormatCommand() *cobra.Command {
	var f messageFlags
	var size uint32
	var readOnly bool
	var aid string
	cmd := &cobra.Command{
		Use:   "format",
		Short: "Make a DESFire card one that phones read",
		Long: `Create the application and files of an NFC Forum Type 4 Tag on a DESFire card (EV1
and later). What else is on the card stays. With --key, the PICC master key, where
the card lets nobody else create applications.

The application has one DES key, of zeros: change it with "desfire key change".`,
		Args: wants(),
		Example: `  desfire ndef format --uri https://example.com
  desfire ndef format --size 1024 --read-only --uri https://example.com`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := f.message(cmd)
			if err != nil {
				return err
			}
			app, err := parseAID(cmd, aid)
			if err != nil {
				return err
			}
			layout := &ndef.Layout{AID: app, Size: size, Message: m}
			if readOnly {
				layout.Access = wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: wire.Never}
			}
			commands, err := layout.Commands()
			if err != nil {
				return &usageError{cmd, err}
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.formatTag(ctx, card, commands, m)
			})
		},
	}
	fl := cmd.Flags()
	fl.Uint32Var(&size, "size", 256, "bytes of the file with the message")
	fl.BoolVar(&readOnly, "read-only", false, "let only key 0 of the application write")
	fl.StringVar(&aid, "aid", ndef.DefaultAID.String(), "the application's AID")
	f.add(cmd)
	return cmd
}

func (a *app) formatTag(ctx context.Context, card *desfire.Card, commands []wire.Request[*wire.Empty], m ndef.Message) error {
	if !card.Generation().Has(wire.FeatureISOFiles) || !card.Generation().Has(wire.FeatureApplications) {
		return fmt.Errorf("%v: no such application can be made on this card: it takes DESFire EV1 or later", card)
	}
	if err := a.enterCard(ctx, card, unlock.Create); err != nil {
		return err
	}
	for i, c := range commands {
		_, err := desfire.Do(ctx, card, c)
		switch {
		case err == nil:
		case i == 0 && errors.Is(err, wire.StatusDuplicateError):
			return fmt.Errorf("the card has this application, or its names, already: %w", err)
		case i == 0 && errors.Is(err, wire.StatusAuthenticationError):
			return fmt.Errorf("the card wants its PICC master key for this: give it with --key: %w", err)
		case i > 0:
			return fmt.Errorf("the application was created and is not complete: delete it: %w", mayHaveHappened(err))
		default:
			return mayHaveHappened(err)
		}
	}
	tag, err := ndef.Open(ctx, card)
	if err != nil {
		return err
	}
	return a.showTag(card, tag, m)
}

// openTag finds the tag on a card. With a key, its files are reached in a
// session.
func (a *app) openTag(ctx context.Context, card *desfire.Card) (*ndef.Tag, error) {
	if card.Generation() == wire.D40 {
		if err := a.enter(ctx, card, wire.Place{AID: ndef.D40AID}, unlock.List); err != nil {
			return nil, err
		}
		return ndef.OpenNative(ctx, card, ndef.D40Files(), false)
	}
	if a.key == nil {
		tag, err := ndef.Open(ctx, card)
		return tag, noTag(card, err)
	}
	if err := a.enter(ctx, card, wire.Place{Name: string(wire.NDEFName[:])}, unlock.Master); err != nil {
		return nil, noTag(card, err)
	}
	return ndef.OpenInSession(ctx, card, card.Generation())
}

// noTag says how a card becomes one that phones read.
func noTag(card *desfire.Card, err error) error {
	switch missing := errors.Is(err, wire.StatusISOFileNotFound); {
	case missing && !card.Generation().Has(wire.FeatureApplications):
		return fmt.Errorf("%v has no NDEF application, and none can be made on it: %w", card, err)
	case missing:
		return fmt.Errorf("the card has no NDEF application: desfire ndef format makes one: %w", err)
	}
	return err
}

// tagInfo is what ndef prints with --json.
type tagInfo struct {
	cardOf
	Mapping  string       `json:"mapping"`
	Capacity int          `json:"capacity"`
	Writable bool         `json:"writable"` // by anybody
	Records  []recordInfo `json:"records"`
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

func (a *app) showTag(card *desfire.Card, tag *ndef.Tag, m ndef.Message) error {
	v := tag.CC.Version
	info := tagInfo{
		cardOf: a.saw(card), Mapping: fmt.Sprintf("%d.%d", v>>4, v&0xF), Capacity: tag.File.Capacity(),
		Writable: tag.File.Write == ndef.AccessFree, Records: []recordInfo{},
	}
	used, err := m.Encode()
	if err != nil {
		return err
	}
	for i := range m {
		r := &m[i]
		x := recordInfo{TNF: r.TNF.String(), Type: r.Type, ID: r.ID, Says: r.String(), Payload: r.Payload}
		x.URI, _ = r.URI()
		if t, err := r.Text(); err == nil {
			x.Text, x.Language = t.Text, t.Language
		}
		if p, err := r.SmartPoster(); err == nil {
			x.URI = p.URI
		}
		info.Records = append(info.Records, x)
	}
	if a.json {
		return a.emit(info)
	}
	access := "read-only"
	if info.Writable {
		access = "writable by anybody"
	}
	n := len(used)
	if len(m) == 0 {
		n = 0
	}
	a.printf("%s  %s\n", a.out.Title.Render(a.cardName()), a.out.Dim.Render(fmt.Sprintf("%d of %d bytes, %s", n, info.Capacity, access)))
	if len(m) == 0 {
		a.printf("no message\n")
	}
	for _, r := range info.Records {
		a.printf("%s\n", r.Says)
	}
	return nil
}
