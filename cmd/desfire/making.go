package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/rekey"
	"github.com/spf13/cobra"
)

// making is one card that is made what a layout says: the plan, which is shown
// first, its steps, and the comparison at the end. If the card leaves in the
// middle it goes on with the same one when that is back.
type making struct {
	*app
	cmd   *cobra.Command
	doing string // what progress calls it
	again string // the command that goes on

	conf   *perso.Config
	find   func(ctx context.Context, card *desfire.Card) (*perso.Layout, error) // what the card should be
	show   func(card *desfire.Card) error                                       // prints the plan, and refuses what must not be
	result func(list []perso.Difference) error                                  // says how it went

	given  *perso.Plan // made before; nil: the card is asked what is to be done
	layout *perso.Layout
	plan   *perso.Plan // nil until it was shown
	agreed bool        // to do it
	done   int         // steps that were begun
}

// maxStalls is how often a card may fail without any progress.
const maxStalls = 5

// run works on a card, and goes on with the same one when it is back.
func (m *making) run() error {
	asked := m.uid
	defer func() { m.uid = asked }()
	for stalls, before := 0, 0; ; {
		err := m.withCard(m.cmd, m.step)
		switch {
		case m.done > before:
			stalls, before = 0, m.done
		default:
			stalls++
		}
		if !desfire.Lost(err) || m.present != nil || m.cmd.Context().Err() != nil || stalls > maxStalls {
			return m.ended(err)
		}
		m.log.Warn("Lost the card: put it back", "card", m.cardName(), "err", text(err))
		if m.plan != nil && len(m.card.UID) > 0 { // else the plan knows the card in a session
			m.uid = fmt.Sprintf("%X", []byte(m.card.UID))
		}
		select {
		case <-time.After(time.Duration(stalls) * 50 * time.Millisecond):
		case <-m.cmd.Context().Done():
			return m.ended(m.cmd.Context().Err())
		}
	}
}

// ended says of an error how to go on.
func (m *making) ended(err error) error {
	var wrong *perso.WrongCardError
	switch {
	case err == nil, m.done == 0, errors.As(err, &wrong) && wrong.Want != wrong.Is, exitCode(context.Background(), err) == exitDiffers:
		return err
	case errors.As(err, new(*perso.KeyError)):
		return advise(err, "What was done before it stays. With the right key in the keyring the same command goes on: %s.", m.again)
	case errors.Is(err, context.Canceled) && m.cmd.Context().Err() != nil:
	case exitCode(context.Background(), err) == exitNoCard: // it is made in part
		err = withCode(exitUnknown, err)
	}
	return advise(err, "The card is made in part. Present it again, and the same command goes on: %s.", m.again)
}

// step is one attempt: the plan first, unless there is one, then what is left of
// it.
func (m *making) step(ctx context.Context, card *desfire.Card) error {
	if m.plan == nil {
		layout, err := m.find(ctx, card)
		if err != nil {
			return err
		}
		plan, err := m.planned(ctx, card, layout)
		if err != nil {
			return err
		}
		m.layout, m.plan = layout, plan
		m.identified(plan)
		if err := m.show(card); err != nil {
			return err
		}
	}
	if m.dryRun {
		return nil
	}
	if !m.agreed && len(m.plan.Steps) > 0 {
		if err := m.confirm(m.cmd, "Do this with the card?"); err != nil {
			return err
		}
	}
	m.agreed = true
	progress := m.progress(m.doing)
	defer progress.End()
	m.conf.OnStep = func(p perso.Progress) {
		m.done++
		progress.At(p.N-1, p.Of)
		m.log.Debug(p.Step.Words, "step", p.N, "of", p.Of)
	}
	if err := m.plan.Apply(ctx, card, m.conf); err != nil {
		return err
	}
	progress.End()
	progress = m.progress("reading back")
	progress.At(0, 0)
	list, err := perso.Verify(ctx, card, m.layout, m.conf)
	if err != nil {
		return err
	}
	return m.result(list)
}

// planned is the plan for a card.
func (m *making) planned(ctx context.Context, card *desfire.Card, layout *perso.Layout) (*perso.Plan, error) {
	if m.given == nil {
		return perso.NewPlan(ctx, card, layout, m.conf)
	}
	if uid := card.UID(); uid != nil && !bytes.Equal(uid, m.given.UID) {
		return nil, &perso.WrongCardError{Want: fmt.Sprintf("%X", []byte(m.given.UID)), Is: fmt.Sprintf("%X", uid)}
	}
	return m.given, nil
}

// identified notes the identifier of a card that tells it in a session only.
func (a *app) identified(plan *perso.Plan) {
	if len(a.card.UID) == 0 {
		a.card.UID = hexBytes(plan.UID)
	}
}

// keyJournal opens the journal of a verb that changes keys, path or the usual one;
// that of a dry run takes no entry. done closes it.
func (a *app) keyJournal(path string) (j rekey.Journal, done func(), err error) {
	if a.dryRun {
		return noJournal{}, func() {}, nil
	}
	if path == "" {
		if path, err = defaultJournal(); err != nil {
			return nil, nil, err
		}
	}
	file, err := openJournal(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the journal cannot be written, so no key is changed: %w", err)
	}
	return file, func() { _ = file.Close() }, nil
}

// noJournal is the journal of a dry run.
type noJournal struct{}

// Record implements rekey.Journal.
func (noJournal) Record(context.Context, rekey.Entry) error {
	return errors.New("a dry run changes nothing")
}

// keyJournalFlag adds --journal, of key changes.
func keyJournalFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "journal", "", "`FILE` for the journal of key changes (default key-journal.jsonl in the user's configuration folder)")
}
