package purse

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/go-desfire/desfire/wire"
)

// Request is one change of the value file of a purse.
type Request struct {
	// ID is the caller's name for the change, of 1 to 64 bytes of UTF-8; it never reaches
	// the card. The same ID again is the same change: it is not made twice. Empty: the
	// change has no name, and is never asked for again.
	ID     string
	Amount int32             // 1 or more
	Meta   map[string]string // UTF-8, kept in the journal; it never reaches the card
}

// Move is one movement of a value file.
type Move struct {
	File   wire.FileNo `json:"file"`
	Kind   Kind        `json:"kind"`
	Amount int32       `json:"amount"` // 1 or more
}

// Signed is by how much the value changes.
func (m Move) Signed() int64 {
	if m.Kind == Debit {
		return -int64(m.Amount)
	}
	return int64(m.Amount)
}

// Order is several movements that happen together or not at all, at most one of
// each file.
type Order struct {
	ID    string // as in Request
	Moves []Move
	Meta  map[string]string
	// UID is the card that the order is for. Any other card is an *OtherCardError, and
	// nothing is done with it; with a key the card says in the session which one it
	// is. Nil: any card.
	UID []byte
}

// maxRequestID is how long the caller's name of a change may be.
const maxRequestID = 64

// check finds what no card could do.
func (o *Order) check(c *Config) error {
	switch {
	case len(o.ID) > maxRequestID:
		return &RequestError{fmt.Sprintf("its ID has %d bytes; %d at most", len(o.ID), maxRequestID)}
	case !utf8.ValidString(o.ID):
		return &RequestError{fmt.Sprintf("its ID is not UTF-8: %q", o.ID)}
	case len(o.Moves) == 0:
		return &RequestError{"it moves nothing"}
	}
	for k, v := range o.Meta {
		if !utf8.ValidString(k) || !utf8.ValidString(v) {
			return &RequestError{fmt.Sprintf("Meta is not UTF-8: %q: %q", k, v)}
		}
	}
	for i, m := range o.Moves {
		switch {
		case m.Amount <= 0:
			return &RequestError{fmt.Sprintf("file %d: an amount of %d; it has to be 1 or more", m.File, m.Amount)}
		case m.Kind > LimitedCredit:
			return &RequestError{fmt.Sprintf("file %d: %v is no kind of movement", m.File, m.Kind)}
		case c.value(m.File) == nil:
			return &RequestError{fmt.Sprintf("file %d is none of the purse", m.File)}
		case slices.ContainsFunc(o.Moves[:i], func(n Move) bool { return n.File == m.File }):
			return &RequestError{fmt.Sprintf("file %d moves twice", m.File)}
		}
	}
	return nil
}

// fingerprint is what two requests of one ID have in common: the application,
// the movements and Meta.
func (o *Order) fingerprint(place wire.Place) Hex {
	h := sha256.New()
	put := func(s string) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	put(place.String())
	for _, m := range o.Moves {
		put(fmt.Sprintf("%d %d %d", m.File, m.Kind, m.Amount))
	}
	for _, k := range slices.Sorted(maps.Keys(o.Meta)) {
		put(k)
		put(o.Meta[k])
	}
	return h.Sum(nil)
}
