package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

const helpRecords = `Records have numbers from 0, the newest, so that the number of a record grows
with each one that is added.`

func (a *app) recordCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "record",
		Short: "Read, add and change records",
		Long: `Read, add and change records of a linear or cyclic record file.
` + helpRecords + `

` + helpApp,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.recordReadCommand(), a.recordAppendCommand(), a.recordUpdateCommand())
	return cmd
}

func (a *app) recordReadCommand() *cobra.Command {
	v := readVerb{}
	var one string
	cmd := &cobra.Command{
		Use:   "read APP/FILE",
		Short: "Show records, the oldest first",
		Long: `Show the records of a file, the oldest first.
` + helpRecords + `

` + helpForms + `

` + helpApp,
		Args: wantsFile(),
		Example: `  desfire record read 121314/2 --as utf8
  desfire record read 121314/2 --newest 1 --json
  desfire record read 121314/2 --record 0`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, _, err := parseTarget(cmd, args)
			switch {
			case err != nil:
				return err
			case one != "" && cmd.Flags().Changed("newest"):
				return &usageError{cmd, errors.New("--record and --newest: want one of them")}
			}
			v.part.lengthAs = "newest"
			if one != "" {
				if v.part.offset, err = parseRecord(cmd, one); err != nil {
					return &usageError{cmd, fmt.Errorf("--%w", err)}
				}
				v.part.offsetAs, v.part.lengthAs, v.part.length = "record", "", 1
			}
			return v.readTarget(a, cmd, t, true)
		},
	}
	f := cmd.Flags()
	f.StringVar(&one, "record", "", "the record with this `NUMBER` only")
	f.Uint32Var(&v.part.length, "newest", 0, "no more than the `N` newest; 0 is all")
	f.StringVarP(&v.out, "out", "o", "", "write the bytes themselves to `FILE`")
	formFlag(cmd, &v.form)
	return cmd
}

// parseRecord reads the number of a record.
func parseRecord(cmd *cobra.Command, s string) (uint32, error) {
	n, err := parseUint(s, 24)
	if err != nil {
		return 0, &usageError{cmd, fmt.Errorf("record %q: want a number from 0, the newest%s", s, zeroed(err))}
	}
	return uint32(n), nil
}

// wantsRecords is the error of a file that has no records.
func wantsRecords(t target, fs *wire.FileSettings) error {
	if edit.HasRecords(fs) {
		return nil
	}
	return advise(withCode(exitInput, fmt.Errorf("file %d of %s is a %v file, which has no records", t.file, t.app.Words(), fs.Type)),
		"desfire read %v reads it.", t)
}

func (a *app) recordAppendCommand() *cobra.Command {
	v := writeVerb{}
	cmd := &cobra.Command{
		Use:   "append APP/FILE",
		Short: "Add a record",
		Long: `Add a record and commit. What follows the content in the record is zeros. A
cyclic file that is full forgets its oldest record, a linear one takes no more.

` + helpContent + `

` + helpApp,
		Args: wantsFile(),
		Example: `  desfire record append 121314/2 --text "line 4, 08:15"
  desfire record append 121314/2 --hex 0102 --pad FF --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, _, data, err := v.arguments(a, cmd, args)
			if err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				fs, err := a.enterFile(ctx, card, t, inspect.ActAppend)
				if err == nil {
					err = wantsRecords(t, fs)
				}
				if err != nil {
					return err
				}
				return a.writeFile(ctx, card, t, fs, 0, data, v.pad)
			})
		},
	}
	a.readerIDFlag(cmd)
	v.content.add(cmd)
	return cmd
}

func (a *app) recordUpdateCommand() *cobra.Command {
	v := writeVerb{}
	cmd := &cobra.Command{
		Use:   "update APP/FILE RECORD",
		Short: "Change a record",
		Long: `Change the record with a number and commit: what follows the content in it
stays, unless --pad fills it. Takes DESFire EV2 or later, or a DESFire Light,
and the key of the read-write right.
` + helpRecords + `

` + helpContent + `

` + helpApp,
		Args: wantsFile("RECORD"),
		Example: `  desfire record update 121314/2 0 --text "line 4, 08:17"
  desfire record update 121314/2 0 --text 17 --offset 11 --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, rest, data, err := v.arguments(a, cmd, args)
			if err != nil {
				return err
			}
			record, err := parseRecord(cmd, rest[0])
			if err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				if g := card.Generation(); !g.Has(wire.FeatureUpdateRecord) && !g.Has(wire.FeatureISORecords) {
					return &desfire.UnsupportedError{What: "changing a record", Generation: g, Reason: "it lacks " + wire.FeatureUpdateRecord.String()}
				}
				fs, err := a.enterFile(ctx, card, t, inspect.ActClear)
				if err == nil {
					err = wantsRecords(t, fs)
				}
				if err != nil {
					return err
				}
				return a.updateRecord(ctx, card, t, fs, record, v.offset, data, v.pad)
			})
		},
	}
	a.readerIDFlag(cmd)
	cmd.Flags().Uint32Var(&v.offset, "offset", 0, "first byte to write, in the record")
	v.content.add(cmd)
	return cmd
}

func (a *app) updateRecord(ctx context.Context, card *desfire.Card, t target, fs *wire.FileSettings, record, offset uint32, data []byte, pad *byte) error {
	w, err := edit.Update(t.file, fs, record, offset, data, pad)
	if err != nil {
		return withCode(exitInput, err)
	}
	return a.write(ctx, card, t, w, nil)
}
