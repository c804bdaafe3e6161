package purse

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/go-desfire/desfire/wire"
)

// AttemptError means that a request has an attempt of that number, or a higher one.
type AttemptError struct {
	Request          string
	Attempt, Highest int
}

func (e *AttemptError) Error() string {
	return fmt.Sprintf("purse: request %q has %d attempts in the journal: another one is not number %d", e.Request, e.Highest, e.Attempt)
}

// UnknownIDError means that a journal has no entry of that ID.
type UnknownIDError struct{ ID ID }

func (e *UnknownIDError) Error() string {
	return fmt.Sprintf("purse: transaction %v is not in the journal", e.ID)
}

// CheckBegin finds what makes an entry none that a journal may begin with. A journal
// asks it before it remembers anything.
func (e *Entry) CheckBegin() error {
	switch {
	case e == nil:
		return errors.New("purse: no entry")
	case e.ID.IsZero():
		return errors.New("purse: an entry without an ID")
	case len(e.Outcomes) > 0:
		return fmt.Errorf("purse: transaction %v has an outcome before it began", e.ID)
	case e.UID == "" || e.App == "":
		return fmt.Errorf("purse: transaction %v names no card and application", e.ID)
	case len(e.Request) > maxRequestID:
		return fmt.Errorf("purse: the ID of a request has %d bytes; %d at most", len(e.Request), maxRequestID)
	case e.Request != "" && e.Attempt < 1:
		return fmt.Errorf("purse: attempt %d of request %q; the first is 1", e.Attempt, e.Request)
	case !utf8.ValidString(e.Request):
		return fmt.Errorf("purse: the ID of a request is not UTF-8: %q", e.Request)
	case e.ReaderKeyNo != nil && e.Scheme != wire.SchemeEV2.String() && e.Scheme != wire.SchemeLRP.String():
		return fmt.Errorf("purse: transaction %v was named by key %d in a session of another key, and its session is %q: nothing ties the two", e.ID, *e.ReaderKeyNo, e.Scheme)
	}
	for k, v := range e.Meta {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return fmt.Errorf("purse: Meta is not UTF-8: %q: %q", k, v)
		}
	}
	return e.CardApp.check()
}

// CheckEnd finds what makes an outcome none that an entry may end with, or a state
// none of its card. A journal asks it before it remembers anything; state may be nil.
func (e *Entry) CheckEnd(o *Outcome, state *CardState) error {
	if o.Decision < InDoubt || o.Decision > DidNot {
		return fmt.Errorf("purse: transaction %v: %v is no decision", e.ID, o.Decision)
	}
	if state == nil {
		return nil
	}
	if state.CardApp != e.CardApp {
		return fmt.Errorf("purse: transaction %v is of card %s, %s; the state is of card %s, %s", e.ID, e.UID, e.App, state.UID, state.App)
	}
	return state.Check()
}

// Check finds what makes a state none that a journal keeps.
func (s *CardState) Check() error {
	switch {
	case s == nil:
		return errors.New("purse: no state of a card")
	case s.UID == "" || s.App == "":
		return errors.New("purse: a state that names no card and application")
	}
	return s.CardApp.check()
}

// maxName is more than a UID or a place has.
const maxName = 256

func (c CardApp) check() error {
	if len(c.UID) > maxName || len(c.App) > maxName {
		return fmt.Errorf("purse: a UID of %d bytes and an application of %d; %d at most", len(c.UID), len(c.App), maxName)
	}
	if !utf8.ValidString(c.UID) || !utf8.ValidString(c.App) {
		return fmt.Errorf("purse: card %q, %q is not UTF-8", c.UID, c.App)
	}
	return nil
}
