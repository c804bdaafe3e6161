package perso

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// settleJournal finds out what became of key changes of this card that the
// journal left open, where it tells what it holds and both keys are at hand: a
// card that was lost in the middle of one, or a program that ended there.
func (r *runner) settleJournal(ctx context.Context) error {
	history, ok := r.conf.Journal.(rekey.History)
	if !ok {
		return nil
	}
	entries, err := history.Entries(ctx)
	if err != nil {
		return fmt.Errorf("perso: the journal cannot be read: %w", err)
	}
	for i, open := range rekey.OpenEntries(entries) {
		e := &entries[i]
		if !open || e.Card != r.uid.String() || e.Set != 0 {
			continue
		}
		place, ok := r.placeOf(e)
		if !ok {
			continue
		}
		s := slot{place, e.No}
		old, next, ok, err := r.keysOf(ctx, s, e)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		ch := &rekey.Change{
			Place: place, No: e.No, Old: old.key, New: next.key, OldSource: old.source, NewSource: next.source,
			Journal: r.conf.Journal, Budget: r.budget(),
		}
		if rekey.Special(e.No) {
			if ok, err := r.changedBy(ctx, s, ch); err != nil {
				return err
			} else if !ok {
				continue
			}
		}
		found, _, err := rekey.Settle(ctx, r.card, ch)
		r.forget()
		switch {
		case errors.As(err, new(*rekey.UntoldError)):
			continue // changing it again finds out
		case err != nil && !inspect.Refused(err):
			return fmt.Errorf("perso: %v: what became of a change that the journal left open: %w", s.where(), err)
		case err != nil:
			continue // neither key is there: the plan says so
		case found.IsNew:
			r.proved[s] = next
		default:
			r.proved[s] = old
		}
	}
	return nil
}

// changedBy puts the key that changes a special key into a change; ok is false if it
// is not at hand.
func (r *runner) changedBy(ctx context.Context, s slot, ch *rekey.Change) (ok bool, err error) {
	by, ok, err := r.changerOf(ctx, s)
	if err != nil || !ok {
		return false, err
	}
	err = r.enter(ctx, s.place, by)
	if isKeyError(err) || inspect.Refused(err) {
		r.forget()
		return false, nil
	}
	ch.With, ch.WithNo = r.proved[slot{s.place, by}].key, by
	return err == nil, err
}

// placeOf is the place of the layout that an entry of a journal is about.
func (r *runner) placeOf(e *rekey.Entry) (wire.Place, bool) {
	places := []wire.Place{{}}
	for i := range r.layout.Applications {
		places = append(places, r.layout.Applications[i].Place)
	}
	for _, p := range places {
		if at, err := p.On(r.card.Generation()); err == nil && at.AID == e.App && fmt.Sprintf("%X", at.Name) == e.Name {
			return p, true
		}
	}
	return wire.Place{}, false
}

// keysOf are the two keys of an entry, if both are at hand.
func (r *runner) keysOf(ctx context.Context, s slot, e *rekey.Entry) (old, new held, ok bool, err error) {
	list, err := r.explicit(ctx, s)
	if err != nil {
		return old, new, false, err
	}
	first, err := r.initials(ctx, s)
	if err != nil {
		return old, new, false, err
	}
	is := func(f keystore.Facts) (held, bool) {
		for _, h := range append(list, first...) {
			if facts := keystore.FactsOf(h.key, ""); f.Same(facts) {
				return h, true
			}
		}
		return held{}, false
	}
	old, hasOld := is(e.Old)
	new, hasNew := is(e.New)
	return old, new, hasOld && hasNew, nil
}
