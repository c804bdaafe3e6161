package desfire

import (
	"context"
	"iter"
)

// Source reports what happens at readers.
//
// Events yields the present state first (a ReaderAdded for each reader, a
// CardInserted for each card that already lies there), then every change,
// until ctx ends. An error that the source cannot recover from is yielded once
// and ends the sequence; a lost service is an event, and the source waits for
// it to come back. Each call of Events is independent of others. A card is
// reported once per insertion, and each has a CardRemoved before the next
// CardInserted on that reader.
type Source interface {
	Events(ctx context.Context) iter.Seq2[Event, error]
}

// EventKind is what happened.
type EventKind uint8

// Kinds of events.
const (
	ReaderAdded EventKind = iota + 1
	ReaderRemoved
	CardInserted
	CardRemoved
	ServiceLost // every reader and card is gone with it
	ServiceBack
)

func (k EventKind) String() string {
	names := [...]string{"", "reader-added", "reader-removed", "inserted", "removed", "service-lost", "service-back"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Event is one change at a reader.
type Event struct {
	Kind   EventKind
	Reader string // name of the reader, empty for service events
	ATR    []byte // CardInserted: what the reader reports, the receiver's own
	// Ignored tells why a reader or card takes no part (contact reader, SAM
	// slot), empty if it does.
	Ignored string
	// Err is why, for CardRemoved, ReaderRemoved and ServiceLost, where known.
	Err error
	// Open connects to the card of a CardInserted event. It may be called
	// again after the Transport was closed, while the card is still there.
	Open func(ctx context.Context) (Transport, error)
}
