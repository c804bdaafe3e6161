package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// A verb enters an application, or the card level, here and nowhere else: what
// --key and --auth say happens in these functions.

// readKey reads --key.
func (a *app) readKey(cmd *cobra.Command) error {
	switch {
	case a.keySpec == "" && cmd.Flags().Changed("auth"):
		return &usageError{cmd, errors.New("--auth says which key of the card --key is: --key is missing")}
	case a.keySpec == "":
		return nil
	case a.keyNo > maxKey:
		return &usageError{cmd, fmt.Errorf("--auth %d: want 0 to %d", a.keyNo, maxKey)}
	}
	k, visible, err := keystore.Parse(a.keySpec)
	if err != nil {
		return &usageError{cmd, fmt.Errorf("--key: %w", err)}
	}
	if visible {
		a.warnVisible()
	}
	a.key = k
	return nil
}

// maxKey is the largest key number that authenticates to an application.
const maxKey = wire.MaxKeys - 1

// authenticate opens a session if there is a key.
func (a *app) authenticate(ctx context.Context, card *desfire.Card) error {
	if a.key == nil {
		return nil
	}
	if err := card.Authenticate(ctx, desfire.KeyNo(a.keyNo), a.key); err != nil {
		return weakMethod(err)
	}
	if s, ok := card.Session(); ok {
		a.log.Debug("authenticated", "key", s.KeyNo, "method", s.Method, "application", card.Application())
	}
	return nil
}

// enterCard authenticates at the card level if there is a key.
func (a *app) enterCard(ctx context.Context, card *desfire.Card) error {
	if a.key == nil {
		return nil // a card begins there
	}
	return a.enter(ctx, card, wire.Place{})
}

// enter selects a place, and authenticates if there is a key.
func (a *app) enter(ctx context.Context, card *desfire.Card, p wire.Place) error {
	if err := selectPlace(ctx, card, p); err != nil {
		return err
	}
	return a.authenticate(ctx, card)
}

// enterFile is enter, for a file whose settings are wanted, too. They are asked
// for in the session: what a card says before one can be forged, and must not
// decide how the session treats the file.
func (a *app) enterFile(ctx context.Context, card *desfire.Card, p wire.Place, no desfire.FileNo) (*wire.FileSettings, error) {
	if err := a.enter(ctx, card, p); err != nil {
		return nil, err
	}
	fs, err := card.FileSettings(ctx, no)
	if errors.Is(err, wire.StatusFileNotFound) || errors.Is(err, wire.StatusParameterError) {
		return nil, fmt.Errorf("%s has no file %d: desfire ls shows what it has", p.Words(), no)
	}
	return fs, err
}
