package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// purseReceipt is what the verbs of a purse print of one change with --json.
type purseReceipt struct {
	cardOf
	Card        string            `json:"card_uid"` // whose change it is
	Application string            `json:"application"`
	Decision    ledger.Decision   `json:"decision"` // happened, did not, in doubt
	Rule        ledger.Rule       `json:"rule"`
	Why         string            `json:"why"`
	Needs       []string          `json:"needs"` // in doubt: what would decide it
	Alarms      []ledger.Alarm    `json:"alarms"`
	Relay       bool              `json:"relay_excluded"` // it holds against somebody who forges answers as well
	Fence       ledger.Fence      `json:"fence"`
	Stored      bool              `json:"stored"` // nothing was done now
	ID          ledger.ID         `json:"id"`     // on the card and in the journal
	Request     string            `json:"request"`
	Attempt     int               `json:"attempt"`
	Moves       []purseMove       `json:"moves"`
	TMC         *uint32           `json:"tmc"`
	TMV         *ledger.TMV       `json:"tmv"`
	Meta        map[string]string `json:"meta,omitempty"`
	Began       ledger.Time       `json:"began"`
	Terminal    string            `json:"terminal"`
	Policy      ledger.Policy     `json:"policy"`
	Decided     *ledger.Time      `json:"decided"`
}

// purseMove is a movement of one file.
type purseMove struct {
	File   wire.FileNo `json:"file"`
	Kind   string      `json:"kind"` // debit, credit, limited credit
	Amount int32       `json:"amount"`
	Before int32       `json:"before"`
	After  *int32      `json:"after"` // null where it is not known
}

func (a *app) receiptOf(r *ledger.Receipt) purseReceipt {
	e := &r.Entry
	out := purseReceipt{
		cardOf: a.card, Card: e.UID, Application: e.App, Decision: r.Decision(), Rule: r.Rule(), Stored: r.Stored, ID: e.ID, Request: e.Request,
		Attempt: e.Attempt, Meta: e.Meta, Began: e.Began, Terminal: e.Terminal, Policy: e.Policy,
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

// tellReceipt prints what became of a change.
func (a *app) tellReceipt(r *ledger.Receipt) error {
	out := a.receiptOf(r)
	if a.json {
		return a.emit(out)
	}
	p := a.out
	style := map[ledger.Decision]screen.Style{ledger.Happened: p.Good, ledger.DidNot: p.Warn}[out.Decision]
	if out.Decision == ledger.InDoubt {
		style = p.Bad
	}
	for _, m := range out.Moves {
		line := fmt.Sprintf("%s of %d", m.Kind, m.Amount)
		switch {
		case out.Decision == ledger.Happened && m.After != nil:
			line += fmt.Sprintf(", %d -> %d", m.Before, *m.After)
		case m.After != nil:
			line += fmt.Sprintf(", the value is %d", *m.After)
		}
		a.printf("%s: %s\n", style.Render(out.Decision.String()), line)
	}
	const w = 8
	if out.Stored {
		a.row(w, "stored", "it was done before, and nothing was done now")
	}
	a.row(w, "card", out.Card+", "+out.Application)
	a.row(w, "id", out.ID)
	if out.Request != "" {
		a.row(w, "request", fmt.Sprintf("%s, attempt %d", out.Request, out.Attempt))
	}
	a.fold(w, "rule", fmt.Sprintf("%s: %s", out.Rule, cmp.Or(out.Why, out.Rule.Words())))
	if out.TMC != nil && out.TMV != nil {
		a.row(w, "counter", fmt.Sprintf("%d, transaction MAC %v", *out.TMC, *out.TMV))
	}
	switch {
	case out.Decision == ledger.InDoubt:
		for _, n := range out.Needs {
			a.fold(w, "needs", n)
		}
	case out.Rule == ledger.RuleOperator:
		a.row(w, "holds", "as a person's word: no card was asked")
	case out.Relay:
		a.row(w, "holds", policyWords[ledger.Hostile])
	default:
		a.row(w, "holds", policyWords[ledger.Accidents])
	}
	for _, al := range out.Alarms {
		a.fold(w, "alarm", al.What)
	}
	return nil
}

// fold is row with a text that may be long.
func (a *app) fold(width int, name, text string) {
	lines := screen.Wrap(screen.Visible(text), max(a.columns()-width-4, 40))
	for i, line := range lines {
		if i == 0 {
			a.row(width, name, line)
			continue
		}
		a.printf("%s%s\n", strings.Repeat(" ", width+4), line)
	}
}
