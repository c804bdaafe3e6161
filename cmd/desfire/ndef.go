package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
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
card (EV1 and later) that has the application for it, which "ndef format" makes.
Who may write is what the rights of the file say. Where they ask for a key, it
is given with --key or --keys.`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.ndefReadCommand(), a.ndefWriteCommand(), a.ndefEraseCommand(), a.ndefFormatCommand())
	return cmd
}

func (a *app) ndefReadCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "read",
		Short: "Show the message",
		Long: `Show the message, and who may write it. Reading without a key moves the counter
of a file that shows secure dynamic messages, as a phone does.`,
		Args: wants(),
		Example: `  desfire ndef read
  desfire ndef read --out message.bin`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.json && out != "" {
				return &usageError{cmd, errors.New("--json does not go with --out")}
			}
			if err := a.mayWrite(out); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				t, err := a.openTag(ctx, card, inspect.ActRead)
				if err != nil {
					return err
				}
				m, err := t.Read(ctx)
				if err != nil {
					return err
				}
				if out != "" {
					b, err := m.Encode()
					if err != nil {
						return err
					}
					return a.writeOut(out, b, 0o666)
				}
				return a.showTag(card, t, m)
			})
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write the message as it is to `FILE`")
	return cmd
}

func (a *app) ndefWriteCommand() *cobra.Command {
	var f messageFlags
	cmd := &cobra.Command{
		Use:   "write",
		Short: "Replace the message",
		Long: `Replace the message by one with the records given: each flag is a record, URIs
before texts before data. Until a longer message is written whole, the card
holds none, so that nobody reads half of it.

A message over places that the card fills in (secure dynamic messages) is
refused, as phones would see another: desfire sdm off first. With --force it is
written, and the exit code is 10, as what phones see differs.`,
		Args: wants(),
		Example: `  desfire ndef write --uri https://example.com
  desfire ndef write --uri https://example.com --text en:Hello --poster
  desfire ndef write --text en:Hello --dry-run`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := f.message(a, cmd)
			if err != nil {
				return err
			}
			if len(m) == 0 && !f.empty {
				return &usageError{cmd, errors.New("nothing to write: want --uri, --text, --mime, --message or --empty")}
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				t, err := a.openTag(ctx, card, inspect.ActWrite)
				if err != nil {
					return err
				}
				content, err := t.File.EncodeFile(m)
				if err != nil {
					return err
				}
				if len(m) == 0 {
					content = content[:2]
				}
				return a.changeTag(ctx, card, t, m, len(content), func() error { return t.Write(ctx, m) })
			})
		},
	}
	f.add(cmd)
	return cmd
}

func (a *app) ndefEraseCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "erase",
		Short: "Remove the message",
		Long: `Remove the message and fill its file with zeros. The card stays one that phones
read and write. It cannot be undone.`,
		Args: wants(),
		Example: `  desfire ndef erase
  desfire ndef erase --dry-run`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				t, err := a.openTag(ctx, card, inspect.ActWrite)
				if err != nil {
					return err
				}
				return a.changeTag(ctx, card, t, ndef.Message{}, int(t.File.Size), func() error { return t.Erase(ctx) })
			})
		},
	}
}

// changeTag writes n bytes of the file of a tag, unless the card would show
// something else there, and shows the message.
func (a *app) changeTag(ctx context.Context, card *desfire.Card, t *cardTag, m ndef.Message, n int, write func() error) error {
	hidden := t.mirrored(n)
	if hidden != nil && !a.force {
		return hidden
	}
	if !a.dryRun {
		if err := write(); err != nil {
			return mayHaveHappened(err)
		}
	}
	if hidden != nil && !a.dryRun {
		return withCode(exitDiffers, fmt.Errorf("the message was written, and phones see another: %w", hidden))
	}
	return a.showTag(card, t, m)
}

func (a *app) ndefFormatCommand() *cobra.Command {
	var f messageFlags
	var size uint32
	var readOnly bool
	var aid string
	cmd := &cobra.Command{
		Use:   "format",
		Short: "Make a DESFire card one that phones read",
		Long: `Create the application and files of an NFC Forum Type 4 Tag on a DESFire card
(EV1 and later). What else is on the card stays. With --key, the PICC master
key, where the card lets nobody else create applications.

The application has one DES key, of zeros: change it with "desfire key change".`,
		Args: wants(),
		Example: `  desfire ndef format --dry-run
  desfire ndef format --uri https://example.com
  desfire ndef format --size 1024 --read-only --uri https://example.com`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := f.message(a, cmd)
			if err != nil {
				return err
			}
			app, err := parseAID(cmd, aid)
			if err != nil {
				return &usageError{cmd, fmt.Errorf("--aid: %w", err)}
			}
			layout := &ndef.Layout{AID: app, Size: size, Message: m}
			if readOnly {
				layout.Access = wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: wire.Never}
			}
			commands, err := layout.Commands()
			if err != nil {
				return &usageError{cmd, err}
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
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
	if err := canBeTag(card); err != nil {
		return err
	}
	if err := a.enterCard(ctx, card, unlock.Create); err != nil {
		return err
	}
	if a.dryRun {
		return a.tellCommands(card, commands)
	}
	for i, c := range commands {
		_, err := desfire.Do(ctx, card, c)
		switch {
		case err == nil:
		case i == 0 && errors.Is(err, wire.StatusDuplicateError):
			return advise(fmt.Errorf("the card has this application, or its names, already: %w", err), "desfire ndef write writes into it; desfire ls shows what the card has.")
		case i == 0 && errors.Is(err, wire.StatusAuthenticationError):
			return advise(withCode(exitRight, fmt.Errorf("the card lets only its PICC master key make applications: %w", err)), "Add: --key 0=@FILE, or a keyring with --keys.")
		case i > 0:
			return fmt.Errorf("the application was created and is not complete: delete it: %w", mayHaveHappened(err))
		default:
			return mayHaveHappened(err)
		}
	}
	t, err := a.plainTag(ctx, card)
	if err != nil {
		return err
	}
	return a.showTag(card, t, m)
}

// canBeTag is the error of cards of which ndef format can make no tag.
func canBeTag(card *desfire.Card) error {
	g := card.Generation()
	switch {
	case g.Has(wire.FeatureISOFiles) && g.Has(wire.FeatureApplications):
		return nil
	case g == wire.NTAG424:
		return advise(withCode(exitImpossible, fmt.Errorf("%v is one that phones read already", card)), "desfire ndef write writes its message.")
	case g.FixedName() != nil:
		return withCode(exitImpossible, fmt.Errorf("%v has one application, which is none for NDEF, and takes no other: that takes DESFire EV1 or later, or NTAG 424 DNA", card))
	}
	return withCode(exitImpossible, fmt.Errorf("no NDEF can be put on %v: that takes DESFire EV1 or later", card))
}

// ndefFormatResult is what ndef format --dry-run prints with --json.
type ndefFormatResult struct {
	cardOf
	Commands []string `json:"commands"`
	DryRun   bool     `json:"dry_run"`
}

// tellCommands says what would be sent.
func (a *app) tellCommands(card *desfire.Card, commands []wire.Request[*wire.Empty]) error {
	r := ndefFormatResult{cardOf: a.saw(card), Commands: []string{}, DryRun: true}
	for _, c := range commands {
		r.Commands = append(r.Commands, c.Spec().Name)
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("Would be sent:\n")
	for _, c := range r.Commands {
		a.printf("  %s\n", c)
	}
	return nil
}
