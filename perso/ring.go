package perso

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// slot is where a key is.
type slot struct {
	place wire.Place
	no    wire.KeyNo
}

func (s slot) where() Where { return at(s.place).key(s.no) }

// held is a key that a card may hold.
type held struct {
	key    key.Key
	source string
	origin origin
}

// origin is where a key is known from.
type origin uint8

const (
	wanted  origin = iota // Config.Want
	present               // Config.Have
	initial               // what a card or an application begins with
)

func (h held) same(o held) bool {
	return h.key.Type().Wire() == o.key.Type().Wire() && h.key.CheckValue() == o.key.CheckValue() && h.key.Version() == o.key.Version()
}

// ring knows which keys a card may hold, and which it has proved.
type ring struct {
	conf    *Config
	uid     keystore.UID
	layout  *Layout
	types   map[wire.Place]wire.KeyType
	count   map[wire.Place]int  // of keys
	fresh   map[wire.Place]bool // made by this run: its keys are the initial ones
	version map[slot]byte       // told by the card
	proved  map[slot]held
	failed  map[slot]int

	settable map[slot]bool // special keys that this run sets
}

func newRing(conf *Config, layout *Layout) *ring {
	return &ring{
		conf: conf, layout: layout, types: map[wire.Place]wire.KeyType{}, count: map[wire.Place]int{{}: 1}, fresh: map[wire.Place]bool{},
		version: map[slot]byte{}, proved: map[slot]held{}, failed: map[slot]int{},
		settable: map[slot]bool{},
	}
}

func (r *ring) budget() int {
	if r.conf.Budget > 0 {
		return r.conf.Budget
	}
	return 2
}

// wants is what the layout says of a key.
func (r *ring) wants(s slot) KeyWant {
	if s.place.IsCard() {
		if r.layout.Card == nil {
			return KeyWant{No: s.no}
		}
		return wantOf(r.layout.Card.Keys, s.no)
	}
	for i := range r.layout.Applications {
		if a := &r.layout.Applications[i]; a.Place == s.place {
			if rekey.Special(s.no) {
				return wantOf(a.VCKeys, s.no)
			}
			return wantOf(a.Keys, s.no)
		}
	}
	return KeyWant{No: s.no}
}

// take gets a key of a store; ok is false where it has none.
func take(ctx context.Context, store keystore.Store, ref keystore.Ref) (k key.Key, source string, ok bool, err error) {
	if store == nil {
		return nil, "", false, nil
	}
	facts, ok, err := store.Has(ctx, ref)
	if err != nil || !ok {
		return nil, "", false, err
	}
	if k, err = store.Key(ctx, ref); errors.Is(err, keystore.ErrNoUID) && ref.UID == "" {
		return nil, "", false, nil // which card it is, another key must tell
	} else if err != nil {
		return nil, "", false, fmt.Errorf("perso: %s: %w", ref.Words(), err)
	}
	return k, facts.Source, true, nil
}

// want is the key that a slot shall hold; ok is false where it stays.
func (r *ring) want(ctx context.Context, s slot) (h held, ok bool, err error) {
	w := r.wants(s)
	k, source, ok, err := take(ctx, r.conf.Want, w.ref(s.place, r.uid))
	return held{k, source, wanted}, ok, err
}

// explicit are the keys of the stores for a slot, the wanted one first.
func (r *ring) explicit(ctx context.Context, s slot) (list []held, err error) {
	w, ok, err := r.want(ctx, s)
	if err != nil {
		return nil, err
	}
	if ok {
		list = append(list, w)
	}
	if r.conf.Have == nil {
		return list, nil
	}
	slots, err := keystore.Slots(ctx, r.conf.Have, keystore.Ref{UID: r.uid, Place: s.place, Key: keystore.Number(s.no)})
	if err != nil {
		return nil, err
	}
	for _, x := range slots {
		k, err := x.Key(ctx)
		if errors.Is(err, keystore.ErrNoUID) && r.uid == "" {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("perso: %v: %w", s.where(), err)
		}
		list = add(list, held{k, x.Facts.Source, present})
	}
	return list, nil
}

func add(list []held, h held) []held {
	if slices.ContainsFunc(list, h.same) {
		return list
	}
	return append(list, h)
}

// initials are what the keys of a new application may be, and the key of a new
// card.
func (r *ring) initials(ctx context.Context, s slot) (list []held, err error) {
	t, known := r.types[s.place]
	switch {
	case rekey.Special(s.no): // one that was never set
		return []held{{key.Zero(key.TypeAES), "zero", initial}}, nil
	case s.place.IsCard():
		return []held{{key.Zero(key.TypeDES), "zero", initial}}, nil
	}
	if !known {
		return nil, nil
	}
	k, source, ok, err := take(ctx, r.conf.Have, keystore.Ref{UID: r.uid, Key: keystore.RoleDefault.ID()})
	if err != nil {
		return nil, err
	}
	if ok && k.Type().Wire() == t && !s.place.Fixed {
		list = append(list, held{k, source, initial})
	}
	return add(list, held{zeroKey(t), "zero", initial}), nil
}

// candidates are the keys that a slot may hold, the likeliest first. What the
// card tells of the version decides where it can.
func (r *ring) candidates(ctx context.Context, s slot) ([]held, error) {
	if h, ok := r.proved[s]; ok {
		return []held{h}, nil
	}
	list, err := r.explicit(ctx, s)
	if err != nil {
		return nil, err
	}
	first, err := r.initials(ctx, s)
	if err != nil {
		return nil, err
	}
	if r.fresh[s.place] {
		list, first = first, list
	}
	for _, h := range first {
		list = add(list, h)
	}
	if r.fresh[s.place] && r.signed(s.place) { // with a key that another has chosen
		slices.SortStableFunc(list, func(a, b held) int { return order(a.origin) - order(b.origin) })
	}
	if t, ok := r.typeOf(s); ok {
		list = slices.DeleteFunc(list, func(h held) bool { return h.key.Type().Wire() != t })
	}
	told, ok := r.version[s]
	if !ok {
		return list, nil
	}
	if slices.ContainsFunc(list, func(h held) bool { return h.key.Version() == told }) {
		return slices.DeleteFunc(list, func(h held) bool { return h.key.Version() != told }), nil
	}
	// None has that version. Version 0 may be one that nobody stated.
	return slices.DeleteFunc(list, func(h held) bool { return h.origin != present || h.key.Version() != 0 }), nil
}

// order is how likely a key of a new application is that another has signed.
func order(o origin) int {
	return map[origin]int{present: 0, initial: 1, wanted: 2}[o]
}

// signed reports whether an application is made by a command that another has signed.
func (r *ring) signed(p wire.Place) bool {
	a := find(r.layout.Applications, func(a *Application) bool { return a.Place == p })
	return a != nil && a.Delegated != nil && a.Delegated.Signed != nil
}

// typeOf is the type of a key, if it is known.
func (r *ring) typeOf(s slot) (wire.KeyType, bool) {
	if rekey.Special(s.no) {
		return wire.KeyAES, true
	}
	t, ok := r.types[s.place]
	return t, ok
}

// atHand reports whether a key for a slot may be at hand.
func (r *ring) atHand(ctx context.Context, s slot) (bool, error) {
	if n, ok := r.count[s.place]; ok && int(s.no) >= n && !rekey.Special(s.no) || r.failed[s] >= r.budget() {
		return false, nil // rights may name a key that does not exist
	}
	list, err := r.candidates(ctx, s)
	return len(list) > 0, err
}

// open authenticates in the selected place with the key that the slot holds.
func (r *ring) open(ctx context.Context, card *desfire.Card, s slot) error {
	if r.failed[s] >= r.budget() {
		return &KeyError{Where: s.where(), Reason: "the card holds none of the keys that are at hand, as far as they may be tried"}
	}
	if _, ok := r.version[s]; !ok && !r.fresh[s.place] {
		v, err := card.KeyVersion(ctx, s.no)
		switch {
		case err == nil:
			r.version[s] = v
		case !errors.As(err, new(*desfire.CommandError)):
			return err
		}
	}
	list, err := r.candidates(ctx, s)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return &KeyError{Where: s.where(), Reason: "no key is at hand that the card may hold there"}
	}
	for _, h := range list {
		if r.failed[s] >= r.budget() {
			break
		}
		err = card.Authenticate(ctx, s.no, h.key)
		if err == nil {
			r.proved[s] = h
			return nil
		}
		if !isOtherKey(err) {
			return err
		}
		r.failed[s]++
		delete(r.proved, s)
	}
	return &KeyError{Where: s.where(), Reason: "the card does not hold the key that is at hand", Err: err}
}

// isOtherKey reports whether an authentication failed because the card holds
// another key or one of another type.
func isOtherKey(err error) bool {
	return errors.Is(err, wire.StatusAuthenticationError) || errors.Is(err, wire.StatusIllegalCommand) || errors.As(err, new(*desfire.ArgumentError))
}
