package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// What of a key change the keyring knows: the new key is the newest of a key's
// slots, the old one that whose version the card tells, and the one that may
// change it is found by the key settings.

// take makes the key of a slot that of a flag.
func (k *keySpec) take(ctx context.Context, s keystore.Slot) error {
	got, err := s.Key(ctx)
	if err != nil {
		return err
	}
	k.key, k.source = got, s.Facts.Source
	k.known = keystore.FactsOf(got, s.Facts.Source)
	k.known.NoVersion = s.Facts.NoVersion && got.Version() == 0
	return nil
}

// slots are the keys of the keyring for a place and number of a card.
func (a *app) slots(ctx context.Context, card *desfire.Card, p wire.Place, no wire.KeyNo) ([]keystore.Slot, error) {
	uid := keystore.UID(card.UID())
	if real := a.sessions.uid(card); real != "" {
		uid = real
	}
	return keystore.Slots(ctx, a.ring, keystore.Ref{UID: uid, Place: p, Key: keystore.Number(no)})
}

// fromRing completes the keys of a change from the keyring. The place is selected
// afterwards.
func (v *keyChangeVerb) fromRing(ctx context.Context, a *app, card *desfire.Card, changes bool) error {
	if a.ring == nil {
		return nil
	}
	if err := selectPlace(ctx, card, v.l); err != nil {
		return err
	}
	version, err := card.KeyVersion(ctx, v.no)
	told := err == nil
	if err != nil && !inspect.Refused(err) {
		return err
	}
	if changes && v.with.key == nil {
		if err := v.changer(ctx, a, card); err != nil {
			return err
		}
	}
	slots, err := a.slots(ctx, card, v.l, v.no)
	if err != nil {
		return err
	}
	if v.new.key == nil {
		if len(slots) == 0 {
			return withCode(exitRight, fmt.Errorf("the keyring has no key %d of %s: want --new", v.no, v.l.Words()))
		}
		if err := v.new.take(ctx, slots[0]); err != nil {
			return err
		}
		slots = slots[1:]
	}
	if v.old.key != nil {
		return nil
	}
	return v.oldOf(ctx, slots, version, told)
}

// oldOf is the old key: the slot that has the version that the card tells. Where
// the card tells that of the new key already, it is the newest of the others.
func (v *keyChangeVerb) oldOf(ctx context.Context, slots []keystore.Slot, version byte, told bool) error {
	var have []string
	for _, s := range slots {
		have = append(have, s.Facts.String())
		if !told || s.Facts.NoVersion || s.Facts.Version == version || version == v.new.key.Version() {
			return v.old.take(ctx, s)
		}
	}
	switch {
	case len(have) > 0:
		return withCode(exitAuth, fmt.Errorf("key %d of %s has version %02X on the card, and the keyring has %s: not tried, so that no failed attempt is counted", v.no, v.l.Words(), version, strings.Join(have, ", ")))
	case told && version == v.new.key.Version():
		return advise(withCode(exitRight, fmt.Errorf("the keyring has one key %d of %s, whose version the card tells", v.no, v.l.Words())), "desfire key check %v %d proves that it is the card's; --old names another.", v.l, v.no)
	}
	return advise(withCode(exitRight, fmt.Errorf("the keyring has no other key %d of %s than the new one", v.no, v.l.Words())), "Add the old one below it as a list, newest first, or say --old @FILE.")
}

// changer finds the key that may change another one.
func (v *keyChangeVerb) changer(ctx context.Context, a *app, card *desfire.Card) error {
	no, known, err := v.need(ctx, card)
	switch {
	case err != nil:
		return err
	case known && no == v.no:
		return nil
	}
	// Who opens the session may change it; where it is another key, it must again.
	var choice unlock.Choice
	err = a.withUID(ctx, card, v.l, func(o *unlock.Opener) error {
		o.OnChoice = func(c unlock.Choice) { choice = c }
		return o.Place(ctx, card, v.l, unlock.ChangeKey(v.no))
	})
	if err != nil {
		return a.entered(ctx, card, v.l, err)
	}
	if choice.Plain || choice.No == v.no {
		return nil
	}
	slots, err := keystore.Slots(ctx, a.ring, choice.Ref)
	for _, s := range slots {
		if s.Facts.Same(choice.Facts) {
			v.withNo = choice.No
			return v.with.take(ctx, s)
		}
	}
	return errors.Join(err, selectPlace(ctx, card, v.l))
}

// need is the key that changes the key, as far as the card tells it to anybody.
func (v *keyChangeVerb) need(ctx context.Context, card *desfire.Card) (no wire.KeyNo, known bool, err error) {
	if card.Generation().FixedName() != nil {
		return 0, true, nil
	}
	ks, err := card.KeySettings(ctx)
	switch {
	case inspect.Refused(err):
		return 0, v.no == 0, nil
	case err != nil:
		return 0, false, err
	}
	no, frozen := rekey.Changer(ks.KS1, v.no)
	return no, !frozen, nil
}

// unlike is the error of an old key whose type or version is not what the card
// tells: it is not tried, unless --force.
func (v *keyChangeVerb) unlike(ctx context.Context, a *app, card *desfire.Card, version byte, told bool) error {
	if a.force {
		return nil
	}
	refuse := func(format string, args ...any) error {
		err := withCode(exitAuth, fmt.Errorf(format+": not tried, so that no failed attempt is counted", args...))
		if v.finds {
			return err
		}
		return advise(err, "--force tries it all the same.")
	}
	old, next := v.old.key, v.new.key
	if typ, known := cardType(ctx, card, v.l, v.no); known && old.Type().Wire() != typ && next.Type().Wire() != typ {
		return refuse("%s has %v keys, and the old key is %v", v.l.Words(), typ, old.Type())
	}
	if told && !v.old.known.NoVersion && !v.new.known.NoVersion && version != old.Version() && version != next.Version() {
		return refuse("key %d of %s has version %02X on the card, the old key has %02X and the new one %02X", v.no, v.l.Words(), version, old.Version(), next.Version())
	}
	return nil
}

// cardType is the type of a key of the selected place, as far as the card tells
// it to anybody.
func cardType(ctx context.Context, card *desfire.Card, p wire.Place, no wire.KeyNo) (wire.KeyType, bool) {
	g := card.Generation()
	switch {
	case !g.Has(wire.FeatureClassic), no >= wire.MaxKeys:
		return wire.KeyAES, true
	case p.IsCard() && g == wire.EV1: // which answers the same whatever the type is
		return 0, false
	}
	ks, err := card.KeySettings(ctx)
	if err != nil {
		return 0, false
	}
	return ks.KS2.KeyType(), true
}
