package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) readCommand() *cobra.Command {
	var offset, length uint32
	var raw bool
	var out string
	cmd := &cobra.Command{
		Use:   "read APP FILE",
		Short: "Read a file",
		Long: `Read a data file, the records of a record file or the value of a value file.
Records come oldest first; --offset and --length then count records from the
newest. Shown as hexadecimal with text beside it, unless --raw or --out.

` + helpApp,
		Args: wants("APP", "FILE"),
		Example: `  desfire read 121314 0
  desfire read 121314 0 --offset 16 --length 8
  desfire read 121314 0 --out content.bin`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := purseArgs(cmd, args)
			switch {
			case err != nil:
				return err
			case offset > max24 || length > max24:
				return &usageError{cmd, fmt.Errorf("--offset and --length: want 0 to %d", max24)}
			case a.json && (raw || out != ""):
				return &usageError{cmd, errors.New("--json does not go with --raw or --out")}
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				r, err := a.readFile(ctx, card, p.app, p.file, offset, length)
				if err != nil {
					return err
				}
				r.Unprotected = a.unprotected.Load()
				a.warnUnprotected()
				return a.printRead(r, raw, out)
			})
		},
	}
	f := cmd.Flags()
	f.Uint32Var(&offset, "offset", 0, "first byte; of a record file the newest record to read")
	f.Uint32Var(&length, "length", 0, "bytes, or records; 0 is all that follow")
	f.BoolVar(&raw, "raw", false, "write the bytes themselves to stdout")
	f.StringVarP(&out, "out", "o", "", "write the bytes themselves to a file")
	return cmd
}

// max24 is the largest offset or length that a command can carry.
const max24 = 1<<24 - 1

// readResult is what read prints with --json. Which members there are depends
// on the type.
type readResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Type        string      `json:"type"`
	Offset      uint32      `json:"offset"`
	Data        *hexBytes   `json:"data,omitempty"`
	Records     []hexBytes  `json:"records,omitzero"`
	Value       *int32      `json:"value,omitempty"`
	Unprotected bool        `json:"unprotected,omitempty"` // it may be forged
}

func (a *app) readFile(ctx context.Context, card *desfire.Card, app wire.Place, no wire.FileNo, offset, length uint32) (*readResult, error) {
	fs, err := a.enterFile(ctx, card, target{app, no}, inspect.ActRead)
	if err != nil {
		return nil, err
	}
	r := &readResult{cardOf: a.saw(card), Application: app, File: no, Type: fs.Type.String(), Offset: offset}
	switch fs.Type {
	case wire.FileValue:
		if offset != 0 || length != 0 {
			return nil, fmt.Errorf("file %d is a value file: it has no offset or length", no)
		}
		v, err := card.Value(ctx, no)
		r.Value = &v
		return r, err
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		r.Records = []hexBytes{}
		if fs.Records == 0 && offset == 0 {
			return r, nil
		}
		if offset >= fs.Records || offset+length > fs.Records {
			return nil, fmt.Errorf("file %d has %s: --offset %d --length %d goes beyond them", no, count(int(fs.Records), "record"), offset, length)
		}
		data, err := card.ReadRecords(ctx, no, offset, length)
		if err != nil {
			return nil, err
		}
		for size := int(fs.RecordSize); size > 0 && len(data) >= size; data = data[size:] {
			r.Records = append(r.Records, data[:size])
		}
		return r, nil
	}
	if fs.Size > 0 && (offset >= fs.Size || offset+length > fs.Size) {
		return nil, fmt.Errorf("file %d has %s: --offset %d --length %d goes beyond them", no, count(int(fs.Size), "byte"), offset, length)
	}
	data, err := card.ReadData(ctx, no, offset, length)
	r.Data = (*hexBytes)(&data)
	return r, err
}

func (a *app) printRead(r *readResult, raw bool, out string) error {
	if a.json {
		return a.emit(r)
	}
	var all []byte
	if r.Data != nil {
		all = *r.Data
	}
	for _, rec := range r.Records {
		all = append(all, rec...)
	}
	switch {
	case r.Value != nil && (raw || out != ""):
		return errors.New("a value file has no bytes to write: leave out --raw and --out")
	case out != "":
		return os.WriteFile(out, all, 0o600)
	case raw:
		_, err := a.stdout.Write(all)
		return err
	case r.Value != nil:
		a.printf("%d\n", *r.Value)
	case r.Records != nil:
		if len(r.Records) == 0 {
			a.printf("no records\n")
		}
		for i, rec := range r.Records {
			a.printf("%s\n%s", a.out.Dim.Render(fmt.Sprintf("record %d", int(r.Offset)+len(r.Records)-1-i)), screen.Lines(hex.Dump(rec)))
		}
	default:
		a.printf("%s", screen.Lines(hex.Dump(all)))
	}
	return nil
}
