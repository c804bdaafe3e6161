package unlock

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// OnCard opens sessions on one card, one after the other. It remembers the real
// identifier of a card that shows a random one, and which key was taken last. It is
// for one goroutine.
type OnCard struct {
	opener Opener
	card   *desfire.Card
	refs   []keystore.Ref
	asked  bool // for the real identifier
	chosen Choice
}

// On makes an OnCard. refs are keys of the store, of which one that is the same on
// every card tells the real identifier, where a key is derived from that; nil: nobody
// is asked for it.
func (o *Opener) On(card *desfire.Card, refs []keystore.Ref) *OnCard {
	c := &OnCard{card: card, refs: refs}
	c.Use(o)
	return c
}

// Use goes on with another Opener; what is known of the card stays.
func (c *OnCard) Use(o *Opener) {
	uid, tell := c.opener.UID, o.OnChoice
	if c.opener = *o; c.opener.UID == "" {
		c.opener.UID = uid
	}
	c.opener.OnChoice = func(choice Choice) {
		c.chosen = choice
		if tell != nil {
			tell(choice)
		}
	}
}

// UID is the real identifier of the card; empty if it is not known.
func (c *OnCard) UID() keystore.UID {
	if uid := c.card.UID(); uid != nil {
		return keystore.UID(uid)
	}
	return c.opener.UID
}

// Chosen is the key that was taken last.
func (c *OnCard) Chosen() Choice { return c.chosen }

// Do runs f, which opens a session at p. Where that failed since the identifier of the
// card is not known, it is found out, and f runs again.
func (c *OnCard) Do(ctx context.Context, p wire.Place, f func(*Opener) error) error {
	again := func() error {
		o := c.opener
		return f(&o)
	}
	err := again()
	if !LacksUID(err) || c.asked || c.card.UID() != nil || len(c.refs) == 0 {
		return err
	}
	c.asked = true
	refs := slices.Clone(c.refs)
	slices.SortStableFunc(refs, func(x, y keystore.Ref) int { return nearness(p, x.Place) - nearness(p, y.Place) })
	o := c.opener
	uid, uidErr := o.CardUID(ctx, c.card, refs)
	switch {
	case uidErr == nil:
		c.opener.UID = uid
		return again()
	case errors.As(uidErr, new(*NoKeyError)):
		return err
	}
	return uidErr
}

// nearness sorts places by what selecting them disturbs.
func nearness(wanted, p wire.Place) int {
	switch {
	case p == wanted:
		return 0
	case p.IsCard():
		return 1
	}
	return 2
}

// LacksUID reports whether a key was not found or not made since the identifier of the
// card is not known.
func LacksUID(err error) bool {
	var missing *NoKeyError
	var plain *PlainError
	return errors.Is(err, keystore.ErrNoUID) || errors.As(err, &missing) && missing.NoUID || errors.As(err, &plain) && plain.NoUID
}

// Place is Opener.Place.
func (c *OnCard) Place(ctx context.Context, p wire.Place, need Need) error {
	return c.Do(ctx, p, func(o *Opener) error { return o.Place(ctx, c.card, p, need) })
}

// File is Opener.File.
func (c *OnCard) File(ctx context.Context, p wire.Place, no wire.FileNo, acts ...inspect.Act) (fs *wire.FileSettings, err error) {
	err = c.Do(ctx, p, func(o *Opener) error {
		fs, err = o.File(ctx, c.card, p, no, acts...)
		return err
	})
	return fs, err
}

// ToDelete opens a session that may delete an application: with the master key of the
// card, or, where the store lacks that, with the application's own.
func (c *OnCard) ToDelete(ctx context.Context, p wire.Place) error {
	err := c.Place(ctx, wire.Place{}, Delete)
	if errors.As(err, new(*NoKeyError)) {
		if inside := c.Place(ctx, p, Master); inside == nil {
			return nil
		}
	}
	return err
}

// errNoRealUID is why keys were not looked for.
var errNoRealUID = errors.New("the card shows a random identifier, and no key of the keyring tells the real one: keys that are derived from it are not known")

// Look is Opener.Enter. without is why there is no session although there may be keys: a
// *MismatchError, a *RefusedKeyError, or that the identifier is not known, which is said
// once.
func (c *OnCard) Look(ctx context.Context, p wire.Place) (without, err error) {
	first := !c.asked
	err = c.Do(ctx, p, func(o *Opener) error {
		plain, tell := error(nil), o.OnChoice
		o.OnChoice = func(choice Choice) {
			plain = choice.Because
			tell(choice)
		}
		err := o.Enter(ctx, c.card, p)
		switch {
		case err == nil && errors.As(plain, new(*MismatchError)):
			without = plain
		case err == nil && LacksUID(plain):
			return plain
		}
		return err
	})
	switch {
	case LacksUID(err):
		if first {
			without = errNoRealUID
		}
		return without, c.card.Select(ctx, p)
	case errors.As(err, new(*RefusedKeyError)), errors.As(err, new(*MismatchError)):
		return err, c.card.Select(ctx, p)
	}
	return without, err
}

// LookInto enters a place with a key that may do something with a file. ok is false if
// there is none, and without why none was taken, where there are keys.
func (c *OnCard) LookInto(ctx context.Context, p wire.Place, no wire.FileNo, act inspect.Act) (ok bool, without, err error) {
	_, err = c.File(ctx, p, no, act)
	switch {
	case err == nil:
		return true, nil, nil
	case errors.As(err, new(*NoKeyError)), errors.As(err, new(*PlainError)), errors.As(err, new(*NeverError)), LacksUID(err):
		return false, nil, nil
	case errors.As(err, new(*RefusedKeyError)), errors.As(err, new(*MismatchError)):
		return false, err, nil
	}
	return false, nil, err
}

// Inspect is inspect.Read with all that the keys of the store open. Enter of conf is told
// each place before it is entered, and EnterFile is not used; conf may be nil.
func (c *OnCard) Inspect(ctx context.Context, conf *inspect.Config) (*inspect.Card, error) {
	var all inspect.Config
	if conf != nil {
		all = *conf
	}
	tell := all.Enter
	all.Enter = func(ctx context.Context, card *desfire.Card, p wire.Place) error {
		if tell != nil {
			if err := tell(ctx, card, p); err != nil {
				return err
			}
		}
		_, err := c.Look(ctx, p)
		return err
	}
	all.EnterFile = func(ctx context.Context, _ *desfire.Card, p wire.Place, no wire.FileNo, act inspect.Act) (bool, string, error) {
		ok, without, err := c.LookInto(ctx, p, no, act)
		if without == nil {
			return ok, "", err
		}
		return ok, strings.TrimPrefix(without.Error(), "unlock: "), err
	}
	return inspect.Read(ctx, c.card, &all)
}

// Store is the store, of which the key that was taken last is the only one for its
// reference, and with the identifier of the card for who does not know it. It is for who
// opens the same session again, as a purse does.
func (c *OnCard) Store() keystore.Store {
	return &chosen{Store: c.opener.Store, uid: c.opener.UID, facts: c.chosen.Facts}
}

// chosen is a store, of which one key was chosen among those of a rotation.
type chosen struct {
	keystore.Store
	uid   keystore.UID
	facts keystore.Facts
}

func (s *chosen) known(r keystore.Ref) keystore.Ref {
	if r.UID == "" {
		r.UID = s.uid
	}
	return r
}

// Has implements keystore.Store.
func (s *chosen) Has(ctx context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	r = s.known(r)
	slot, ok, err := s.slot(ctx, r)
	if err != nil || ok {
		return slot.Facts, ok, err
	}
	return s.Store.Has(ctx, r)
}

// Key implements keystore.Store.
func (s *chosen) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	r = s.known(r)
	slot, ok, err := s.slot(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case ok:
		return slot.Key(ctx)
	}
	return s.Store.Key(ctx, r)
}

// slot is the key that was chosen, if r has it.
func (s *chosen) slot(ctx context.Context, r keystore.Ref) (keystore.Slot, bool, error) {
	store, ok := s.Store.(keystore.Rotating)
	if !ok {
		return keystore.Slot{}, false, nil
	}
	slots, err := store.Slots(ctx, r)
	for _, slot := range slots {
		if slot.Facts.Same(s.facts) {
			return slot, true, nil
		}
	}
	return keystore.Slot{}, false, err
}
