package mobile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/wholefile"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
)

// Purse moves the value of cards so that each change happens exactly once, whatever happens to the card, the app or
// the phone in between. Its journal is a file of the app.
//
// A change whose answer was lost is open: the error has Happened "unknown". When the card is back, the same
// call with the same request finds out what became of it, and makes it if it did not happen; Settle finds out
// and makes nothing.
type Purse struct {
	conf    purse.Config
	purse   *purse.Purse
	journal *boltjournal.Journal
	path    string
	job     sync.Mutex
	closed  bool
}

// OpenPurse opens a purse. path is the file of its journal, in a folder of the app that exists: it is
// made if it is not there, and then begins empty. layout is the purse as
// "desfire purse init" wrote it beside a journal, FILE.json; each terminal has a slot of its own in
// it, so no two phones share one. It is kept beside the journal; later it may be empty, and another one is an error.
func OpenPurse(path, layout string, keys *Keys) (*Purse, error) {
	if path == "" {
		return nil, usage("the journal has no path")
	}
	text, err := layoutOf(path, []byte(layout))
	if err != nil {
		return nil, err
	}
	parsed, err := purse.ParseLayout(text)
	if err != nil {
		return nil, coded(CodeInput, fmt.Errorf("the layout of the purse: %w", err))
	}
	conf, err := parsed.Config()
	if err == nil {
		err = conf.Check()
	}
	if err != nil {
		return nil, coded(CodeInput, fmt.Errorf("the layout of the purse: %w", err))
	}
	p := &Purse{path: path}
	if p.journal, err = boltjournal.Open(path, boltjournal.Options{Program: "mobile"}); err != nil {
		return nil, failed(err)
	}
	if err = keep(path, text); err == nil {
		conf.Journal = p.journal
		if !conf.NoKey {
			conf.Keys = keys.store()
		}
		p.conf = *conf
		p.purse, err = purse.Open(*conf)
	}
	if err != nil {
		return nil, failed(errors.Join(err, p.journal.Close()))
	}
	return p, nil
}

// layoutOf is the layout that is given, or the one beside the journal. They must be the same.
func layoutOf(path string, given []byte) ([]byte, error) {
	kept, err := os.ReadFile(path + ".json")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(path); err == nil {
			return nil, coded(CodeInput, fmt.Errorf("the journal %s is there, but not its layout: put it back from a backup", filepath.Base(path)))
		}
		if len(given) == 0 {
			return nil, usage("there is no purse at %s yet: give its layout", filepath.Base(path))
		}
		return given, nil
	case err != nil:
		return nil, failed(err)
	case len(given) > 0 && !bytes.Equal(bytes.TrimSpace(given), bytes.TrimSpace(kept)):
		return nil, coded(CodeInput, fmt.Errorf("the journal %s belongs to another layout: take another file for another purse", filepath.Base(path)))
	}
	return kept, nil
}

func keep(path string, text []byte) error {
	if _, err := os.Stat(path + ".json"); err == nil {
		return nil
	}
	return wholefile.Write(path+".json", ".purse-", func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// Debit takes amount from the card. request is the app's name of the change, 1 to 64 bytes: the same name again is the same
// change, which is not made twice. It is written down before the card hears of it, so that it
// is best chosen before the first try, such as the number of a ticket. Empty: the change has no name.
func (p *Purse) Debit(card *Card, amount int, request string) (string, error) {
	return p.change(card, purse.Debit, amount, request)
}

// Credit adds amount to the card, as Debit does.
func (p *Purse) Credit(card *Card, amount int, request string) (string, error) {
	return p.change(card, purse.Credit, amount, request)
}

// LimitedCredit gives back at most what the last transaction took, as Debit does.
func (p *Purse) LimitedCredit(card *Card, amount int, request string) (string, error) {
	return p.change(card, purse.LimitedCredit, amount, request)
}

func (p *Purse) change(c *Card, kind purse.Kind, n int, id string) (string, error) {
	value, err := inRange(n)
	if err != nil {
		return "", err
	}
	return p.do(c, func(ctx context.Context, card *desfire.Card) (any, error) {
		o := purse.Order{ID: id, Moves: []purse.Move{{File: p.conf.Values[0].No, Kind: kind, Amount: value}}}
		once := &purse.Once{Purse: p.purse, Order: o}
		err := once.Run(ctx, func(ctx context.Context, step desfire.Step) error {
			for {
				if done, err := step(ctx, card); done || err != nil {
					return err
				}
			}
		})
		if once.Receipt != nil {
			r := receiptOf(c, once.Receipt)
			if err == nil {
				return r, nil
			}
			return nil, p.told(c, once.Receipt, fmt.Errorf("the journal may not have what became of it: %w", err))
		}
		return nil, p.notDone(c, once, id, err)
	})
}

// notDone says what is known of a change that did not happen, or is open.
func (p *Purse) notDone(c *Card, once *purse.Once, id string, err error) error {
	var not *purse.DidNotError
	var doubt *purse.InDoubtError
	switch {
	case err == nil:
		return errors.New("the change was not begun")
	case errors.As(err, new(*purse.BlockedError)), errors.As(err, new(*purse.OpenEntryError)):
		return err
	case errors.As(err, &not):
		return p.told(c, not.Receipt, err)
	case errors.As(err, &doubt):
		return p.told(c, p.current(doubt.Receipt), err)
	case once.Open() != nil:
		return p.told(c, p.current(&purse.Receipt{Entry: *once.Open()}), err)
	case id != "":
		e, failed := p.journal.Request(context.Background(), id)
		if failed == nil && e != nil && e.IsOpen() {
			return p.told(c, &purse.Receipt{Entry: *e}, fmt.Errorf("the change was begun before, and is open: %w", err))
		}
	}
	return err
}

// current is a receipt as the journal has it now.
func (p *Purse) current(r *purse.Receipt) *purse.Receipt {
	e, err := p.journal.Entry(context.Background(), r.Entry.ID)
	if err != nil || e == nil {
		return r
	}
	return &purse.Receipt{Entry: *e, After: r.After}
}

// told is an error with the receipt of a change, which says what happened.
func (p *Purse) told(c *Card, r *purse.Receipt, err error) error {
	f := explain(err)
	f.Detail, _ = encode(receiptOf(c, r))
	switch r.Decision() {
	case purse.Happened:
		f.Happened, f.Code = HappenedYes, CodeInput
		f.Next = "It was made. Open the purse again, so that its journal learns of it."
	case purse.DidNot:
		f.Happened = HappenedNo
		if f.Code == CodeUnknown {
			f.Code = CodeRefused
		}
		f.Next = ""
	default:
		f.Happened, f.Code = HappenedUnknown, CodeUnknown
		f.Next = "Present the same card again: the same call with the same request goes on, and Settle finds out what became of it."
	}
	return &jobError{*f, err}
}

// Settle finds out what became of the change that is open on the card, and returns its receipt; "null" if nothing is
// open. It changes no value. It may be repeated as often as you like.
func (p *Purse) Settle(card *Card) (string, error) {
	return p.do(card, func(ctx context.Context, c *desfire.Card) (any, error) {
		if err := c.Select(ctx, p.conf.Place); err != nil {
			return nil, err
		}
		r, err := p.purse.Settle(ctx, c)
		var doubt *purse.InDoubtError
		switch {
		case errors.As(err, &doubt):
			return nil, p.told(card, p.current(doubt.Receipt), err)
		case r != nil && err != nil:
			return nil, p.told(card, r, err)
		case err != nil || r == nil:
			return nil, err
		}
		return receiptOf(card, r), nil
	})
}

// Stored says what the journal has of a change by its name, without a card: its receipt, or "null".
func (p *Purse) Stored(request string) (string, error) {
	return p.ask(func(ctx context.Context) (any, error) {
		if request == "" {
			return nil, usage("the change has no name")
		}
		e, err := p.journal.Request(ctx, request)
		if err != nil || e == nil {
			return nil, err
		}
		return receiptOf(nil, &purse.Receipt{Entry: *e}), nil
	})
}

// openChanges is what OpenChanges lists.
type openChanges struct {
	Open []purseReceipt `json:"open"`
}

// OpenChanges lists the changes that are open, in a member open, as desfire purse status does.
func (p *Purse) OpenChanges() (string, error) {
	return p.ask(func(ctx context.Context) (any, error) {
		list := openChanges{[]purseReceipt{}}
		for e, err := range p.journal.Entries(ctx) {
			if err != nil {
				return nil, err
			}
			if e.IsOpen() {
				list.Open = append(list.Open, receiptOf(nil, &purse.Receipt{Entry: *e}))
			}
		}
		return list, nil
	})
}

// Report is the whole journal for the centre, as desfire purse journal --report writes it and desfire purse reconcile
// reads it. It holds no keys.
func (p *Purse) Report() (string, error) {
	return p.ask(func(ctx context.Context) (any, error) {
		return purse.ReportOf(ctx, p.journal, p.conf.Terminal, purse.At(time.Now()))
	})
}

// Close closes the journal. What could not be written is an error.
func (p *Purse) Close() error {
	p.job.Lock()
	defer p.job.Unlock()
	if p.closed || p.journal == nil {
		return nil
	}
	p.closed = true
	return failed(p.journal.Close())
}

var errPurseClosed = errors.New("the purse is not open: OpenPurse opens it")

// do runs a job on a card, one at a time.
func (p *Purse) do(c *Card, f func(ctx context.Context, card *desfire.Card) (any, error)) (string, error) {
	switch {
	case c == nil:
		return "", usage("there is no card")
	case !p.job.TryLock():
		return "", busy("the purse")
	}
	defer p.job.Unlock()
	if p.closed || p.journal == nil {
		return "", coded(CodeUsage, errPurseClosed)
	}
	return c.do(f)
}

// ask looks into the journal.
func (p *Purse) ask(f func(ctx context.Context) (any, error)) (string, error) {
	if !p.job.TryLock() {
		return "", busy("the purse")
	}
	defer p.job.Unlock()
	if p.closed || p.journal == nil {
		return "", coded(CodeUsage, errPurseClosed)
	}
	v, err := f(context.Background())
	if err != nil {
		return "", failed(err)
	}
	return encode(v)
}
