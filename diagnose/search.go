package diagnose

import "math/bits"

// fault is one mistake that a reader may have made.
type fault struct {
	rule string // its name in reports
	text string // what the reader did, a clause
	next string // what to do
}

// search looks for the fewest faults that explain bytes. Every hypothesis is
// computed and compared; how much the comparison says is counted in bits, less
// those that chance gains by the number of tries.
type search struct {
	tries  int
	left   *int // of the whole recording's
	found  bool
	faults []fault
	bits   int
}

// maxTries bounds what one message may cost, allTries a recording.
const (
	maxTries = 40000
	allTries = 250000
)

func newSearch(left *int) *search { return &search{left: left} }

// try counts a hypothesis. It is false where the search is over, or where the
// hypothesis has no fewer faults than what was found.
func (s *search) try(faults []fault) bool {
	if s.tries >= maxTries || *s.left <= 0 || s.found && len(faults) >= len(s.faults) {
		return false
	}
	s.tries++
	*s.left--
	return true
}

// hit takes a hypothesis whose comparison of so many bits was right.
func (s *search) hit(faults []fault, n int) {
	if n -= bits.Len(uint(s.tries)); n < likelyBits || s.found && len(faults) >= len(s.faults) {
		return
	}
	s.found, s.faults, s.bits = true, append([]fault(nil), faults...), n
}

// How many bits of a comparison make a hypothesis likely, and proved.
const (
	likelyBits = 8
	provedBits = 24
)

func (s *search) sure() Sureness {
	if s.bits >= provedBits {
		return Proved
	}
	return Likely
}

// plus adds a fault to others, nil for none. It reports whether there are no
// more than two, which is as far as searches go.
func plus(faults []fault, more ...*fault) ([]fault, bool) {
	out := append([]fault(nil), faults...)
	for _, f := range more {
		if f != nil {
			out = append(out, *f)
		}
	}
	return out, len(out) <= maxFaults
}

const maxFaults = 2
