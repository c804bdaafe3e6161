package mobile

import (
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// purseReceipt is what became of one change, as desfire purse debit prints it.
type purseReceipt struct {
	cardOf
	Card        string            `json:"card_uid"` // whose change it is
	Application string            `json:"application"`
	Decision    purse.Decision    `json:"decision"`
	Rule        purse.Rule        `json:"rule"`
	Why         string            `json:"why"`
	Needs       []string          `json:"needs"`
	Alarms      []purse.Alarm     `json:"alarms"`
	Relay       bool              `json:"relay_excluded"`
	Fence       purse.Fence       `json:"fence"`
	Stored      bool              `json:"stored"`
	ID          purse.ID          `json:"id"`
	Request     string            `json:"request"`
	Attempt     int               `json:"attempt"`
	Moves       []purseMove       `json:"moves"`
	TMC         *uint32           `json:"tmc"`
	TMV         *purse.TMV        `json:"tmv"`
	Meta        map[string]string `json:"meta,omitempty"`
	Began       purse.Time        `json:"began"`
	Terminal    string            `json:"terminal"`
	Policy      purse.Policy      `json:"policy"`
	Decided     *purse.Time       `json:"decided"`
}

type purseMove struct {
	File   wire.FileNo `json:"file"`
	Kind   string      `json:"kind"`
	Amount int32       `json:"amount"`
	Before int32       `json:"before"`
	After  *int32      `json:"after"`
}

// receiptOf is a receipt in JSON; c may be nil.
func receiptOf(c *Card, r *purse.Receipt) purseReceipt {
	e := &r.Entry
	out := purseReceipt{
		Card: e.UID, Application: e.App, Decision: r.Decision(), Rule: r.Rule(), Stored: r.Stored, ID: e.ID, Request: e.Request,
		Attempt: e.Attempt, Meta: e.Meta, Began: e.Began, Terminal: e.Terminal, Policy: e.Policy,
	}
	if c != nil {
		out.cardOf = c.of()
	}
	after := r.After
	if o := e.Outcome(); o != nil {
		out.Why, out.Needs, out.Alarms, out.Relay, out.Fence = o.Why, o.Needs, o.Alarms, o.RelayExcluded, o.Evidence.Fence
		out.TMC, out.TMV, out.Decided = o.Evidence.TMC, o.Evidence.TMV, &o.Time
		if after == nil {
			after = o.Evidence.Values
		}
	}
	for i, m := range e.Moves {
		move := purseMove{File: m.File, Kind: m.Kind.Words(), Amount: m.Amount}
		if i < len(e.Values) {
			move.Before = e.Values[i].Value
		}
		for _, v := range after {
			if v.File == m.File {
				value := v.Value
				move.After = &value
			}
		}
		out.Moves = append(out.Moves, move)
	}
	return out
}
