package main

import (
	"context"
	"errors"
	"fmt"
	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// What a verb is told about where to work, APP on the command line, and how it
// gets there.

const helpLevel = `APP is an application by its AID, or "card" for the card itself, or "app" for the
one application of a DESFire Light or NTAG 424 DNA, or df: and a DF name in
hexadecimal.`

const helpApp = `APP is an application by its AID, or "app" for the one application of a DESFire
Light or NTAG 424 DNA, or df: and a DF name in hexadecimal.`

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
	if noSuchPlace(err) {
		return missingPlace(ctx, card, p, err)
	}
	return err
}

// noSuchPlace reports whether a card said that it has no such application.
func noSuchPlace(err error) bool {
	return errors.Is(err, wire.StatusApplicationNotFound) || errors.Is(err, wire.StatusISOFileNotFound)
}

// missingPlace is the error of a place that the card does not have.
func missingPlace(ctx context.Context, card *desfire.Card, p wire.Place, err error) error {
	missing := &noApplicationError{place: p, err: err}
	if w := p.AID.Wire(); p.AID != wire.PICC && !p.Fixed {
		turned := wire.AID(w[0])<<16 | wire.AID(w[1])<<8 | wire.AID(w[2])
		if turned != p.AID && turned != wire.PICC && card.SelectApplication(ctx, turned) == nil {
			missing.turned = turned
		}
	}
	return missing
}

// noApplicationError is a place that the card does not have.
type noApplicationError struct {
	place  wire.Place
	turned wire.AID // that is there: the bytes the other way round; 0 if not
	err    error
}

func (e *noApplicationError) Error() string {
	text := fmt.Sprintf("the card has no application %s", appName(e.place))
	if e.turned != wire.PICC {
		return fmt.Sprintf("%s, but it has %v, the same bytes the other way round", text, e.turned)
	}
	return text + ": desfire ls shows what it has"
}

func (e *noApplicationError) Unwrap() error { return e.err }

// appName is an application in a sentence that says that it is one.
func appName(p wire.Place) string {
	if p.Fixed {
		return "as it is delivered with"
	}
	return p.String()
}
