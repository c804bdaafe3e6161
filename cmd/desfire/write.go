package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) writeCommand() *cobra.Command {
	var offset uint32
	var digits, text, file string
	cmd := &cobra.Command{
		Use:   "write APP FILE",
		Short: "Write a file, or add a record",
		Long: `Write into a data file, or add a record to a record file. The content is --hex,
--text or --file, else standard input. Backup files and records are committed.

` + helpApp,
		Args: wants("APP", "FILE"),
		Example: `  desfire write 121314 0 --hex "01 02 03" --offset 16
  desfire write 121314 2 --text "line 4, 08:15"
  desfire write 121314 0 --file content.bin`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := purseArgs(cmd, args)
			switch {
			case err != nil:
				return err
			case offset > max24:
				return &usageError{cmd, fmt.Errorf("--offset %d: want 0 to %d", offset, max24)}
			}
			data, err := a.content(cmd, digits, text, file)
			if err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				r, err := a.writeFile(ctx, card, p.app, p.file, offset, data)
				if err != nil {
					return err
				}
				r.Unprotected = a.unprotected.Load()
				a.warnUnprotected()
				if a.json {
					return a.emit(r)
				}
				a.printf("%s written to file %d of %s\n", count(r.Written, "byte"), p.file, p.app.Words())
				return nil
			})
		},
	}
	a.readerIDFlag(cmd)
	f := cmd.Flags()
	f.Uint32Var(&offset, "offset", 0, "first byte to write, in the file or the record")
	f.StringVar(&digits, "hex", "", "content in hexadecimal")
	f.StringVar(&text, "text", "", "content as text")
	f.StringVar(&file, "file", "", "file with the content, - for standard input")
	return cmd
}

// content is what to write.
func (a *app) content(cmd *cobra.Command, digits, text, file string) ([]byte, error) {
	var data []byte
	var err error
	flags := cmd.Flags()
	given := 0
	for _, name := range [...]string{"hex", "text", "file"} {
		if flags.Changed(name) {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, &usageError{cmd, errors.New("--hex, --text and --file: want one of them")}
	case flags.Changed("hex"):
		if data, err = parseHex(digits); err != nil {
			return nil, &usageError{cmd, fmt.Errorf("--hex: %w", err)}
		}
	case flags.Changed("text"):
		data = []byte(text)
	case file != "" && file != "-":
		if data, err = os.ReadFile(file); err != nil {
			return nil, err
		}
	case screen.Terminal(a.stdin) && file == "":
		return nil, &usageError{cmd, errors.New("nothing to write: want --hex, --text or --file, or standard input that is not a terminal")}
	default:
		if data, err = io.ReadAll(io.LimitReader(a.stdin, max24+1)); err != nil {
			return nil, err
		}
	}
	switch {
	case len(data) == 0:
		return nil, &usageError{cmd, errors.New("nothing to write: the content is empty")}
	case len(data) > max24:
		return nil, &usageError{cmd, fmt.Errorf("%d bytes are more than any file holds", len(data))}
	}
	return data, nil
}

// writeResult is what write prints with --json.
type writeResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Type        string      `json:"type"`
	Offset      uint32      `json:"offset"`
	Written     int         `json:"written"`
	Committed   bool        `json:"committed"`
	Unprotected bool        `json:"unprotected,omitempty"` // it may have been changed on its way
}

func (a *app) writeFile(ctx context.Context, card *desfire.Card, app wire.Place, no wire.FileNo, offset uint32, data []byte) (*writeResult, error) {
	fs, err := a.enterFile(ctx, card, target{app, no}, inspect.ActWrite)
	if err != nil {
		return nil, err
	}
	r := &writeResult{a.saw(card), app, no, fs.Type.String(), offset, len(data), false, false}
	room, what := fs.Size, "file"
	switch fs.Type {
	case wire.FileValue:
		return nil, fmt.Errorf("file %d is a value file: change it with desfire value credit or debit", no)
	case wire.FileTransactionMAC:
		return nil, fmt.Errorf("file %d is a transaction MAC file, which the card itself writes", no)
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		room, what = fs.RecordSize, "record"
	}
	if int64(offset)+int64(len(data)) > int64(room) {
		return nil, fmt.Errorf("%s from %d on do not fit: the %s has %d bytes", count(len(data), "byte"), offset, what, room)
	}
	put := func() error { return card.WriteData(ctx, no, offset, data) }
	if what == "record" {
		put = func() error { return card.WriteRecord(ctx, no, offset, data) }
	}
	if fs.Type == wire.FileStandard {
		return r, mayHaveHappened(put())
	}
	_, err = card.Transact(ctx, func() error {
		if err := put(); err != nil {
			return err
		}
		return a.nameReader(ctx, card)
	})
	r.Committed = err == nil
	return r, mayHaveHappened(a.wantsReader(err))
}

// mayHaveHappened tells what to do about an unknown outcome.
func mayHaveHappened(err error) error {
	var unknown *desfire.OutcomeUnknownError
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w: present the card again and read before you repeat it", err)
	}
	return err
}
