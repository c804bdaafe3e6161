package purse

import "testing"

// FuzzHistory makes histories of cards, and judges an entry of each. No judgement
// is wrong; false evidence is not either, where it claims less.
func FuzzHistory(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed, byte(seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, less byte) {
		c := newTally()
		c.history(seed, func(e *Entry, ev *Evidence) {
			if less&1 != 0 {
				ev.TMC, ev.TMV = nil, nil
			}
			if less&2 != 0 {
				ev.CommitAcked = false
			}
		})
		if c.wrong > 0 {
			t.Error(c.first)
		}
	})
}
