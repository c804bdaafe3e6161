package perso

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// keyVersionInSet is the version of a key of a set of the selected application.
func (r *runner) keyVersionInSet(ctx context.Context, set wire.KeySetNo, no wire.KeyNo) (byte, error) {
	v, err := desfire.Do(ctx, r.card, &wire.GetKeyVersion{Key: no, WithSet: true, Set: set})
	if err != nil {
		return 0, err
	}
	if len(v.Versions) != 1 {
		return 0, fmt.Errorf("perso: the card tells %d versions of one key", len(v.Versions))
	}
	return byte(v.Versions[0]), nil
}

// loadKeySet initialises a set, fills it and closes it. Until it is closed nothing of it
// counts, so that it can be done again from the start.
func (r *runner) loadKeySet(ctx context.Context, l *keySetLoad) error {
	if err := r.enter(ctx, l.place, 0); err != nil {
		return err
	}
	if _, err := desfire.Do(ctx, r.card, &wire.InitializeKeySet{Set: l.set, Type: wire.KeySetType(l.typ)}); err != nil {
		return err
	}
	for no := range wire.KeyNo(l.count) {
		if k, ok := l.keys[no]; ok {
			if err := r.fillKey(ctx, l, no, k); err != nil {
				return fmt.Errorf("key %d of set %d: %w", uint8(no), l.set, err)
			}
		}
	}
	if err := r.enter(ctx, l.place, 0); err != nil {
		return err
	}
	_, err := desfire.Do(ctx, r.card, &wire.FinalizeKeySet{Set: l.set, Version: l.version})
	return err
}

// fillKey changes a key of a set from what the card put there: sources differ on
// whether that is the default key or the active set's, and its version may not tell.
func (r *runner) fillKey(ctx context.Context, l *keySetLoad, no wire.KeyNo, k held) error {
	by := l.by[no]
	if err := r.enter(ctx, l.place, by); err != nil {
		return err
	}
	told, err := r.keyVersionInSet(ctx, l.set, no)
	if err != nil {
		return err
	}
	list, err := r.beginsWith(ctx, l, no, told)
	if err != nil {
		return err
	}
	err = &KeyError{Where: at(l.place).key(no), Reason: fmt.Sprintf("what the card put into key set %d is not known: no key that is at hand has version %02X", l.set, told)}
	for _, initial := range list {
		if e := r.enter(ctx, l.place, by); e != nil {
			return e
		}
		err = r.card.ChangeKeyInSet(ctx, l.set, no, k.key, initial)
		if err == nil || !errors.Is(err, wire.StatusIntegrityError) {
			return err
		}
		r.forget() // the session is gone
	}
	return err
}

// beginsWith are the keys that a card may have put into a set, by their version.
func (r *runner) beginsWith(ctx context.Context, l *keySetLoad, no wire.KeyNo, told byte) (list []key.Key, err error) {
	add := func(h held) {
		same := func(k key.Key) bool { return held{key: k}.same(h) }
		if h.key.Type().Wire() == l.typ && h.key.Version() == told && !slices.ContainsFunc(list, same) {
			list = append(list, h.key)
		}
	}
	for _, store := range []keystore.Store{r.conf.Want, r.conf.Have} {
		k, source, ok, err := take(ctx, store, r.defaultRef())
		if err != nil {
			return nil, err
		}
		if ok {
			add(held{k, source, initial})
		}
	}
	add(held{key: zeroKey(l.typ)})
	active, err := r.candidates(ctx, slot{l.place, no})
	for _, h := range active {
		add(h)
	}
	return list, err
}

// rollTo loads a key set and makes it the active one. The journal gets every key that
// changes by that, and each is proved afterwards: the answer to RollKeySet has no MAC.
func (r *runner) rollTo(ctx context.Context, ro *rotation) error {
	if r.conf.Journal == nil {
		return errNoJournal
	}
	// A set that was loaded before is not taken: what it holds nothing proves.
	if err := r.loadKeySet(ctx, &ro.keySetLoad); err != nil {
		return err
	}
	if err := r.enter(ctx, ro.place, ro.rollKey); err != nil {
		return err
	}
	for _, no := range ro.changed {
		if err := r.conf.Journal.Record(ctx, r.entryOf(ro, no, rekey.Begun)); err != nil {
			return fmt.Errorf("perso: nothing was changed: the journal cannot be written: %w", err)
		}
	}
	said := r.card.RollKeySet(ctx, ro.set)
	r.forget()
	for no := range wire.KeyNo(ro.count) {
		s := slot{ro.place, no}
		delete(r.proved, s)
		delete(r.version, s)
		delete(r.failed, s)
	}
	after := context.WithoutCancel(ctx)
	rolled := false
	for _, no := range ro.changed {
		found, err := rekey.Find(after, r.card, &rekey.Change{Place: ro.place, No: no, Old: ro.old[no].key, New: ro.keys[no].key, Budget: r.budget()})
		if err == nil {
			err = r.sameCard(after)
		}
		r.forget()
		state := rekey.Unchanged
		switch {
		case err != nil:
			state = rekey.Unknown
		case found.IsNew:
			state, rolled = rekey.Changed, true
			r.proved[slot{ro.place, no}] = ro.keys[no]
		}
		if e := r.conf.Journal.Record(after, r.entryOf(ro, no, state)); e != nil {
			return fmt.Errorf("perso: %v: the journal does not say what became of it: %w", at(ro.place).key(no), e)
		}
		if err != nil {
			return &desfire.OutcomeUnknownError{Command: "RollKeySet", Err: errors.Join(said, err)}
		}
	}
	switch {
	case !rolled && said != nil:
		return fmt.Errorf("perso: nothing was changed, the card proved its old keys: %w", said)
	case !rolled:
		return errors.New("perso: the card, or somebody in its name, said that it changed to the new key set, and holds the old keys")
	}
	return nil
}

// entryOf is what the journal says of a key that rolling changes.
func (r *runner) entryOf(ro *rotation, no wire.KeyNo, state rekey.State) rekey.Entry {
	on := ro.place
	if p, err := ro.place.On(r.card.Generation()); err == nil {
		on = p
	}
	return rekey.Entry{
		Time: time.Now().UTC(), Card: r.uid.String(), App: on.AID, Name: fmt.Sprintf("%X", on.Name), No: no, State: state,
		Old: keystore.FactsOf(ro.old[no].key, ro.old[no].source), New: keystore.FactsOf(ro.keys[no].key, ro.keys[no].source),
	}
}

// keySets compares the key sets that are not active: by versions, which is all that a
// card tells of them.
func (v *verifier) keySets(ctx context.Context, a *Application) error {
	if len(a.Sets) == 0 {
		return nil
	}
	versions, err := v.setVersions(ctx, a.Place)
	if err != nil {
		return err
	}
	for i := range a.Sets {
		s := &a.Sets[i]
		if err := v.keySet(ctx, a, s, versions); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) keySet(ctx context.Context, a *Application, s *KeySetWant, versions []wire.KeyVersion) error {
	w, what := at(a.Place), fmt.Sprintf("key set %d", s.Set)
	switch {
	case versions == nil:
		v.unproven(w, what, "the application does not tell its key sets")
		return nil
	case int(s.Set) >= len(versions):
		v.differ(w, what, "missing", "there")
		return nil
	case versions[s.Set] != s.Version:
		v.differ(w, what, fmt.Sprintf("version %v", versions[s.Set]), fmt.Sprintf("version %v", s.Version))
		return nil
	}
	for no := range wire.KeyNo(a.KeyCount) {
		want := wantOf(s.Keys, no).Version
		k, _, ok, err := take(ctx, v.conf.Want, s.ref(a.Place, no, v.uid))
		if err != nil {
			return err
		}
		if ok {
			version := k.Version()
			want = &version
		}
		if want == nil {
			continue
		}
		is, told, err := v.versionInSet(ctx, a.Place, s.Set, no)
		if err != nil {
			return err
		}
		if told && is != *want {
			v.differ(w.key(no), "key version in "+what, fmt.Sprintf("%02X", is), fmt.Sprintf("%02X", *want))
		}
	}
	v.unproven(w, what, "nobody can authenticate with its keys before it is the active one: its versions are right")
	return nil
}
