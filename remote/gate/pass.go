package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
)

// passPrefix is what the names of debits begin with that nobody ordered.
const passPrefix = "pass "

// errAgain is why a card that has just paid does not pay.
var errAgain = errors.New("the card has just paid")

// pass debits a card that was presented, once or until it is gone.
func (g *Gate) pass(ctx context.Context, p *presentation) {
	for first := true; ctx.Err() == nil && !p.over(); first = false {
		if !first {
			select {
			case <-time.After(g.conf.Every):
			case <-p.gone:
				return
			case <-ctx.Done():
				return
			}
		}
		if g.ordered(p.ev.Reader) {
			return // the card is that of an order
		}
		paid, card := g.payOnce(ctx, p, first)
		if !card || !paid || g.conf.Every <= 0 {
			return
		}
	}
}

// payOnce makes one debit, and tells what became of it; nothing if the card is none.
func (g *Gate) payOnce(ctx context.Context, p *presentation, first bool) (paid, card bool) {
	j := &job{Gate: g, reader: p.ev.Reader}
	j.accept = func(ctx context.Context, c *desfire.Card) error {
		card = true
		if first && g.justPaid(j.uid) {
			return &desfire.GiveUp{Err: errAgain}
		}
		o, err := g.passage(ctx, c)
		if err != nil {
			return &desfire.GiveUp{Err: err}
		}
		j.once.Order = o
		return nil
	}
	err := j.run(ctx, p)
	if j.once.Receipt == nil && err == nil {
		err = &NoCardError{Reader: j.reader, Why: j.why}
	}
	r, err := j.outcome(ctx, err)
	e := Event{Kind: kindOf(err), Reader: j.reader, Trace: j.trace, Request: j.once.Order.ID, UID: j.uid, Receipt: r, Err: err}
	switch {
	case ctx.Err() != nil && r == nil:
		return false, card // the gate ends, and nothing was begun
	case !card && !errors.As(j.why, new(*desfire.NotDESFireError)) && e.Kind == Left:
		return false, false // it came and went, or never answered
	case errors.Is(err, errAgain):
		e.Kind, e.Err = Again, nil
	case e.Kind == Left && !card:
		e.Kind, e.Err = Failed, j.why
	case e.Kind == Paid:
		g.hasPaid(r.Entry.UID)
	}
	g.tell(e)
	return e.Kind == Paid, card
}

// passage is the debit of a card that wants to pass. Where one is open on it, that is
// the passage: whoever comes back after it broke off does not pay twice.
func (g *Gate) passage(ctx context.Context, card *desfire.Card) (purse.Order, error) {
	c := &g.conf.Purse
	o := purse.Order{ID: passPrefix + rand.Text(), Moves: []purse.Move{{File: c.Values[0].No, Kind: purse.Debit, Amount: g.conf.Debit}}}
	uid := card.UID()
	if uid == nil {
		return o, nil
	}
	open, err := c.Journal.Open(ctx, g.cardApp(fmt.Sprintf("%X", uid)))
	if err != nil {
		return o, &purse.JournalError{Err: err}
	}
	if open != nil && strings.HasPrefix(open.Request, passPrefix) {
		o = purse.Order{ID: open.Request, Moves: slices.Clone(open.Moves), Meta: open.Meta, UID: uid}
	}
	return o, nil
}

// cardApp is the application on a card, as journals name it.
func (g *Gate) cardApp(uid string) purse.CardApp {
	return purse.CardApp{UID: uid, App: g.conf.Purse.Place.String()}
}

// justPaid reports whether a card is back too soon.
func (g *Gate) justPaid(uid string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.conf.Now()
	for id, until := range g.paid {
		if !now.Before(until) {
			delete(g.paid, id)
		}
	}
	_, soon := g.paid[uid]
	return soon
}

func (g *Gate) hasPaid(uid string) {
	if g.conf.Again <= 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paid[uid] = g.conf.Now().Add(g.conf.Again)
}

// ordered reports whether an order waits for a card at a reader.
func (g *Gate) ordered(reader string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.waiting[reader]+g.waiting[""] > 0
}
