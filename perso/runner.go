package perso

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// runner is one look at a card, or one run of steps.
type runner struct {
	card   *desfire.Card
	conf   Config
	layout *Layout
	*ring

	// where the card is, as far as this runner brought it there
	place  wire.Place
	inside bool

	prove bool // each session must tell the identifier, where a card can
}

func newRunner(card *desfire.Card, layout *Layout, conf *Config) *runner {
	r := &runner{card: card, layout: layout}
	if conf != nil {
		r.conf = *conf
	}
	r.ring = newRing(&r.conf, layout)
	for i := range layout.Applications {
		a := &layout.Applications[i]
		r.types[a.Place], r.count[a.Place] = a.KeyType, a.KeyCount
	}
	return r
}

// identify finds out which card it is, in clear where the card tells, else in a
// session.
func (r *runner) identify(ctx context.Context) error {
	if uid := r.card.UID(); uid != nil {
		r.uid = keystore.UID(uid)
		return nil
	}
	if !r.card.Generation().Has(wire.FeatureCardUID) {
		v, err := r.card.Version(ctx)
		if err == nil {
			r.uid = keystore.UID(v.UID[:])
		}
		return err
	}
	slots, err := r.blind(ctx)
	if err != nil {
		return err
	}
	for _, s := range slots {
		err := r.enter(ctx, s.place, s.no)
		if err != nil {
			if isKeyError(err) || inspect.Refused(err) {
				continue
			}
			return err
		}
		uid, err := r.card.CardUID(ctx)
		if err != nil {
			return err
		}
		r.uid = keystore.UID(uid)
		return nil
	}
	return &KeyError{Where: at(wire.Place{}), Reason: "it has a random identifier and tells the real one to a key only, and none is at hand"}
}

// blind are the keys that may be at hand while it is not known which card it is:
// those of the stores first, then what new cards and applications begin with.
func (r *runner) blind(ctx context.Context) (slots []slot, err error) {
	var masters []slot
	if r.card.Generation().FixedName() == nil {
		masters = append(masters, slot{})
	}
	all := slices.Clone(masters)
	for i := range r.layout.Applications {
		a := &r.layout.Applications[i]
		masters = append(masters, slot{a.Place, 0})
		for no := range a.KeyCount {
			all = append(all, slot{a.Place, wire.KeyNo(no)})
		}
	}
	for _, s := range all {
		list, err := r.explicit(ctx, s)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			slots = append(slots, s)
		}
	}
	return append(slots, masters...), nil
}

// enter opens a session with a key, unless there is one.
func (r *runner) enter(ctx context.Context, p wire.Place, no wire.KeyNo) error {
	if s, ok := r.card.Session(); ok && r.inside && r.place == p && s.KeyNo == no {
		return nil
	}
	if err := r.plain(ctx, p); err != nil {
		return err
	}
	if err := r.open(ctx, r.card, slot{p, no}); err != nil {
		r.inside = false
		return err
	}
	return r.sameCard(ctx)
}

// sameCard lets the card tell its identifier in the session that has begun: two cards
// may have the same keys, and somebody may show one for a part and then the other. A
// refusal is no answer: whoever has a key is told.
func (r *runner) sameCard(ctx context.Context) error {
	s, ok := r.card.Session()
	if !r.prove || !ok || r.uid == "" || s.Scheme == wire.SchemeD40 || !r.card.Generation().Has(wire.FeatureCardUID) {
		return nil
	}
	uid, err := r.card.CardUID(ctx)
	if err != nil {
		r.inside = false
		return fmt.Errorf("perso: the card does not tell its identifier in a session: %w", err)
	}
	return r.still(uid)
}

// still is a *WrongCardError if an identifier is another card's.
func (r *ring) still(uid []byte) error {
	if keystore.UID(uid) == r.uid {
		return nil
	}
	return &WrongCardError{Want: r.uid.String(), Is: hexText(uid)}
}

// changed says that the card is not what the plan has seen.
func (r *ring) changed(format string, args ...any) error {
	return &WrongCardError{Want: r.uid.String(), Is: r.uid.String(), Reason: fmt.Sprintf(format, args...)}
}

// plain selects a place, without a session.
func (r *runner) plain(ctx context.Context, p wire.Place) error {
	r.inside = false
	if err := r.card.Select(ctx, p); err != nil {
		return err
	}
	r.place, r.inside = p, true
	return nil
}

// forget says that something else has used the card.
func (r *runner) forget() { r.inside = false }

// who is how something that is granted can be done: with a key, or by anybody.
type who struct {
	free bool
	no   wire.KeyNo
}

// by finds who can do what is granted, with a key that may be at hand. ok is
// false if nobody can.
func (r *ring) by(ctx context.Context, p wire.Place, g inspect.Grant) (w who, ok bool, err error) {
	if g.Free {
		return who{free: true}, true, nil
	}
	for _, no := range g.Keys {
		hand, err := r.atHand(ctx, slot{p, no})
		if err != nil || hand {
			return who{no: no}, hand, err
		}
	}
	return who{}, false, nil
}

// as enters a place as somebody. What is free is done in a session all the same
// where one is at hand: with the master key.
func (r *runner) as(ctx context.Context, p wire.Place, w who, session bool) error {
	if !w.free {
		return r.enter(ctx, p, w.no)
	}
	if _, ok := r.card.Session(); ok && r.inside && r.place == p {
		return nil
	}
	if hand, err := r.atHand(ctx, slot{p, 0}); err != nil {
		return err
	} else if hand && session {
		err := r.enter(ctx, p, 0)
		if err == nil || !isKeyError(err) {
			return err
		}
	}
	return r.plain(ctx, p)
}
