package mobile

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// writeResult is what desfire write prints.
type writeResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Type        string      `json:"type"`
	Record      *uint32     `json:"record,omitempty"`
	Offset      uint32      `json:"offset"`
	Written     int         `json:"written"`
	Committed   bool        `json:"committed"`
	Left        *edit.Left  `json:"left,omitempty"`
	Unprotected bool        `json:"unprotected,omitempty"`
}

// Pad values of Write that fill nothing.
const PadNothing = -1

// Write writes content into a data file from offset on. pad is the byte that fills the rest of the
// file, 0 to 255, or PadNothing: then what follows stays. What is not atomic on the card (a standard file with
// more than one frame) may be done in part: the error then has Happened "unknown".
func (c *Card) Write(file string, offset int, content []byte, pad int, keys *Keys) (string, error) {
	return c.write(file, offset, content, pad, keys, inspect.ActWrite, func(t target, fs *wire.FileSettings, from uint32, fill *byte) (*edit.Write, error) {
		if edit.HasRecords(fs) {
			return nil, usage("file %d of %s has records: AppendRecord and UpdateRecord write them", t.file, t.place.Words())
		}
		return edit.New(t.file, fs, from, content, fill)
	})
}

// AppendRecord adds a record to a record file and commits.
func (c *Card) AppendRecord(file string, content []byte, keys *Keys) (string, error) {
	return c.write(file, 0, content, PadNothing, keys, inspect.ActAppend, func(t target, fs *wire.FileSettings, from uint32, fill *byte) (*edit.Write, error) {
		if err := wantsRecords(t, fs); err != nil {
			return nil, err
		}
		return edit.New(t.file, fs, from, content, fill)
	})
}

// UpdateRecord changes a record that is there, 0 being the newest, from offset on, and commits. It takes DESFire EV2
// or later, or a DESFire Light.
func (c *Card) UpdateRecord(file string, number, offset int, content []byte, pad int, keys *Keys) (string, error) {
	no, err := count("the number of the record", number)
	if err != nil {
		return "", err
	}
	return c.write(file, offset, content, pad, keys, inspect.ActClear, func(t target, fs *wire.FileSettings, from uint32, fill *byte) (*edit.Write, error) {
		if err := wantsRecords(t, fs); err != nil {
			return nil, err
		}
		return edit.Update(t.file, fs, no, from, content, fill)
	})
}

func wantsRecords(t target, fs *wire.FileSettings) error {
	if edit.HasRecords(fs) {
		return nil
	}
	return coded(CodeInput, fmt.Errorf("file %d of %s is a %v file, which has no records", t.file, t.place.Words(), fs.Type))
}

func (c *Card) write(file string, offset int, content []byte, pad int, keys *Keys, act inspect.Act,
	fit func(t target, fs *wire.FileSettings, from uint32, fill *byte) (*edit.Write, error),
) (string, error) {
	t, err := parseTarget(file)
	if err != nil {
		return "", err
	}
	from, err := count("the offset", offset)
	if err != nil {
		return "", err
	}
	var fill *byte
	switch {
	case len(content) == 0:
		return "", usage("there is nothing to write")
	case pad < PadNothing || pad > 0xFF:
		return "", usage("pad is %d: want a byte, or -1", pad)
	case pad >= 0:
		b := byte(pad)
		fill = &b
	}
	return c.do(func(ctx context.Context, card *desfire.Card) (any, error) {
		fs, err := c.enter(ctx, card, t, keys, act)
		if err != nil {
			return nil, err
		}
		if fs.Type == wire.FileValue {
			return nil, usage("file %d of %s is a value file: a purse changes it", t.file, t.place.Words())
		}
		w, err := fit(t, fs, from, fill)
		if err != nil {
			return nil, coded(CodeInput, err)
		}
		s, ok := card.Session()
		if hit := w.Hidden(ok && s.Scheme == wire.SchemeLRP); hit != nil {
			return nil, coded(CodeImpossible, fmt.Errorf("file %d of %s shows secure dynamic messages: the card puts %s over bytes %d to %d, whatever is written there",
				t.file, t.place.Words(), hit.Name, hit.Offset, hit.Offset+hit.Length-1))
		}
		r := &writeResult{Application: t.place, File: t.file, Type: fs.Type.String(), Record: w.Record, Offset: w.Offset, Written: len(w.Data)}
		if w.Record == nil && !edit.HasRecords(fs) {
			if r.Left, err = w.LeftBehind(ctx, card); err != nil {
				return nil, fmt.Errorf("nothing was written: what stays behind the content could not be read: %w", err)
			}
		}
		if r.Committed, err = w.Do(ctx, card, func() error { return c.nameReader(ctx, card) }); err != nil {
			return nil, err
		}
		r.cardOf, r.Unprotected = c.of(), c.unprotected
		return r, nil
	})
}

// nameReader names the phone in the transaction.
func (c *Card) nameReader(ctx context.Context, card *desfire.Card) error {
	if c.conf.ReaderID == "" {
		return nil
	}
	id, err := c.conf.readerID()
	if err == nil {
		_, err = desfire.Do(ctx, card, &wire.CommitReaderID{TMRI: id})
	}
	return err
}
