package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// What a verb is told about where to work, APP on the command line, and how it
// gets there.

const helpLevel = `APP is an application by its AID, or "card" for the card itself, or "app" for the
one application of a DESFire Light or NTAG 424 DNA, or df: and a DF name in
hexadecimal.`

const helpApp = `APP is an application by its AID, or "app" for the one application of a DESFire
Light or NTAG 424 DNA, or df: and a DF name in hexadecimal.`

// parsePlace reads APP where the card itself is a place, too.
func parsePlace(cmd *cobra.Command, s string) (wire.Place, error) {
	p, err := wire.ParsePlace(s)
	if err != nil {
		return p, &usageError{cmd, fmt.Errorf(`%s: want an AID of six hexadecimal digits, "card", "app" for the one application of a DESFire Light or NTAG 424 DNA, or df: and a DF name in hexadecimal`, strconv.Quote(keystore.Hide(s)))}
	}
	return p, nil
}

// parseApp reads APP where only applications are wanted.
func parseApp(cmd *cobra.Command, s string) (wire.Place, error) {
	p, err := parsePlace(cmd, s)
	if err == nil && p.IsCard() {
		err = &usageError{cmd, fmt.Errorf("%s is the card itself, which has no files: want an application", s)}
	}
	return p, err
}

// parseAID reads the AID of an application that is to be made.
func parseAID(cmd *cobra.Command, s string) (wire.AID, error) {
	aid, err := wire.ParseAID(s)
	switch {
	case err != nil:
		return 0, &usageError{cmd, err}
	case aid == wire.PICC:
		return 0, &usageError{cmd, fmt.Errorf("AID %s is the card itself: want 000001 to FFFFFF", s)}
	}
	return aid, nil
}

// checkKeys tells whether keys can be at a place of the card: on a DESFire Light
// or NTAG 424 DNA all that can be changed are in the application.
func checkKeys(card *desfire.Card, p wire.Place) error {
	if p.IsCard() && card.Generation().FixedName() != nil {
		return fmt.Errorf("%v has one application, which has no AID: say app instead of card", card)
	}
	return checkPlace(card, p)
}

// checkPlace tells whether a card of this generation can have the place.
func checkPlace(card *desfire.Card, p wire.Place) error {
	_, err := p.On(card.Generation())
	switch {
	case err == nil:
		return nil
	case p.Fixed:
		return fmt.Errorf("%v has applications with AIDs: say one of them, or card, instead of app", card)
	}
	return fmt.Errorf("%v has one application, which has no AID: say app instead of %v", card, p)
}

// selectPlace selects a place, and names it if it is not there.
func selectPlace(ctx context.Context, card *desfire.Card, p wire.Place) error {
	if err := checkPlace(card, p); err != nil {
		return err
	}
	err := card.Select(ctx, p)
	if errors.Is(err, wire.StatusApplicationNotFound) || errors.Is(err, wire.StatusISOFileNotFound) {
		return &noApplicationError{p, err}
	}
	return err
}

// noApplicationError is a place that the card does not have.
type noApplicationError struct {
	place wire.Place
	err   error
}

func (e *noApplicationError) Error() string {
	return fmt.Sprintf("the card has no application %s: desfire ls shows what it has", appName(e.place))
}

func (e *noApplicationError) Unwrap() error { return e.err }

// appName is an application in a sentence that says that it is one.
func appName(p wire.Place) string {
	if p.Fixed {
		return "as it is delivered with"
	}
	return p.String()
}
