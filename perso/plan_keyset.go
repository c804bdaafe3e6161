package perso

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// keySetLoad is a key set that is to be filled.
type keySetLoad struct {
	place   wire.Place
	set     wire.KeySetNo
	version wire.KeyVersion
	typ     wire.KeyType
	keys    map[wire.KeyNo]held // of those that the store has
	count   int                 // of keys
	by      map[wire.KeyNo]wire.KeyNo
}

// ref names a key of a set in a store.
func (s *KeySetWant) ref(p wire.Place, no wire.KeyNo, uid keystore.UID) keystore.Ref {
	if w := wantOf(s.Keys, no); w.Ref != nil {
		return w.ref(p, uid)
	}
	return keystore.Ref{UID: uid, Place: p, Key: keystore.InSet(s.Set, no)}
}

// keySets plans the key sets of an application that are not active. now are its
// settings, nil if they are not known.
func (p *planner) keySets(ctx context.Context, a *Application, now *wire.KeySett1) error {
	if len(a.Sets) == 0 {
		return nil
	}
	var versions []wire.KeyVersion
	if !p.fresh[a.Place] {
		var err error
		if versions, err = p.setVersions(ctx, a.Place); err != nil {
			return err
		}
	}
	for i := range a.Sets {
		if err := p.keySet(ctx, a, &a.Sets[i], versions, now); err != nil {
			return err
		}
	}
	return nil
}

// setVersions asks for the versions of all key sets, that of the active one first. It
// is nil where the application tells none.
func (r *runner) setVersions(ctx context.Context, place wire.Place) ([]wire.KeyVersion, error) {
	if err := r.as(ctx, place, who{free: true}, true); err != nil {
		return nil, err
	}
	versions, err := r.card.KeySetVersions(ctx)
	if inspect.Refused(err) {
		r.forget()
		return nil, nil
	}
	return versions, err
}

func (p *planner) keySet(ctx context.Context, a *Application, s *KeySetWant, versions []wire.KeyVersion, now *wire.KeySett1) error {
	w := at(a.Place)
	if !p.fresh[a.Place] && int(s.Set) >= len(versions) {
		p.impossible(w, "it has no key set %d: only deleting it would help", s.Set)
		return nil
	}
	load := keySetLoad{place: a.Place, set: s.Set, version: s.Version, typ: s.Type.Wire(), keys: map[wire.KeyNo]held{}, count: a.KeyCount}
	var missing []wire.KeyNo
	for no := range wire.KeyNo(a.KeyCount) {
		ref := s.ref(a.Place, no, p.uid)
		k, source, ok, err := take(ctx, p.conf.Want, ref)
		layout := wantOf(s.Keys, no)
		switch {
		case err != nil:
			return err
		case !ok:
			missing = append(missing, no)
			continue
		case k.Type().Wire() != load.typ:
			p.impossible(w, "the key store has a key of type %v for key %d of set %d, which has keys of type %v", k.Type(), no, s.Set, s.Type)
			return nil
		case layout.Version != nil && *layout.Version != k.Version():
			p.warn(w, "the layout says version %02X of key %d of set %d, the key store has %02X: that one is taken", *layout.Version, no, s.Set, k.Version())
		}
		h := held{k, source, wanted}
		if reason := h.fixed(); reason != "" {
			p.impossible(w, "key %d of set %d: %s", no, s.Set, reason)
			return nil
		}
		load.keys[no] = h
	}
	if len(missing) > 0 {
		p.warn(w, "set %d: the key store does not have %s: they stay what the card puts there", s.Set, keyNumbers(missing))
	}
	if !p.fresh[a.Place] && versions[s.Set] == s.Version {
		same, err := p.setHolds(ctx, &load)
		if err != nil {
			return err
		}
		if same {
			p.keep(w, "key set %d, version %v, by the versions of its keys", s.Set, s.Version)
			return nil
		}
	}
	if ok, err := p.mayLoad(ctx, &load, now); err != nil || !ok {
		return err
	}
	p.step(Step{
		Where: w, Kind: LoadKeySet, Name: fmt.Sprint(s.Set), Words: fmt.Sprintf("load key set %d of %v with %s, version %v", s.Set, w, plural(len(load.keys), s.Type.String()+" key"), s.Version),
		Exchanges: load.exchanges(p.login()), Replaces: !p.fresh[a.Place] && versions[s.Set] != 0,
		do: func(ctx context.Context, r *runner) error { return r.loadKeySet(ctx, &load) },
	}, who{no: 0})
	return nil
}

// exchanges is what loading takes: each key is asked for and changed, in a session of
// the key that changes it.
func (l *keySetLoad) exchanges(login int) int {
	n, as := 2, wire.KeyNo(0)
	enter := func(no wire.KeyNo) {
		if no != as {
			n += 1 + login
			as = no
		}
	}
	for no := range wire.KeyNo(l.count) {
		if _, ok := l.keys[no]; ok {
			enter(l.by[no])
			n += 2
		}
	}
	enter(0)
	return n
}

// setHolds reports whether the keys of a set have the versions of those that it shall
// hold. Nothing else is told of keys of a set that is not active.
func (r *runner) setHolds(ctx context.Context, l *keySetLoad) (bool, error) {
	for no, k := range l.keys {
		v, ok, err := r.versionInSet(ctx, l.place, l.set, no)
		if err != nil || !ok || v != k.key.Version() {
			return false, err
		}
	}
	return true, nil
}

func (r *runner) versionInSet(ctx context.Context, place wire.Place, set wire.KeySetNo, no wire.KeyNo) (v byte, ok bool, err error) {
	if err := r.as(ctx, place, who{free: true}, true); err != nil {
		return 0, false, err
	}
	told, err := r.keyVersionInSet(ctx, set, no)
	if inspect.Refused(err) {
		r.forget()
		return 0, false, nil
	}
	return told, err == nil, err
}

// mayLoad finds who changes each key of a set, as of the active one.
func (p *planner) mayLoad(ctx context.Context, l *keySetLoad, now *wire.KeySett1) (bool, error) {
	w := at(l.place)
	settings := wire.SettDefault
	if now != nil {
		settings = *now
	}
	l.by = map[wire.KeyNo]wire.KeyNo{}
	need := []wire.KeyNo{0}
	for no := range l.keys {
		by, frozen := rekey.Changer(settings, no)
		if frozen {
			p.impossible(w, "key set %d: all keys but the master key are frozen", l.set)
			return false, nil
		}
		l.by[no] = by
		need = append(need, by)
	}
	for _, no := range need {
		if hand, err := p.atHand(ctx, slot{l.place, no}); err != nil || !hand {
			p.impossible(w, "key set %d is loaded with key %d, which is not at hand", l.set, uint8(no))
			return false, err
		}
	}
	return true, nil
}

// rotateSet plans new keys for an application that has key sets: a set that is not
// active is loaded with all its keys and becomes the active one, so that they change
// together.
func (p *planner) rotateSet(ctx context.Context, a *Application, is *inspect.Application, now *wire.KeySett1) error {
	w := at(a.Place)
	versions, err := p.setVersions(ctx, a.Place)
	if err != nil {
		return err
	}
	if len(versions) < 2 {
		p.impossible(w, "it does not tell its key sets")
		return nil
	}
	ro, reasons, err := p.rotation(ctx, a, versions)
	switch {
	case err != nil:
		return err
	case len(reasons) > 0:
		p.impossible(w, "%s", strings.Join(reasons, "; "))
		return nil
	case len(ro.changed) == 0:
		p.keep(w, "its keys")
		return nil
	}
	if sets := is.KeySettings.Sets; sets != nil {
		ro.rollKey = wire.KeyNo(sets.RollKey)
	}
	if hand, err := p.atHand(ctx, slot{a.Place, ro.rollKey}); err != nil || !hand {
		p.impossible(w, "key %d makes another set the active one, and is not at hand", uint8(ro.rollKey))
		return err
	}
	if ok, err := p.mayLoad(ctx, &ro.keySetLoad, now); err != nil || !ok {
		return err
	}
	if p.conf.Journal == nil {
		p.warn(w, "to change its keys a journal is needed")
	}
	p.step(Step{
		Where: w, Kind: RollKeySet, Name: fmt.Sprint(ro.set), Words: fmt.Sprintf("load key set %d of %v with its new keys, version %v, and make it the active one: %s", ro.set, w, ro.version, keyNumbers(ro.changed)),
		Exchanges: ro.exchanges(p.login()) + 5 + 4*len(ro.changed),
		do:        func(ctx context.Context, r *runner) error { return r.rollTo(ctx, ro) },
	}, who{no: 0})
	return nil
}

// rotation is a key set that becomes the active one.
type rotation struct {
	keySetLoad
	changed []wire.KeyNo
	old     map[wire.KeyNo]held // what the active set holds
	rollKey wire.KeyNo
}

// rotation finds the new keys of an application, which of them the card does not hold,
// and a set for them: the oldest one. reasons say why it cannot be done.
func (p *planner) rotation(ctx context.Context, a *Application, versions []wire.KeyVersion) (ro *rotation, reasons []string, err error) {
	ro = &rotation{keySetLoad: keySetLoad{place: a.Place, typ: a.KeyType, keys: map[wire.KeyNo]held{}, count: a.KeyCount}, old: map[wire.KeyNo]held{}}
	for no := range wire.KeyNo(a.KeyCount) {
		s := slot{a.Place, no}
		want, ok, err := p.want(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		if ok && want.key.Type().Wire() != a.KeyType {
			reasons = append(reasons, fmt.Sprintf("the key store has a key of type %v for key %d", want.key.Type(), uint8(no)))
			continue
		}
		now, found, err := p.present(ctx, s)
		switch {
		case err != nil:
			return nil, nil, err
		case !found:
			reasons = append(reasons, fmt.Sprintf("which key %d the card holds is not known: none that is at hand is it", uint8(no)))
			continue
		case !ok: // it stays, in the new set as well
			want = now
		}
		ro.old[no], ro.keys[no] = now, want
		if !now.same(want) {
			ro.changed = append(ro.changed, no)
		}
	}
	ro.set = 1
	for i := 2; i < len(versions); i++ {
		if versions[i] < versions[ro.set] {
			ro.set = wire.KeySetNo(i)
		}
	}
	active := versions[0]
	ro.version = active + 1
	if a.KeySets.AKSVersion > active {
		ro.version = a.KeySets.AKSVersion
	}
	if active == 0xFF {
		reasons = append(reasons, "the active key set has version FF, and another can become the active one only with a greater version")
	}
	return ro, reasons, nil
}

// present is the key that a slot holds: the one of its version, proved where several
// have that.
func (p *planner) present(ctx context.Context, s slot) (held, bool, error) {
	list, err := p.candidates(ctx, s)
	if err != nil || len(list) == 0 {
		return held{}, false, err
	}
	if len(list) == 1 {
		return list[0], true, nil
	}
	err = p.enter(ctx, s.place, s.no)
	if isKeyError(err) {
		return held{}, false, nil
	}
	h, ok := p.proved[s]
	return h, ok, err
}
