package inspect

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// Missing is something that could not be read, with the reason.
type Missing struct {
	What Part `json:"what"`
	// Command is the one that the card refused; empty if none was sent.
	Command string `json:"command,omitempty"`
	Status  string `json:"status,omitempty"` // four hexadecimal digits
	// Needs is who could read it, as far as that is known.
	Needs  string `json:"needs,omitempty"`
	Reason string `json:"reason"`

	Err error `json:"-"` // the refusal
}

// Part is what can be missing.
type Part string

// Parts. The words are stable: they stand in JSON.
const (
	PartVersion      Part = "version"
	PartFreeMemory   Part = "free memory"
	PartKeySettings  Part = "key settings"
	PartKeyVersions  Part = "key versions"
	PartApplications Part = "applications"
	PartNames        Part = "names"
	PartUID          Part = "UID"
	PartSignature    Part = "signature"
	PartKeySets      Part = "key sets"
	PartISOFiles     Part = "ISO file identifiers"
	PartReadCounter  Part = "read counter"
	PartFiles        Part = "files"
	PartSettings     Part = "settings"
	PartContent      Part = "content"
)

const cannotTell = "this card cannot tell it"

// Words says what is missing and why, in one line.
func (m *Missing) Words() string {
	s := fmt.Sprintf("no %s: %s", m.What, m.Reason)
	if m.Needs != "" {
		s += "; needs " + m.Needs
	}
	return s
}

// refusal makes a Missing of an error if the card is there and said no. needs
// is who could have read it, which counts where the status says so.
func refusal(part Part, err error, needs string) (m Missing, ok bool) {
	m = Missing{What: part, Err: err}
	var refused *desfire.CommandError
	switch {
	case !Refused(err):
	case errors.As(err, &refused):
		m.Command, m.Status = refused.Command, fmt.Sprintf("%04X", uint16(refused.Status))
		m.Reason = fmt.Sprintf("%s was refused with %s (%s)", m.Command, refused.Status.String(), m.Status)
		if refused.Status == wire.StatusAuthenticationError {
			m.Needs = needs
		}
		return m, true
	default:
		m.Reason = cannotTell
		return m, true
	}
	return m, false
}

// Refused reports whether an error is the answer of a card that is there and
// said no (desfire.Refusal), or cannot know the command at all.
func Refused(err error) bool {
	return desfire.Refusal(err) != nil || errors.As(err, new(*desfire.UnsupportedError))
}

// find returns what is missing of a kind, nil if it is not.
func find(list []Missing, part Part) *Missing {
	for i := range list {
		if list[i].What == part {
			return &list[i]
		}
	}
	return nil
}
