package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) readCommand() *cobra.Command {
	v := readVerb{}
	cmd := &cobra.Command{
		Use:   "read APP/FILE",
		Short: "Read a file",
		Long: `Read a data file, the records of a record file or the value of a value file.
Records have numbers from 0, the newest, and come oldest first; --offset and
--length then count records. What is secret takes a key that may read it.

` + helpForms + `

` + helpApp,
		Args: wantsFile(),
		Example: `  desfire read 121314/0
  desfire read 121314/0 --offset 5 --length 7 --as utf8
  desfire read 121314/0 -o content.bin
  desfire read 5A5A01/0 --key 0=@member.key`,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(a, cmd, args) },
	}
	f := cmd.Flags()
	f.Uint32Var(&v.part.offset, "offset", 0, "first byte; of a record file the number of the newest record to read")
	f.Uint32Var(&v.part.length, "length", 0, "bytes, or records; 0 is all that follow")
	f.BoolVar(&v.raw, "raw", false, "the same as --as raw")
	f.StringVarP(&v.out, "out", "o", "", "write the bytes themselves to `FILE`")
	formFlag(cmd, &v.form)
	return cmd
}

// readVerb is one call of read.
type readVerb struct {
	form form
	part part
	raw  bool
	out  string
}

// part is what of a file is wanted, as it was typed.
type part struct {
	offset, length     uint32 // of a record file records
	offsetAs, lengthAs string // the flags
}

// typed is the flags that were given, for errors.
func (p *part) typed(cmd *cobra.Command) string {
	text := ""
	for _, x := range []struct {
		flag string
		n    uint32
	}{{p.offsetAs, p.offset}, {p.lengthAs, p.length}} {
		if f := cmd.Flags().Lookup(x.flag); f != nil && f.Changed {
			text += fmt.Sprintf(" --%s %d", x.flag, x.n)
		}
	}
	return text[min(1, len(text)):]
}

// within is the error of a part that a file does not have: it has so many bytes
// or records.
func (p *part) within(cmd *cobra.Command, no wire.FileNo, size uint32, noun string) error {
	typed := p.typed(cmd)
	if typed == "" || p.offset < size && p.offset+p.length <= size || size == 0 && p.offset == 0 && p.length == 0 {
		return nil
	}
	return withCode(exitInput, fmt.Errorf("file %d has %s: %s goes beyond", no, count(int(size), noun), typed))
}

// max24 is the largest offset or length that a command can carry.
const max24 = 1<<24 - 1

func (v *readVerb) run(a *app, cmd *cobra.Command, args []string) error {
	t, _, err := parseTarget(cmd, args)
	if err != nil {
		return err
	}
	if v.raw {
		if cmd.Flags().Changed("as") && v.form != formRaw {
			return &usageError{cmd, fmt.Errorf("--raw and --as %s: want one of them", v.form)}
		}
		v.form = formRaw
	}
	v.part.offsetAs, v.part.lengthAs = "offset", "length"
	return v.readTarget(a, cmd, t, false)
}

// readTarget reads and prints a file, or only one with records.
func (v *readVerb) readTarget(a *app, cmd *cobra.Command, t target, records bool) error {
	switch {
	case v.part.offset > max24 || v.part.length > max24:
		return &usageError{cmd, fmt.Errorf("%s: want 0 to %d", v.part.typed(cmd), max24)}
	case a.json && (v.form == formRaw || v.out != ""):
		return &usageError{cmd, errors.New("--json does not go with --as raw and --out")}
	case v.out != "" && cmd.Flags().Changed("as") && v.form != formRaw:
		return &usageError{cmd, fmt.Errorf("--out writes the bytes themselves: --as %s does not go with it", v.form)}
	}
	if err := a.mayWrite(v.out); err != nil {
		return err
	}
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		fs, err := a.enterFile(ctx, card, t, inspect.ActRead)
		if err == nil && records {
			err = wantsRecords(t, fs)
		}
		if err != nil {
			return err
		}
		r, err := v.read(ctx, cmd, card, t, fs)
		if err != nil {
			return err
		}
		r.cardOf, r.Unprotected = a.saw(card), a.unprotected.Load()
		a.warnUnprotected()
		return v.print(a, r)
	})
}

// readResult is what was read of a file, and what read prints with --json. Which
// members there are depends on the type.
type readResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Type        string      `json:"type"`
	Offset      uint32      `json:"offset"`
	*shownContent
	Records     []shownRecord `json:"records,omitzero"` // the oldest first
	Value       *int32        `json:"value,omitempty"`
	Unprotected bool          `json:"unprotected,omitempty"` // it may be forged

	data    []byte
	records [][]byte
}

// shownRecord is a record in JSON.
type shownRecord struct {
	Record int `json:"record"` // 0 is the newest
	*shownContent
}

func (v *readVerb) read(ctx context.Context, cmd *cobra.Command, card *desfire.Card, t target, fs *wire.FileSettings) (*readResult, error) {
	r := &readResult{Application: t.app, File: t.file, Type: fs.Type.String(), Offset: v.part.offset}
	switch fs.Type {
	case wire.FileValue:
		if typed := v.part.typed(cmd); typed != "" {
			return nil, withCode(exitInput, fmt.Errorf("file %d is a value file, which has no parts: leave out %s", t.file, typed))
		}
		value, err := card.Value(ctx, t.file)
		r.Value = &value
		return r, err
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		r.records = [][]byte{}
		if err := v.part.within(cmd, t.file, fs.Records, "record"); err != nil || fs.Records == 0 {
			return r, err // the card would refuse to read none
		}
		data, err := card.ReadRecords(ctx, t.file, v.part.offset, v.part.length)
		for _, rec := range inspect.Records(fs, data) {
			r.records = append(r.records, rec)
		}
		return r, err
	}
	if fs.Size > 0 {
		if err := v.part.within(cmd, t.file, fs.Size, "byte"); err != nil {
			return nil, err
		}
	}
	var err error
	r.data, err = card.ReadData(ctx, t.file, v.part.offset, v.part.length)
	return r, err
}

// number is the number of a record that was read.
func (r *readResult) number(i int) int { return int(r.Offset) + len(r.records) - 1 - i }

func (v *readVerb) print(a *app, r *readResult) error {
	switch {
	case a.json:
		return v.printJSON(a, r)
	case r.Value != nil && (v.form == formRaw || v.out != ""):
		return withCode(exitInput, errors.New("a value file has no bytes to write: leave out --as raw, --raw and --out"))
	case r.Value != nil:
		a.printf("%d\n", *r.Value)
		return nil
	}
	all := r.data
	for _, rec := range r.records {
		all = append(all, rec...)
	}
	switch {
	case v.out != "":
		return a.writeOut(v.out, all, 0o600)
	case v.form == formRaw:
		_, err := a.stdout.Write(all)
		return err
	case r.records == nil:
		text, err := v.form.words(r.data, int(r.Offset), true)
		a.printf("%s", text)
		return err
	case len(r.records) == 0:
		a.printf("no records\n")
	}
	var failed error
	for i, rec := range r.records {
		text, err := v.form.words(rec, 0, false)
		if err != nil && failed == nil {
			failed = fmt.Errorf("record %d: %w", r.number(i), err)
		}
		name := a.out.Dim.Render(recordName(r.number(i), len(r.records), i))
		if v.form == formText || v.form == formInt || v.form == formBigIn {
			a.printf("%s  %s", name, text+screen.Text(map[bool]string{true: "\n"}[text == ""]))
			continue
		}
		a.printf("%s\n%s", name, text)
	}
	return failed
}

// recordName names a record of a list.
func recordName(no, n, i int) string {
	switch {
	case no == 0 && n > 1:
		return "record 0, the newest"
	case no == 0:
		return "record 0"
	}
	return fmt.Sprintf("record %d", no)
}

func (v *readVerb) printJSON(a *app, r *readResult) (err error) {
	switch {
	case r.Value != nil:
	case r.records == nil:
		r.shownContent, err = v.form.json(r.data)
	default:
		r.Records = []shownRecord{}
		for i, rec := range r.records {
			s, bad := v.form.json(rec)
			if bad != nil && err == nil {
				err = fmt.Errorf("record %d: %w", r.number(i), bad)
			}
			r.Records = append(r.Records, shownRecord{r.number(i), s})
		}
	}
	if err != nil {
		return err // one object a run: that of the error
	}
	return a.emit(r)
}
