package perso

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Identity is which card it is.
type Identity struct {
	UID keystore.UID
	// Proved says that the card has told it in a session with a key that is not one
	// that cards are delivered with. Else it is what the air says: another card may be
	// behind it.
	Proved bool
}

// Identify finds out which card it is, and lets it say so again in a session, where
// a key that it may hold is at hand; the layout says where keys are. A card that is
// another one in the session is a *WrongCardError. A card with a random identifier
// tells the real one in a session only; where no key for that is at hand, the error is a
// *KeyError. Of a card of a generation that the layout is not for nothing is proved.
// Nothing is changed.
func Identify(ctx context.Context, card *desfire.Card, layout *Layout, conf *Config) (Identity, error) {
	if err := layout.Check(); err != nil {
		return Identity{}, err
	}
	r := newRunner(card, layout, conf)
	if err := r.identify(ctx); err != nil {
		return Identity{}, err
	}
	if !layout.Fits(card.Generation()) {
		return Identity{UID: r.uid}, nil // its places say nothing of this card
	}
	proved, err := r.proveIdentity(ctx)
	return Identity{UID: r.uid, Proved: proved}, err
}

// proveIdentity compares the identifier with what the card says in a session, with a
// key that is secret if there is one.
func (r *runner) proveIdentity(ctx context.Context) (bool, error) {
	if !r.card.Generation().Has(wire.FeatureCardUID) {
		return false, nil
	}
	var places []wire.Place
	for i := range r.layout.Applications {
		places = append(places, r.layout.Applications[i].Place)
	}
	if r.card.Generation().FixedName() == nil {
		places = append(places, wire.Place{})
	}
	for _, p := range places {
		s := slot{p, 0}
		hand, err := r.atHand(ctx, s)
		if err != nil {
			return false, err
		}
		if !hand {
			continue
		}
		err = r.enter(ctx, p, 0)
		if isKeyError(err) || inspect.Refused(err) {
			continue
		}
		if err != nil {
			return false, err
		}
		if session, ok := r.card.Session(); !ok || session.Scheme == wire.SchemeD40 {
			continue
		}
		uid, err := r.card.CardUID(ctx)
		switch {
		case inspect.Refused(err):
			r.forget()
			continue
		case err != nil:
			return false, err
		}
		if err := r.still(uid); err != nil {
			return false, err
		}
		if !isZeroKey(r.proved[s].key) {
			return true, nil
		}
	}
	return false, nil
}

// KeyRef is where a key of a layout is, and what stores know it by.
type KeyRef struct {
	Where
	Ref keystore.Ref
}

// KeyRefs are the keys that cards of the layout have and that have a number in the
// active key set, for a card.
func (l *Layout) KeyRefs(uid keystore.UID) (list []KeyRef) {
	add := func(p wire.Place, want KeyWant) {
		list = append(list, KeyRef{at(p).key(want.No), want.ref(p, uid)})
	}
	if l.Card != nil {
		add(wire.Place{}, wantOf(l.Card.Keys, 0))
		for _, k := range l.Card.Keys {
			if k.No != 0 {
				add(wire.Place{}, k)
			}
		}
	}
	for i := range l.Applications {
		a := &l.Applications[i]
		for no := range a.KeyCount {
			add(a.Place, wantOf(a.Keys, wire.KeyNo(no)))
		}
		for _, k := range a.VCKeys {
			add(a.Place, k)
		}
	}
	return list
}
