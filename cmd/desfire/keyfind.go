package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) keyFindCommand() *cobra.Command {
	var v keyChangeVerb
	cmd := &cobra.Command{
		Use:   "find APP KEYNO --old KEY --new KEY",
		Short: "Tell which of two keys a card holds, after a change without an answer",
		Long: `Tell which of two keys a card holds, by authenticating with it. The version, which
is free to read, says which one to try first, and at most --budget attempts may
fail: DESFire EV3, DESFire Light and NTAG 424 DNA can count them. If the journal
has a change of this key that is open, it is told.

` + helpLevel,
		Args:    wants("APP", "KEYNO"),
		Example: "  desfire key find 121314 0 --old @old.key --new @new.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.read(a, cmd, args, false); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return v.find(ctx, a, card)
			})
		},
	}
	v.register(cmd)
	return cmd
}

// keyFindResult is what key find prints with --json.
type keyFindResult struct {
	Card        string           `json:"card"`
	Application wire.AID         `json:"application"`
	Key         wire.KeyNo       `json:"key"`
	Holds       string           `json:"holds"` // old, new
	Facts       desfire.KeyFacts `json:"facts"`
	Settled     bool             `json:"settled"` // an open entry of the journal
}

func (v *keyChangeVerb) find(ctx context.Context, a *app, c *desfire.Card) error {
	if err := v.l.check(c); err != nil {
		return err
	}
	holds, err := c.FindKey(ctx, v.change(nil))
	switch {
	case errors.Is(err, wire.StatusApplicationNotFound):
		return &noApplicationError{v.l.aid, err}
	case err != nil:
		return v.explain(err, "")
	}
	r := keyFindResult{Card: c.String(), Application: v.l.aid, Key: v.no, Holds: "old", Facts: v.old.facts()}
	if holds == key.Key(v.new.key) {
		r.Holds, r.Facts = "new", v.new.facts()
	}
	if r.Settled, err = v.settle(ctx, c, r.Holds == "new"); err != nil {
		a.log.Warn("the journal could not be told", "err", oneLine(err))
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s holds the %s key %d of %v: %s\n", a.out.title.Render(r.Card), a.out.good.Render(r.Holds), v.no, v.l, describeKey(a.out, r.Facts))
	if r.Settled {
		a.printf("%s\n", a.out.dim.Render("  the open change in "+v.journal+" is settled"))
	}
	return nil
}

// settle tells the journal the outcome of a change of this key that is open.
func (v *keyChangeVerb) settle(ctx context.Context, c *desfire.Card, isNew bool) (bool, error) {
	entries, _, err := readJournal(v.journal)
	if err != nil || len(entries) == 0 {
		return false, err
	}
	uid := c.UID()
	if uid == nil {
		if uid, err = c.CardUID(ctx); err != nil {
			return false, err
		}
	}
	old, new := desfire.FactsOf(v.old.key, ""), desfire.FactsOf(v.new.key, "")
	for _, e := range entries {
		o, n := e.Old, e.New
		o.Ref, n.Ref = "", ""
		if !e.Open || e.Card != fmt.Sprintf("%X", uid) || e.App != v.l.aid || e.No != v.no || o != old || n != new {
			continue
		}
		j, err := openJournal(v.journal)
		if err != nil {
			return false, err
		}
		defer j.Close()
		done := e.KeyJournalEntry
		done.State = desfire.KeyChangeUndone
		if isNew {
			done.State = desfire.KeyChangeDone
		}
		return true, j.recordNow(ctx, done)
	}
	return false, nil
}
