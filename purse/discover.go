package purse

import (
	"context"
	"errors"
	"math"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Discovery makes a Config of what a card says of its files. That is for whoever sets a
// terminal up, with a card that is known to be right: the cards that come later are not asked. It
// can be used for cards that are used as they are, too, with policy Accidents.
type Discovery struct {
	Place wire.Place
	File  wire.FileNo // the value file

	// Keys and KeyNo open the session to look in. Keys nil: no session, so that the
	// file has to be free.
	Keys  keystore.Store
	KeyNo wire.KeyNo

	Policy Policy // Hostile if empty
	Others Others

	// ValueOnly takes no receipt, though the card may have room for some.
	ValueOnly bool
	// Slot and Record are the files to take; nil for none. They are not chosen without being
	// asked for: each terminal has a slot of its own, and all terminals
	// write records or none does. A slot needs a number.
	Slot       *wire.FileNo
	SlotNumber int
	Record     *wire.FileNo

	Journal  Journal // for Open
	Terminal string
}

// Candidate is a file that could hold receipts.
type Candidate struct {
	File wire.FileNo `json:"file"`
	// Slots is how many terminals can have a slot in it; 0 of a record file.
	Slots int `json:"slots,omitempty"`
	// Records is how many records it shows; 0 of a backup file.
	Records int    `json:"records,omitempty"`
	Why     string `json:"why,omitempty"` // why it cannot be used; empty if it can
}

// Open makes a purse of what a card says. It is for desfire.Keep, Once.Find and Drain.Find.
func (d *Discovery) Open(ctx context.Context, card *desfire.Card) (*Purse, error) {
	conf, err := d.Config(ctx, card)
	if err != nil {
		return nil, err
	}
	return Open(*conf)
}

// Config selects the application, opens a session if there are Keys, and makes a Config of
// what the card says. A missing file is a *NoFileError, a value file that is none a *TypeError.
func (d *Discovery) Config(ctx context.Context, card *desfire.Card) (*Config, error) {
	if err := card.Select(ctx, d.Place); err != nil {
		return nil, err
	}
	if d.Keys != nil {
		k, err := d.Keys.Key(ctx, keystore.Ref{UID: keystore.UID(card.UID()), Place: d.Place, Key: keystore.Number(d.KeyNo)})
		if err != nil {
			return nil, err
		}
		if err := card.Authenticate(ctx, d.KeyNo, k); err != nil {
			return nil, err
		}
	}
	return d.Here(ctx, card)
}

// Here is Config where the application is selected, and a session of KeyNo open, if there
// are Keys.
func (d *Discovery) Here(ctx context.Context, card *desfire.Card) (*Config, error) {
	c := &Config{
		Place: d.Place, Generation: card.Generation(), Keys: d.Keys, KeyNo: d.KeyNo, NoKey: d.Keys == nil,
		Policy: d.Policy, Others: d.Others, Journal: d.Journal, Terminal: d.Terminal,
	}
	if c.Policy == "" {
		c.Policy = Hostile
	}
	if s, ok := card.Session(); ok && d.Keys != nil {
		c.KeyNo = s.KeyNo
	}
	value, err := d.value(ctx, card)
	if err != nil {
		return nil, err
	}
	c.Values = []File{*value}
	if d.ValueOnly {
		return c, nil
	}
	files, err := card.Files(ctx)
	if err != nil {
		return nil, err
	}
	for _, no := range files {
		fs, err := card.FileSettings(ctx, no)
		if err != nil {
			return nil, err
		}
		f := File{no, fs.Clone()}
		switch {
		case fs.Type == wire.FileTransactionMAC:
			c.TMAC = &TMAC{File: f, NamesReader: !c.NoKey && fs.Access.ReadWrite != wire.Never}
			if right := fs.Access.ReadWrite; c.TMAC.NamesReader && right != wire.Free && right != wire.Access(c.KeyNo) {
				no := wire.KeyNo(right)
				c.TMAC.Reader = &no
			}
		case d.Slot != nil && *d.Slot == no:
			c.Slot = &Slot{File: f, Number: d.SlotNumber}
		case d.Record != nil && *d.Record == no:
			c.Record = &Record{File: f}
		}
	}
	switch {
	case d.Slot != nil && c.Slot == nil:
		return nil, &NoFileError{d.Place, *d.Slot, nil}
	case d.Record != nil && c.Record == nil:
		return nil, &NoFileError{d.Place, *d.Record, nil}
	}
	// A terminal that writes records makes sure that nothing pends, unless it names
	// itself.
	c.BeginFence = c.Record != nil && c.Policy == Hostile && (c.TMAC == nil || !c.TMAC.NamesReader)
	return c, nil
}

// value is the value file and its settings.
func (d *Discovery) value(ctx context.Context, card *desfire.Card) (*File, error) {
	fs, err := card.FileSettings(ctx, d.File)
	_, session := card.Session()
	switch {
	case errors.Is(err, wire.StatusFileNotFound) || errors.Is(err, wire.StatusParameterError):
		return nil, &NoFileError{d.Place, d.File, err}
	case err != nil && !session && !desfire.Lost(err) && (desfire.Refusal(err) != nil || errors.Is(err, errors.ErrUnsupported)):
		// The card does not tell everybody: a change that it refuses will tell what it
		// does not allow. The refusal may have ended the selection.
		any := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Never}
		return &File{d.File, wire.FileSettings{Type: wire.FileValue, Access: any, Upper: math.MaxInt32, Flags: wire.ValueLimitedCredit}}, nil
	case err != nil:
		return nil, err
	case fs.Type != wire.FileValue:
		return nil, &TypeError{d.Place, d.File, fs.Type}
	}
	return &File{d.File, fs.Clone()}, nil
}

// Candidates lists the files of an application that could hold receipts of a purse, and why
// others of their kind cannot. The application is selected, in a session or without one.
func (d *Discovery) Candidates(ctx context.Context, card *desfire.Card, c *Config) (slots, records []Candidate, err error) {
	files, err := card.Files(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, no := range files {
		fs, err := card.FileSettings(ctx, no)
		if err != nil {
			return nil, nil, err
		}
		try := *c
		f := File{no, fs.Clone()}
		switch fs.Type {
		case wire.FileBackup:
			try.Slot = &Slot{File: f}
			slots = append(slots, Candidate{File: no, Slots: int(fs.Size) / try.Slot.size(), Why: reason(try.checkSlot())})
		case wire.FileLinearRecord, wire.FileCyclicRecord:
			try.Record, try.BeginFence = &Record{File: f}, true
			shown := int(fs.MaxRecords)
			if fs.Type == wire.FileCyclicRecord {
				shown--
			}
			records = append(records, Candidate{File: no, Records: shown, Why: reason(try.checkRecord())})
		}
	}
	return slots, records, nil
}

func reason(err error) string {
	var bad *ConfigError
	if errors.As(err, &bad) {
		return bad.Reason
	}
	return ""
}
