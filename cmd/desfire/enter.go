package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
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
	k, err := key.Parse(a.keySpec)
	if err != nil {
		return &usageError{cmd, fmt.Errorf("--key: %w", err)}
	}
	if isVisible(a.keySpec, k) {
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
		return err
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
	if err := card.SelectApplication(ctx, wire.PICC); err != nil {
		return err
	}
	return a.authenticate(ctx, card)
}

// enter selects an application, and authenticates if there is a key.
func (a *app) enter(ctx context.Context, card *desfire.Card, aid desfire.AID) error {
	if err := selectApp(ctx, card, aid); err != nil {
		return err
	}
	return a.authenticate(ctx, card)
}

// enterFile is enter, for a file whose settings are wanted, too. They are asked
// for before the authentication where they are free: inside a session a refusal
// would cost it.
func (a *app) enterFile(ctx context.Context, card *desfire.Card, aid desfire.AID, no desfire.FileNo) (*wire.FileSettings, error) {
	if err := selectApp(ctx, card, aid); err != nil {
		return nil, err
	}
	fs, err := card.FileSettings(ctx, no)
	if a.key == nil || err != nil && !errors.Is(err, wire.StatusAuthenticationError) {
		return fs, a.noFile(aid, no, err)
	}
	if err := a.authenticate(ctx, card); err != nil {
		return nil, err
	}
	if fs == nil {
		fs, err = card.FileSettings(ctx, no)
		return fs, a.noFile(aid, no, err)
	}
	return fs, nil
}

// noFile names a file that is not there.
func (a *app) noFile(aid desfire.AID, no desfire.FileNo, err error) error {
	if errors.Is(err, wire.StatusFileNotFound) || errors.Is(err, wire.StatusParameterError) {
		return fmt.Errorf("application %v has no file %d: desfire ls shows what it has", aid, no)
	}
	return err
}

// selectApp selects an application and names it if there is none.
func selectApp(ctx context.Context, card *desfire.Card, aid desfire.AID) error {
	err := card.SelectApplication(ctx, aid)
	if errors.Is(err, wire.StatusApplicationNotFound) {
		return &noApplicationError{aid, err}
	}
	return err
}

// noApplicationError is an AID that the card does not have.
type noApplicationError struct {
	aid desfire.AID
	err error
}

func (e *noApplicationError) Error() string {
	return fmt.Sprintf("the card has no application %v: desfire ls shows what it has", e.aid)
}

func (e *noApplicationError) Unwrap() error { return e.err }
