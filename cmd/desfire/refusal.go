package main

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// What cards answer to verbs that make, delete and change applications and files.

// inWords is an error whose text is the tool's own.
type inWords struct {
	text string
	err  error
}

func (e *inWords) Error() string { return e.text }
func (e *inWords) Unwrap() error { return e.err }

// say gives an error a text and an exit code. The status of the card stands
// behind it.
func say(code int, err error, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	var refused *desfire.CommandError
	if errors.As(err, &refused) {
		text += fmt.Sprintf(" (%04X)", uint16(refused.Status))
	}
	return withCode(code, &inWords{text, err})
}

// managing is something that is about to be tried with applications or files.
type managing struct {
	doing string      // "create application F48121"
	needs string      // who may: "the PICC master key"
	key   *wire.KeyNo // of the session; nil without one
}

// manage notes the session, which a refusal ends.
func manage(card *desfire.Card, needs, doing string, args ...any) *managing {
	m := &managing{doing: fmt.Sprintf(doing, args...), needs: needs}
	if s, ok := card.Session(); ok {
		m.key = &s.KeyNo
	}
	return m
}

const piccMaster = "the PICC master key"

// refused says in words why a card did not do it.
func (m *managing) refused(err error) error {
	switch {
	case err == nil:
		return nil
	case inDoubt(err):
		return advise(err, "Present the card again and look, before you repeat it: desfire ls.")
	case errors.Is(err, wire.StatusAuthenticationError):
		if m.key != nil {
			return say(exitRight, err, "key %v may not %s: it needs %s", *m.key, m.doing, m.needs)
		}
		return advise(say(exitRight, err, "to %s needs %s", m.doing, m.needs), "Add --key @FILE, or a keyring with --keys.")
	case errors.Is(err, wire.StatusOutOfEEPROM):
		return advise(say(exitRefused, err, "cannot %s: the card has no memory left for it", m.doing),
			"desfire free tells how much there is. What was deleted gives its memory back with desfire format only.")
	case errors.Is(err, wire.StatusPermissionDenied):
		return say(exitRight, err, "the card does not let anybody %s", m.doing)
	case errors.Is(err, wire.StatusParameterError):
		return say(exitRefused, err, "cannot %s: this card does not take such settings", m.doing)
	case errors.Is(err, wire.StatusCountError):
		return say(exitRefused, err, "cannot %s: the card has as many as it can have", m.doing)
	}
	return err
}

// errFixed is the error of making or deleting what a card comes with.
func errFixed(card *desfire.Card) error {
	return withCode(exitImpossible, fmt.Errorf("%v comes with its application and files: none can be made or deleted", card))
}

// lacks is the error of something that cards of this generation do not have.
func lacks(card *desfire.Card, what string) error {
	return withCode(exitImpossible, fmt.Errorf("%v has no %s", card, what))
}
