package perso

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// specialKeys plans keys of delegation and of virtual cards, of the card or of an
// application: those that the layout lists. The virtual card configuration key is
// the first of its kind, since it changes the others.
func (p *planner) specialKeys(ctx context.Context, place wire.Place, list []KeyWant) error {
	list = slices.Clone(list)
	slices.SortFunc(list, func(x, y KeyWant) int { return int(x.No) - int(y.No) })
	for i := range list {
		if !rekey.Special(list[i].No) {
			continue
		}
		if err := p.special(ctx, slot{place, list[i].No}, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

// specialLack says what a generation lacks for a special key, empty if nothing.
func specialLack(g wire.Generation, no wire.KeyNo) string {
	f := wire.FeatureProximity
	if no <= wire.KeyDAMEnc {
		f = wire.FeatureDelegated
	}
	if g.Has(f) {
		return ""
	}
	return fmt.Sprintf("a card of type %v has no %v", g, f)
}

func (p *planner) special(ctx context.Context, s slot, layout *KeyWant) error {
	w := s.where()
	if reason := specialLack(p.is.Generation, s.no); reason != "" {
		p.impossible(w, "%s", reason)
		return nil
	}
	want, ok, err := p.want(ctx, s)
	if err != nil {
		return err
	}
	told, err := p.specialVersion(ctx, s)
	if err != nil {
		return err
	}
	switch {
	case !ok && layout.Version != nil && told != *layout.Version:
		p.warn(w, "it has version %02X and should have %02X, and the key store does not have it", told, *layout.Version)
		return nil
	case !ok:
		p.warn(w, "the key store does not have it: it stays, with version %02X", told)
		return nil
	case want.key.Type().Wire() != wire.KeyAES:
		p.impossible(w, "the key store has a key of type %v for it, and it is an AES key", want.key.Type())
		return nil
	case layout.Version != nil && *layout.Version != want.key.Version():
		p.warn(w, "the layout says version %02X, the key store has %02X: that one is taken", *layout.Version, want.key.Version())
	}
	list, err := p.candidates(ctx, s)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(list), want.same)
	holds := len(list) > 0 && len(others) == 0
	if !holds && len(others) > 0 && !rekey.Mute(s.no) && told != 0 {
		if holds, err = p.holdsWanted(ctx, s, want, list); err != nil {
			return err
		}
	}
	switch {
	case holds && rekey.Mute(s.no):
		p.keep(w, "version %02X, which is all that a card tells of it", told)
		return nil
	case holds:
		p.keep(w, "version %02X", told)
		return nil
	case len(others) == 0:
		p.impossible(w, "which key the card holds is not known: none that is at hand has the version that it tells, %02X", told)
		return nil
	}
	if reason := want.fixed(); reason != "" {
		p.impossible(w, "%s", reason)
		return nil
	}
	by, ok, err := p.changerOf(ctx, s)
	switch {
	case err != nil:
		return err
	case !ok:
		p.impossible(w, "it is changed with key %d, which is not at hand", uint8(by))
		return nil
	case p.conf.Journal == nil:
		p.warn(w, "to change it a journal is needed")
	}
	if others[0].key.Version() == want.key.Version() {
		p.warn(w, "old and new key have the same version %02X: only a change of it tells them apart", told)
	}
	p.step(Step{
		Where: w, Kind: ChangeKey, Words: fmt.Sprintf("change %v to %s, version %02X", w, want.key.Type(), want.key.Version()), Exchanges: 10,
		do: func(ctx context.Context, r *runner) error { return r.changeSpecial(ctx, s, others[0]) },
	}, who{no: by})
	p.settable[s] = true
	return nil
}

// specialVersion asks for the version of a special key, in a session where one can
// be had.
func (p *planner) specialVersion(ctx context.Context, s slot) (byte, error) {
	if p.fresh[s.place] {
		return 0, nil
	}
	v, err := p.versionIn(ctx, s)
	if err == nil {
		p.version[s] = v
	}
	return v, err
}

// versionIn asks for the version of a key, in a session of the master key where
// one can be had.
func (r *runner) versionIn(ctx context.Context, s slot) (byte, error) {
	if err := r.as(ctx, s.place, who{free: true}, true); err != nil {
		return 0, err
	}
	session, ok := r.card.Session()
	v, err := r.card.KeyVersion(ctx, s.no)
	if inspect.Refused(err) && (!ok || session.Scheme == wire.SchemeD40) {
		r.forget()
		if err := r.plain(ctx, s.place); err != nil {
			return 0, err
		}
		v, err = r.card.KeyVersion(ctx, s.no)
	}
	if errors.As(err, new(*desfire.CommandError)) {
		r.forget()
		return 0, nil // it has none
	}
	return v, err
}

// vcReady reports whether an application may have keys of virtual cards of its own: the
// card takes it only once it has its own configuration key.
func (p *planner) vcReady(ctx context.Context, a *Application) (bool, error) {
	s := slot{wire.Place{}, wire.KeyVCConfig}
	if !a.KeySett3.Has(wire.SettVCKeys) || p.settable[s] {
		return true, nil
	}
	v, err := p.specialVersion(ctx, s)
	if err == nil && v == 0 {
		p.impossible(at(a.Place), "an application may have keys of virtual cards only on a card whose own configuration key is set: list it among the keys of the card")
	}
	return v != 0, err
}

// changerOf is the key that changes a special one: the configuration key of virtual
// cards changes those of its kind, where it is set or will be, else the master key.
func (r *runner) changerOf(ctx context.Context, s slot) (by wire.KeyNo, ok bool, err error) {
	conf := slot{s.place, wire.KeyVCConfig}
	if s.no > conf.no {
		v, known := r.version[conf]
		if !known && !r.fresh[s.place] {
			if v, err = r.versionIn(ctx, conf); err != nil {
				return 0, false, err
			}
			r.version[conf] = v
		}
		list, err := r.candidates(ctx, conf)
		if err != nil || len(list) > 0 && (v != 0 || r.settable[conf]) {
			return conf.no, true, err
		}
	}
	ok, err = r.atHand(ctx, slot{s.place, 0})
	return 0, ok, err
}

// changeSpecial changes a special key from old, as far as it is known.
func (r *runner) changeSpecial(ctx context.Context, s slot, old held) error {
	want, ok, err := r.want(ctx, s)
	if err != nil || !ok {
		return err
	}
	if r.conf.Journal == nil {
		return errNoJournal
	}
	by, ok, err := r.changerOf(ctx, s)
	if err != nil {
		return err
	}
	if !ok {
		return &KeyError{Where: s.where(), Reason: "no key that changes it is at hand"}
	}
	with := slot{s.place, by}
	if err := r.enter(ctx, s.place, by); err != nil {
		return err
	}
	outcome, err := rekey.Run(ctx, r.card, &rekey.Change{
		Place: s.place, No: s.no, Old: old.key, New: want.key, OldSource: old.source, NewSource: want.source,
		With: r.proved[with].key, WithNo: by, Journal: r.conf.Journal, Budget: r.conf.Budget,
		Force: old.key.Version() == want.key.Version(), // the plan has said so
	})
	r.forget()
	if outcome == rekey.Done || outcome == rekey.Already {
		r.proved[s], r.version[s] = want, want.key.Version()
	}
	return err
}
