package main

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/keyopen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// keyBook is where keys of cards are: a keyring, or the centre of a fleet.
type keyBook interface {
	keystore.Rotating
	keystore.Masters
	Refs() []keystore.Ref
	Masters() []string
}

// ring is the keys of a run. Keys that a token derives are kept while it lasts.
type ring struct {
	keyBook
	cache *keystore.Cache
}

// readRing opens the keyring, for a verb that takes keys from it.
func (a *app) readRing(cmd *cobra.Command) error {
	if a.keysFile == "" || a.key != nil || a.ring != nil || !acts(cmd, "keys") {
		return nil
	}
	if isFar(a.keysFile) {
		far, err := a.openCentreKeys(cmd)
		if err == nil && far != nil {
			a.ring = &ring{far, keystore.NewCache(far, nil)}
		}
		return err
	}
	r, err := keyopen.Keyring(cmd.Context(), a.keysFile, keyopen.Config{Identity: a.identity, Prompt: a.prompter(cmd.Context()), Warn: a.warn, Modules: a.modules})
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
	if errors.Is(err, natskeys.ErrAway) || errors.As(err, new(*natskeys.AnswerError)) {
		return badCentreKey(err)
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

// onCard is the card on which sessions are opened with keys of the keyring.
type onCard struct {
	card *desfire.Card
	*unlock.OnCard
}

// uid is the real identifier of a card that shows a random one, empty if it was not
// found out.
func (o onCard) uid(card *desfire.Card) keystore.UID {
	if o.OnCard == nil || o.card != card {
		return ""
	}
	return o.UID()
}

// on is the card, with what the flags say of keys.
func (a *app) on(card *desfire.Card) *unlock.OnCard {
	o := a.opener(card)
	if a.sessions.card == card {
		a.sessions.Use(o)
	} else {
		var refs []keystore.Ref
		if a.ring != nil {
			refs = a.ring.Refs()
		}
		a.sessions = onCard{card, o.On(card, refs)}
	}
	return a.sessions.OnCard
}

// withUID runs f, which opens a session with a key of the keyring. Where that
// failed since the key is derived from the identifier of the card, which shows a
// random one, that is found out with a key that is the same on every card.
func (a *app) withUID(ctx context.Context, card *desfire.Card, p wire.Place, f func(*unlock.Opener) error) error {
	on := a.on(card)
	err := on.Do(ctx, p, f)
	if uid := on.UID(); uid != "" && card.UID() == nil {
		a.learned(uid)
	}
	if unlock.LacksUID(err) && card.UID() == nil {
		return advise(withCode(exitRight, err), "The card shows a random identifier. A key that is the same on every card, in the keyring, tells the real one.")
	}
	return err
}

// learned notes the identifier that a card with a random one told in a session.
func (a *app) learned(uid keystore.UID) { a.card.UID = hexBytes(uid) }
