package purse

import (
	"context"
	"time"

	"github.com/go-desfire/desfire"
)

// Purse moves value files so that each change happens exactly once. It belongs to one
// goroutine.
type Purse struct {
	conf Config
	live *session // the last one, while the card is where we left it
}

// Open makes a purse. It refuses, with a *ConfigError, what could not prove
// anything. Journal and keys stay the caller's.
func Open(conf Config) (*Purse, error) {
	if conf.Policy == "" {
		conf.Policy = Hostile
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	if err := conf.check(); err != nil {
		return nil, err
	}
	if err := conf.checkKeys(context.Background()); err != nil {
		return nil, err
	}
	return &Purse{conf: conf}, nil
}

// Debit takes an amount from the first value file. The error is nil exactly if it
// happened: now, or in an earlier call with the same ID (Receipt.Stored). A
// *DidNotError says that it did not, and a new call with the same ID is a new
// attempt. An *InDoubtError says that it is not known; the change stays open, the next
// call on that card settles it first. With a *JournalError a receipt tells what was
// known and could not be written; without one, and with every other error, nothing was begun.
func (p *Purse) Debit(ctx context.Context, card *desfire.Card, r Request) (*Receipt, error) {
	return p.one(ctx, card, Debit, r)
}

// Credit adds an amount; otherwise it is as Debit.
func (p *Purse) Credit(ctx context.Context, card *desfire.Card, r Request) (*Receipt, error) {
	return p.one(ctx, card, Credit, r)
}

// LimitedCredit gives back at most what the last transaction took; otherwise it is
// as Debit.
func (p *Purse) LimitedCredit(ctx context.Context, card *desfire.Card, r Request) (*Receipt, error) {
	return p.one(ctx, card, LimitedCredit, r)
}

func (p *Purse) one(ctx context.Context, card *desfire.Card, k Kind, r Request) (*Receipt, error) {
	return p.Do(ctx, card, Order{ID: r.ID, Meta: r.Meta, Moves: []Move{{p.conf.Values[0].No, k, r.Amount}}})
}

// Stored returns the receipt of an order that happened before, by its ID, and needs no card; nil if
// there is none. A *FingerprintError means that the ID is another order's.
func (p *Purse) Stored(ctx context.Context, o Order) (*Receipt, error) {
	if err := o.check(&p.conf); err != nil {
		return nil, err
	}
	e, err := p.known(ctx, &o)
	if err != nil || e == nil || !e.has(Happened) {
		return nil, err
	}
	return stored(e), nil
}
