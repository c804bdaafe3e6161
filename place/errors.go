package place

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Seen is a card that was presented.
type Seen struct {
	Reader string
	Name   string // what Identify said; empty if it said nothing
	Err    error  // why it could not be identified
}

func (s Seen) String() string {
	switch {
	case s.Err != nil && s.Name != "":
		return fmt.Sprintf("%s: %s: %v", s.Reader, s.Name, s.Err)
	case s.Err != nil:
		return fmt.Sprintf("%s: %v", s.Reader, s.Err)
	case s.Name != "":
		return s.Reader + ": " + s.Name
	}
	return s.Reader
}

// NoCardError says that no card was presented in time, or none that was wanted.
type NoCardError struct {
	Place   string        // its name
	Limit   time.Duration // how long was waited; 0 as long as the wait goes on
	Reader  string        // a reader that was left out, if there is one
	Ignored string        // why
	Why     error         // why there is no card, where that is known
	Seen    []Seen        // cards that were not wanted
}

func (e *NoCardError) Error() string {
	card := "no card"
	if len(e.Seen) > 0 {
		card = "no such card"
	}
	s := fmt.Sprintf("%s was presented to %s%s", card, e.Place, within(e.Limit))
	if e.Ignored != "" {
		s += fmt.Sprintf("; %s is left out: %s", e.Reader, e.Ignored)
	}
	if len(e.Seen) > 0 {
		s += "; seen: " + join(e.Seen, ", ")
	}
	if e.Why != nil {
		s += ": " + e.Why.Error()
	}
	return s
}

// Unwrap returns why there is no card.
func (e *NoCardError) Unwrap() error { return e.Why }

// InUseError says that the card was there all the time, and another program or
// client had it.
type InUseError struct {
	Place  string
	Reader string
	Limit  time.Duration // as in NoCardError
	Err    error         // tells who, as far as that is known
}

func (e *InUseError) Error() string {
	if e.Limit == 0 {
		return fmt.Sprintf("the card is in use: %v", e.Err)
	}
	return fmt.Sprintf("the card was still in use after %v: %v", e.Limit, e.Err)
}

// Unwrap returns who has the card.
func (e *InUseError) Unwrap() error { return e.Err }

func within(limit time.Duration) string {
	if limit == 0 {
		return " yet"
	}
	return fmt.Sprintf(" within %v", limit)
}

// SeveralError says that several cards are presented where one is wanted. None
// is open.
type SeveralError struct{ Cards []Seen }

func (e *SeveralError) Error() string {
	return fmt.Sprintf("there are %d cards: %s: leave one there, or say which one is meant", len(e.Cards), join(e.Cards, ", "))
}

func join(seen []Seen, separator string) string {
	var all []string
	for _, s := range seen {
		all = append(all, s.String())
	}
	return strings.Join(all, separator)
}

// left reports whether the error of opening a card says that it has left.
func left(err error) bool {
	var r interface{ Removed() bool }
	return errors.As(err, &r) && r.Removed()
}

// InUse reports whether an error says that another program or client has the
// card, which passes: it has InUse() bool.
func InUse(err error) bool {
	var u interface{ InUse() bool }
	return errors.As(err, &u) && u.InUse()
}
