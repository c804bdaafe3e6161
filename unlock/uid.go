package unlock

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// CardUID finds the identifier of a card that shows a random one, for Opener.UID:
// it opens a session with the first of some keys that the store has without
// knowing the identifier, those that are the same on every card, and asks in it.
// A key of whose type or version the card tells another is not tried, and after a
// refused one no other. Where none will do, the error is a *NoKeyError, and the
// card is at its card level.
func (o *Opener) CardUID(ctx context.Context, card *desfire.Card, refs []keystore.Ref) (keystore.UID, error) {
	if uid := card.UID(); uid != nil {
		return keystore.UID(uid), nil
	}
	if !card.Generation().Has(wire.FeatureEV1Commands) && card.Generation().Has(wire.FeatureClassic) {
		return "", &NoKeyError{Act: "ask for the real identifier", NoUID: true}
	}
	tried := *o
	tried.UID, tried.Force, tried.Plain = "", false, false
	for _, r := range refs {
		_, no, ok := r.Key.Number()
		if r.UID != "" || !ok || no >= wire.MaxKeys || r.Place.IsCard() && no != 0 {
			continue
		}
		err := tried.uidKey(ctx, card, r.Place, no)
		var refused *RefusedKeyError
		switch {
		case err == nil:
			uid, err := card.CardUID(ctx)
			if err != nil {
				return "", fmt.Errorf("unlock: the real identifier, in a session with key %v of %s: %w", no, short(r.Place), err)
			}
			return keystore.UID(uid), nil
		case errors.As(err, &refused), ctx.Err() != nil:
			return "", err
		case desfire.Refusal(err) == nil && !skippable(err):
			return "", err
		}
	}
	return "", errors.Join(&NoKeyError{Act: "ask for the real identifier", NoUID: true}, card.Select(ctx, wire.Place{}))
}

// uidKey opens a session to ask for the identifier.
func (o *Opener) uidKey(ctx context.Context, card *desfire.Card, p wire.Place, no wire.KeyNo) error {
	j, err := o.begin(ctx, card, p)
	if err != nil {
		return err
	}
	return j.open(ctx, task{act: "ask for the real identifier"}, []wire.KeyNo{no})
}

// skippable is the error of a key that cannot be had, or will not do.
func skippable(err error) bool {
	return errors.As(err, new(*NoKeyError)) || errors.As(err, new(*MismatchError)) || errors.As(err, new(*keystore.NotFoundError)) ||
		errors.Is(err, keystore.ErrNoUID) || errors.As(err, new(*desfire.UnsupportedError))
}
