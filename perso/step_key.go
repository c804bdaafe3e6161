package perso

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// changeKey changes a key by rekey. need is the key that authenticates it.
func (r *runner) changeKey(ctx context.Context, s slot, need wire.KeyNo) error {
	want, ok, err := r.want(ctx, s)
	if err != nil || !ok {
		return err
	}
	if r.conf.Journal == nil {
		return errNoJournal
	}
	old, err := r.holds(ctx, s, want)
	if err != nil {
		return err
	}
	if old.same(want) {
		return nil
	}
	ch := &rekey.Change{
		Place: s.place, No: s.no, Old: old.key, New: want.key, OldSource: old.source, NewSource: want.source,
		Journal: r.conf.Journal, Budget: r.conf.Budget,
		// What the plan has said already: versions that are the same, another
		// type of the PICC master key. What it refuses does not come here.
		Force: old.key.Version() == want.key.Version() || old.key.Type().Wire() != want.key.Type().Wire(),
	}
	if need != s.no {
		with := slot{s.place, need}
		if err := r.enter(ctx, s.place, need); err != nil {
			return err
		}
		ch.With, ch.WithNo = r.proved[with].key, need
	}
	outcome, err := rekey.Run(ctx, r.card, ch)
	r.forget()
	if outcome == rekey.Done || outcome == rekey.Already {
		r.proved[s], r.version[s] = want, want.key.Version()
		if s.place.IsCard() {
			delete(r.types, s.place)
		}
	}
	return err
}

// holds is the key that a slot holds, as far as it is known without changing
// anything.
func (r *runner) holds(ctx context.Context, s slot, want held) (held, error) {
	if h, ok := r.proved[s]; ok {
		return h, nil
	}
	list, err := r.candidates(ctx, s)
	if err != nil {
		return held{}, err
	}
	others := slices.DeleteFunc(slices.Clone(list), want.same)
	if len(others) == 1 { // rekey finds out whether it is this one or the wanted
		return others[0], nil
	}
	if err := r.enter(ctx, s.place, s.no); err != nil {
		return held{}, err
	}
	h, ok := r.proved[s]
	if !ok {
		return held{}, &KeyError{Where: s.where(), Reason: "which key the card holds is not known", Err: fmt.Errorf("%d would do", len(list))}
	}
	return h, nil
}
