package fleet

import "time"

// Agent is a program at the edge that serves readers.
type Agent struct {
	Name   string    `json:"name"`
	Build  string    `json:"build,omitempty"` // its version, as it says
	Boot   string    `json:"boot,omitempty"`  // random for each start
	State  State     `json:"state"`
	Joined time.Time `json:"joined,omitzero"` // when it was let in
	Seen   time.Time `json:"seen,omitzero"`   // when it was heard last, by the centre's clock
	Began  time.Time `json:"began,omitzero"`  // since when it is heard without a gap
	// Skew is by how many seconds its clock is ahead of the centre's, the time on the wire
	// included.
	Skew     float64  `json:"skew_s,omitempty"`
	Readers  []Reader `json:"readers,omitempty"` // by ID
	Revoked  bool     `json:"revoked,omitempty"`
	Draining bool     `json:"draining,omitempty"` // it ends what it does, and takes nothing new
	Problem  string   `json:"problem,omitempty"`  // what keeps it from working
}

// State is whether something is there.
type State string

// States.
const (
	Here  State = "here"
	Late  State = "late"  // it has missed a sign of life
	Away  State = "away"  // it was there, and does not answer
	Never State = "never" // it may join, and has not yet
)

// How long an agent may be silent. It says something every five seconds.
const (
	LateAfter = 12 * time.Second
	AwayAfter = 30 * time.Second
)

// StateAt is the state of an agent that was heard last at seen.
func StateAt(now, seen time.Time) State {
	switch silent := now.Sub(seen); {
	case seen.IsZero():
		return Never
	case silent >= AwayAfter:
		return Away
	case silent >= LateAfter:
		return Late
	}
	return Here
}

// Reachable reports whether requests can be sent to it.
func (a *Agent) Reachable() bool { return !a.Revoked && (a.State == Here || a.State == Late) }

// Reader is the reader of an id; nil if there is none.
func (a *Agent) Reader(id string) *Reader {
	for i := range a.Readers {
		if a.Readers[i].ID == id {
			return &a.Readers[i]
		}
	}
	return nil
}
