package mobile

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// readResult is what was read of a file, as desfire read prints it.
type readResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Type        string      `json:"type"`
	Offset      uint32      `json:"offset"`
	*content
	Records     []record `json:"records,omitzero"` // the oldest first
	Value       *int32   `json:"value,omitempty"`
	Unprotected bool     `json:"unprotected,omitempty"`
}

type content struct {
	Data hexBytes `json:"data"`
}

type record struct {
	Record int `json:"record"` // 0 is the newest
	*content
}

// Read reads a file: of a data file length bytes from offset on; of a record file length records from
// number offset on, 0 being the newest; the value of a value file. length 0 is all that follow. file is
// APPLICATION/FILE, as "F48121/1". keys may be nil for what anybody may read.
func (c *Card) Read(file string, offset, length int, keys *Keys) (string, error) {
	t, err := parseTarget(file)
	if err != nil {
		return "", err
	}
	from, err := count("the offset", offset)
	if err != nil {
		return "", err
	}
	n, err := count("the length", length)
	if err != nil {
		return "", err
	}
	return c.do(func(ctx context.Context, card *desfire.Card) (any, error) {
		fs, err := c.enter(ctx, card, t, keys, inspect.ActRead)
		if err != nil {
			return nil, err
		}
		r := &readResult{Application: t.place, File: t.file, Type: fs.Type.String(), Offset: from}
		if err := r.read(ctx, card, t.file, fs, n); err != nil {
			return nil, err
		}
		r.cardOf, r.Unprotected = c.of(), c.unprotected
		return r, nil
	})
}

// otherwise is what reading and writing is with files of other types than data.
var otherwise = map[inspect.Act]inspect.Act{inspect.ActRead: inspect.ActGetValue, inspect.ActWrite: inspect.ActAppend}

// enter opens a session that may do something with a file, and tells its settings.
func (c *Card) enter(ctx context.Context, card *desfire.Card, t target, keys *Keys, act inspect.Act) (*wire.FileSettings, error) {
	on := c.on(card, keys)
	fs, err := on.File(ctx, t.place, t.file, act)
	var never *unlock.NeverError
	if errors.As(err, &never) && never.Unknown && otherwise[act] != "" {
		return on.File(ctx, t.place, t.file, otherwise[act])
	}
	return fs, err
}

func (r *readResult) read(ctx context.Context, card *desfire.Card, no wire.FileNo, fs *wire.FileSettings, n uint32) error {
	switch {
	case fs.Type == wire.FileValue:
		if r.Offset != 0 || n != 0 {
			return usage("file %d is a value file, which has no parts: want offset and length 0", no)
		}
		v, err := card.Value(ctx, no)
		r.Value = &v
		return err
	case edit.HasRecords(fs):
		r.Records = []record{}
		if fs.Records == 0 && r.Offset == 0 && n == 0 {
			return nil // the card would refuse to read none
		}
		if !edit.Within(fs, r.Offset, n) {
			return coded(CodeInput, fmt.Errorf("file %d has %d records: %d from number %d on go beyond", no, fs.Records, n, r.Offset))
		}
		data, err := card.ReadRecords(ctx, no, r.Offset, n)
		if err != nil {
			return err
		}
		list := inspect.Records(fs, data)
		for i, one := range list {
			r.Records = append(r.Records, record{int(r.Offset) + len(list) - 1 - i, &content{hexBytes(one)}})
		}
		return nil
	}
	if fs.Size > 0 && !edit.Within(fs, r.Offset, n) {
		return coded(CodeInput, fmt.Errorf("file %d has %d bytes: %d from byte %d on go beyond", no, fs.Size, n, r.Offset))
	}
	data, err := card.ReadData(ctx, no, r.Offset, n)
	r.content = &content{data}
	return err
}

// valueResult is what desfire value get prints.
type valueResult struct {
	cardOf
	Application wire.Place  `json:"application"`
	File        wire.FileNo `json:"file"`
	Value       int32       `json:"value"`
	Unprotected bool        `json:"unprotected,omitempty"`
}

// Value reads a value file. A purse (OpenPurse) changes it.
func (c *Card) Value(file string, keys *Keys) (string, error) {
	t, err := parseTarget(file)
	if err != nil {
		return "", err
	}
	return c.do(func(ctx context.Context, card *desfire.Card) (any, error) {
		if _, err := c.enter(ctx, card, t, keys, inspect.ActGetValue); err != nil {
			return nil, err
		}
		v, err := card.Value(ctx, t.file)
		if err != nil {
			return nil, err
		}
		return &valueResult{c.of(), t.place, t.file, v, c.unprotected}, nil
	})
}
