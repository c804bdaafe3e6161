package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	ledger "github.com/go-desfire/desfire/purse"
)

// purseReceipt is what the verbs of a purse print of one change with --json.
type purseReceipt struct {
	cardOf
	ledger.Statement
}

func (a *app) receiptOf(r *ledger.Receipt) purseReceipt { return purseReceipt{a.card, r.Statement()} }

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
