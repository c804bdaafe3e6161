package ledger

import "time"

// confirmations are when the centre was seen to have confirmed changes safely, the oldest first. Times of
// entries do not count for how long a journal keeps them: the clock that made them may have been wrong, or the agent
// away for longer than that.
type confirmations [8]confirmation

type confirmation struct {
	Seq uint64 `json:"seq"` // 0: none
	At  int64  `json:"at"`  // seconds since 1970
}

// see takes note of what is confirmed, and returns up to which change everything was so for as long as keep, by
// both clocks.
func (c *confirmations) see(confirmed uint64, here, centre time.Time, keep time.Duration) (upTo uint64) {
	early, late := here, centre
	if late.Before(early) {
		early, late = late, early
	}
	n := 0
	for n < len(c) && c[n].Seq > 0 {
		c[n].At = min(c[n].At, late.Unix()) // a clock was ahead: from now on
		n++
	}
	switch {
	case confirmed == 0 || n > 0 && confirmed <= c[n-1].Seq:
	case n == len(c): // with the newest
		c[n-1] = confirmation{confirmed, late.Unix()}
	case n == 0 || late.Sub(time.Unix(c[n-1].At, 0)) >= keep/time.Duration(len(c)-2):
		c[n] = confirmation{confirmed, late.Unix()}
		n++
	}
	old := 0
	for old < n && early.Sub(time.Unix(c[old].At, 0)) >= keep {
		upTo = c[old].Seq
		old++
	}
	if old > 1 { // the last of them stays
		c.cut(old-1, n)
	}
	return upTo
}

func (c *confirmations) cut(from, to int) {
	var left confirmations
	copy(left[:], c[from:to])
	*c = left
}

// lost forgets confirmations of what the centre does not have any more.
func (c *confirmations) lost(after uint64) {
	for i := range c {
		if c[i].Seq > after {
			c[i] = confirmation{}
		}
	}
}
