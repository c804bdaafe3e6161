package main

import (
	"context"
	"errors"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// ring is the keyring of a run. Keys that a token derives are kept while it lasts.
type ring struct {
	*keyring.Ring
	cache *keystore.Cache
}

// readRing opens the keyring, for a verb that takes keys from it.
func (a *app) readRing(cmd *cobra.Command) error {
	if a.keysFile == "" || a.key != nil || a.ring != nil || !acts(cmd, "keys") {
		return nil
	}
	r, err := keyring.OpenContext(cmd.Context(), a.keysFile, &keyring.Config{Identity: a.identity, Unwrap: unwrap, Prompt: a.prompter(cmd.Context()), Warn: a.warn, Providers: a.providers()})
	if err != nil {
		return badRing(err)
	}
	a.ring = &ring{r, keystore.NewCache(r, nil)}
	return nil
}

// warn tells people what a key store wants them to know, once.
func (a *app) warn(text string) {
	if !a.warned[text] {
		a.warned[text] = true
		a.log.Warn(text)
	}
}

func (r *ring) close() {
	if r != nil {
		_ = r.cache.Close()
	}
}

// places are the applications of which it has keys, as candidates.
func (r *ring) places() (found []cobra.Completion) {
	if r == nil {
		return nil
	}
	for _, ref := range r.Refs() {
		if !ref.Place.IsCard() {
			found = append(found, candidate(ref.Place.String(), "in the keyring"))
		}
	}
	return found
}

// badRing is the error of a keyring that cannot be used, or of a key in it.
func badRing(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, errInterrupted), errors.Is(err, keystore.ErrNotFound):
		return err
	case errors.Is(err, keystore.ErrLocked):
		return advise(err, "On a terminal, and without --no-input, it is asked for.")
	case errors.Is(err, keystore.ErrNoUID):
		return withCode(exitRight, err)
	case errors.Is(err, keyring.ErrNotTrusted):
		return advise(withCode(exitInput, err), "exec: runs programs, and pkcs11: loads modules, from a keyring that belongs to you and that nobody else can write.")
	}
	return adviseModule(withCode(exitInput, err))
}

// Slots implements keystore.Rotating. Why a key cannot be had is a fault of the
// keyring, not of the card.
func (r *ring) Slots(ctx context.Context, ref keystore.Ref) ([]keystore.Slot, error) {
	slots, err := r.cache.Slots(ctx, ref)
	for i, s := range slots {
		slots[i].Key = func(ctx context.Context) (key.Key, error) {
			k, err := s.Key(ctx)
			return k, badRing(err)
		}
	}
	return slots, badRing(err)
}

// Key implements keystore.Store.
func (r *ring) Key(ctx context.Context, ref keystore.Ref) (key.Key, error) {
	k, err := r.cache.Key(ctx, ref)
	return k, badRing(err)
}

// realUID is the identifier of a card that shows a random one.
type realUID struct {
	card *desfire.Card // where it was looked for
	uid  keystore.UID  // empty if no key told it
}

// withUID runs f, which opens a session with a key of the keyring. Where that
// failed since the key is derived from the identifier of the card, which shows a
// random one, that is found out with a key that is the same on every card.
func (a *app) withUID(ctx context.Context, card *desfire.Card, p wire.Place, f func(*unlock.Opener) error) error {
	err := f(a.opener(card))
	if !lacksUID(err) || a.real.card == card || card.UID() != nil {
		return err
	}
	refs := slices.Clone(a.ring.Refs())
	slices.SortStableFunc(refs, func(x, y keystore.Ref) int { return nearness(p, x.Place) - nearness(p, y.Place) })
	uid, uidErr := a.opener(card).CardUID(ctx, card, refs)
	a.real = realUID{card, uid}
	switch {
	case uidErr == nil:
		a.learned(uid)
		return f(a.opener(card))
	case errors.As(uidErr, new(*unlock.NoKeyError)):
		return advise(withCode(exitRight, err), "The card shows a random identifier. A key that is the same on every card, in the keyring, tells the real one.")
	}
	return uidErr
}

// learned notes the identifier that a card with a random one told in a session.
func (a *app) learned(uid keystore.UID) { a.card.UID = hexBytes(uid) }

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

// lacksUID reports whether a key was not found or not made since the identifier
// of the card is not known.
func lacksUID(err error) bool {
	var missing *unlock.NoKeyError
	var plain *unlock.PlainError
	return errors.Is(err, keystore.ErrNoUID) || errors.As(err, &missing) && missing.NoUID || errors.As(err, &plain) && plain.NoUID
}
