package play

import (
	"slices"
	"time"
)

// Kind is what happened on a Bench.
type Kind string

// Kinds of happenings. The words are stable: they stand in JSON.
const (
	Made     Kind = "made"     // another card lies there
	Lifted   Kind = "lifted"   // by hand
	Returned Kind = "returned" // by hand
	Planned  Kind = "planned"  // something will go wrong, or will not after all
	Torn     Kind = "torn"     // the card lost its power, and is away
	Bent     Kind = "bent"     // a bit of an answer was wrong
	Fault    Kind = "fault"    // a fault of SetFaults
)

// Happening is what was done to the card, or befell it.
type Happening struct {
	At    time.Time `json:"at"`
	Kind  Kind      `json:"kind"`
	Words string    `json:"words"`
}

// keptHappenings is how many are kept.
const keptHappenings = 200

// State is a Bench as it is now.
type State struct {
	Card Card `json:"made"`
	// Away: the card is not on the reader. Torn: it lost its power in an exchange, and
	// is away since.
	Away bool `json:"away"`
	Torn bool `json:"torn"`
	// Tear and Bend are what was planned and has not happened.
	Tear   Tear   `json:"tear,omitempty"`
	Bend   bool   `json:"bend"`
	Faults string `json:"faults,omitempty"` // as SetFaults took them, in canonical form
	// Log is what happened, the latest last, the last 200.
	Log []Happening `json:"log"`
}

// State is a copy of what there is.
func (b *Bench) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lying
	s := State{Card: l.made, Away: l.away, Torn: l.torn, Tear: l.plans.tear, Bend: l.plans.bend, Log: slices.Clone(b.log)}
	if l.plans.faults != nil {
		s.Faults = l.plans.faults.String()
	}
	return s
}

// Changed is closed when State has changed since the call.
func (b *Bench) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// say writes down what happened.
func (b *Bench) say(k Kind, words string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.happened(k, words)
}

// happened is say for who holds b.mu.
func (b *Bench) happened(k Kind, words string) {
	if len(b.log) >= keptHappenings {
		b.log = slices.Delete(b.log, 0, len(b.log)-keptHappenings+1)
	}
	b.log = append(b.log, Happening{b.now(), k, words})
	close(b.changed)
	b.changed = make(chan struct{})
}
