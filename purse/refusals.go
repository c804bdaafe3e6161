package purse

import (
	"fmt"
	"strings"
)

// RequestError means that no card could do what was asked for. Nothing was sent.
type RequestError struct{ Reason string }

func (e *RequestError) Error() string { return "purse: the request: " + e.Reason }

// ConfigError means that a purse as configured would prove nothing.
type ConfigError struct {
	Field  string // of Config
	Reason string
}

func (e *ConfigError) Error() string { return fmt.Sprintf("purse: %s: %s", e.Field, e.Reason) }

// OtherCardError means that an order is for another card. Nothing was sent that changes this
// one, and nothing is in the journal.
type OtherCardError struct{ Want, Is []byte }

func (e *OtherCardError) Error() string {
	return fmt.Sprintf("purse: the order is for card %X, and this is card %X: nothing was done", e.Want, e.Is)
}

// FingerprintError means that a request has the ID of another one.
type FingerprintError struct {
	Request string
	ID      ID // of the attempt that has it
}

func (e *FingerprintError) Error() string {
	return fmt.Sprintf("purse: request %q was made before with another amount, file, application or meta (transaction %v): a new change needs a new ID", e.Request, e.ID)
}

// OpenEntryError means that another change of the card and application is open: it
// has to be settled first.
type OpenEntryError struct {
	Card CardApp
	ID   ID
}

func (e *OpenEntryError) Error() string {
	return fmt.Sprintf("purse: transaction %v on card %s, %s, is open: settle it first", e.ID, e.Card.UID, e.Card.App)
}

// InDoubtError means that it is not known what became of a change. It stays open: Settle with the
// card, or evidence from elsewhere, decides it.
type InDoubtError struct {
	Receipt *Receipt
	Err     error // what went wrong
}

func (e *InDoubtError) Error() string {
	s := fmt.Sprintf("purse: whether transaction %v happened is not known", e.Receipt.Entry.ID)
	if o := e.Receipt.Entry.Outcome(); o != nil {
		s += " (" + o.Why + ")"
		if len(o.Needs) > 0 {
			s += "; it is decided by: " + strings.Join(o.Needs, "; or ")
		}
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what went wrong.
func (e *InDoubtError) Unwrap() error { return e.Err }

// DidNotError means that a change did not happen, for certain. A retry is a new
// attempt.
type DidNotError struct {
	Receipt *Receipt
	Err     error // what went wrong; the card's refusal for example
}

func (e *DidNotError) Error() string {
	s := fmt.Sprintf("purse: transaction %v did not happen", e.Receipt.Entry.ID)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns what went wrong.
func (e *DidNotError) Unwrap() error { return e.Err }

// BlockedError means that a card has shown another history than the journal's, or
// that somebody blocked it. Nothing was sent that changes it.
type BlockedError struct {
	Card CardApp
	Why  string
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("purse: card %s is blocked: %s; a person has to look at it", e.Card.UID, e.Why)
}

// JournalError means that the journal could not remember. Nothing that changes the card was sent
// afterwards.
type JournalError struct{ Err error }

func (e *JournalError) Error() string { return "purse: the journal: " + e.Err.Error() }

// Unwrap returns the journal's error.
func (e *JournalError) Unwrap() error { return e.Err }
