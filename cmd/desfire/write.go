package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) writeCommand() *cobra.Command {
	v := writeVerb{}
	cmd := &cobra.Command{
		Use:   "write APP/FILE",
		Short: "Write a file, or add a record",
		Long: `Write into a data file, or add a record to a record file. Backup files and
records are committed. What follows the content in the file stays as it is, and
is told of; --pad 00 fills it instead.

A write into places that the card fills in when it shows the file (desfire sdm
show) is refused: what it would show is not what was written. --force does it.

` + helpContent + `

` + helpApp,
		Args: wantsFile(),
		Example: `  desfire write 121314/0 --text "City Transit, child" --pad 00
  desfire write 121314/0 --hex "01 02 03" --offset 16
  desfire write 121314/2 --text "line 4, 08:15"
  desfire write 121314/0 --tlv 5F20=text:Ada --tlv 5F24=281231 --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(a, cmd, args) },
	}
	a.readerIDFlag(cmd)
	cmd.Flags().Uint32Var(&v.offset, "offset", 0, "first byte to write, in the file or the record")
	v.content.add(cmd)
	return cmd
}

// writeVerb is one call of write.
type writeVerb struct {
	content contentFlags
	offset  uint32
	pad     *byte
}

func (v *writeVerb) run(a *app, cmd *cobra.Command, args []string) error {
	t, _, data, err := v.arguments(a, cmd, args)
	if err != nil {
		return err
	}
	return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
		fs, err := a.enterFile(ctx, card, t, inspect.ActWrite)
		if err != nil {
			return err
		}
		return a.writeFile(ctx, card, t, fs, v.offset, data, v.pad)
	})
}

// arguments are the file that is meant, what follows it, and the content.
func (v *writeVerb) arguments(a *app, cmd *cobra.Command, args []string) (t target, rest []string, data []byte, err error) {
	if t, rest, err = parseTarget(cmd, args); err != nil {
		return t, nil, nil, err
	}
	if v.offset > max24 {
		return t, nil, nil, &usageError{cmd, fmt.Errorf("--offset %d: want 0 to %d", v.offset, max24)}
	}
	if v.pad, err = v.content.padding(cmd); err != nil {
		return t, nil, nil, err
	}
	data, err = v.content.bytes(a, cmd)
	return t, rest, data, err
}

// writeResult is what write, record append and record update print with --json.
type writeResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Type        string      `json:"type"`
	Record      *uint32     `json:"record,omitempty"` // 0 is the newest
	Offset      uint32      `json:"offset"`
	Written     int         `json:"written"` // bytes
	Committed   bool        `json:"committed"`
	DryRun      bool        `json:"dry_run,omitempty"`
	Left        *edit.Left  `json:"left,omitempty"`        // what stays behind the content
	Unprotected bool        `json:"unprotected,omitempty"` // it may have been changed on its way
}

// writeFile writes content into a file that was entered to be written, and says
// so.
func (a *app) writeFile(ctx context.Context, card *desfire.Card, t target, fs *wire.FileSettings, offset uint32, data []byte, pad *byte) error {
	if fs.Type == wire.FileValue {
		return withCode(exitInput, fmt.Errorf("file %d is a value file: change it with desfire value credit or debit", t.file))
	}
	w, err := edit.New(t.file, fs, offset, data, pad)
	if err != nil {
		return withCode(exitInput, err)
	}
	if !a.force {
		if err := mirrored(t, w.Hidden(a.lrp(card))); err != nil {
			return err
		}
	}
	left, err := w.LeftBehind(ctx, card)
	if err != nil {
		return fmt.Errorf("nothing was written: what stays behind the content could not be read: %w", err)
	}
	return a.write(ctx, card, t, w, left)
}

// write does what was seen to be possible, and says so.
func (a *app) write(ctx context.Context, card *desfire.Card, t target, w *edit.Write, left *edit.Left) (err error) {
	r := &writeResult{
		cardOf: a.saw(card), Application: t.app, File: t.file, Type: w.Settings.Type.String(), Record: w.Record, Offset: w.Offset,
		Written: len(w.Data), DryRun: a.dryRun, Left: left,
	}
	if !a.dryRun {
		r.Committed, err = w.Do(ctx, card, func() error { return a.nameReader(ctx, card) })
	}
	if err != nil {
		return mayHaveHappened(a.wantsReader(err))
	}
	return a.tellWritten(r, edit.HasRecords(w.Settings))
}

func (a *app) tellWritten(r *writeResult, record bool) error {
	r.Unprotected = a.unprotected.Load()
	a.warnUnprotected()
	if a.json {
		return a.emit(r)
	}
	verb := "written to"
	switch {
	case r.Record != nil && a.dryRun:
		verb = fmt.Sprintf("would be written to record %d in", *r.Record)
	case r.Record != nil:
		verb = fmt.Sprintf("written to record %d in", *r.Record)
	case a.dryRun && record:
		verb = "would be a new record in"
	case a.dryRun:
		verb = "would be written to"
	case record:
		verb = "are a new record in"
	}
	at := ""
	if r.Offset > 0 {
		at = fmt.Sprintf(" from byte %d on", r.Offset)
	}
	a.printf("%s %s file %d of %s%s\n", count(r.Written, "byte"), verb, r.File, r.Application.Words(), at)
	if r.Left != nil {
		a.sayf("%s\n", a.err.Warn.Render(leftWords(r.Left)))
	}
	return nil
}

func leftWords(l *edit.Left) string {
	if !l.Known {
		return fmt.Sprintf("What the file holds from byte %d on stays, %s that could not be read; --pad 00 fills it.", l.From, count(l.Bytes, "byte"))
	}
	return fmt.Sprintf("%s of old content stay behind it, from byte %d on; --pad 00 fills them.", count(l.Bytes, "byte"), l.From)
}

// mirrored refuses to write into places that the card fills in.
func mirrored(t target, hit *sdm.Mirror) error {
	if hit == nil {
		return nil
	}
	return advise(withCode(exitImpossible, fmt.Errorf("file %d of %s shows secure dynamic messages: the card puts %s over bytes %d to %d, whatever is written there",
		t.file, t.app.Words(), hit.Name, hit.Offset, hit.Offset+hit.Length-1)),
		"desfire sdm off %v switches that off, desfire sdm show %v shows it; --force writes all the same.", t, t)
}

// lrp reports whether a session is one of LRP, which a card uses for its messages
// then, too.
func (a *app) lrp(card *desfire.Card) bool {
	s, ok := card.Session()
	return ok && s.Scheme == wire.SchemeLRP
}

// mayHaveHappened tells what to do about an unknown outcome.
func mayHaveHappened(err error) error {
	if !errors.As(err, new(*desfire.OutcomeUnknownError)) {
		return err
	}
	next := "Present the card again, and read before you repeat it."
	if also := (*adviceError)(nil); errors.As(err, &also) {
		next = also.next + " " + next
	}
	return advise(err, "%s", next)
}
