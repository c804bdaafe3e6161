package ledger

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Nothing counts as confirmed for long that is not, whatever the clock of one side says, and, with right
// clocks, nothing waits for much longer than it has to.
func TestConfirmations(t *testing.T) {
	t.Parallel()
	const keep = 30 * 24 * time.Hour
	start := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		var c confirmations
		type known struct {
			seq uint64
			at  time.Time
		}
		var all []known
		confirmed, now := uint64(0), start
		forgotten := 0
		for range 1500 {
			now = now.Add(time.Duration(r.Int64N(int64(6 * time.Hour))))
			if r.IntN(3) == 0 {
				confirmed += r.Uint64N(50)
			}
			if r.IntN(200) == 0 && seed%3 == 0 { // the centre lost some
				confirmed -= min(confirmed, r.Uint64N(500))
				c.lost(confirmed)
				for len(all) > 0 && all[len(all)-1].seq > confirmed {
					all = all[:len(all)-1]
				}
			}
			if len(all) == 0 || confirmed > all[len(all)-1].seq {
				all = append(all, known{confirmed, now})
			}
			here, centre := now, now
			if seed%2 == 0 && r.IntN(4) == 0 { // one of them is wrong
				wrong := []time.Duration{time.Hour, -time.Hour, -24 * time.Hour, 24 * 365 * time.Hour, -56 * 365 * 24 * time.Hour}[r.IntN(5)]
				if here = now.Add(wrong); r.IntN(2) == 0 {
					here, centre = centre, here
				}
			}
			upTo := c.see(confirmed, here, centre, keep)
			for i, k := range all {
				from := uint64(0)
				if i > 0 {
					from = all[i-1].seq
				}
				switch age := now.Sub(k.at); {
				case age < keep-2*time.Second && upTo > from && upTo > 0:
					t.Fatalf("seed %d: what was confirmed %v ago counts as old", seed, age)
				case seed%2 == 1 && seed%3 != 0 && age > keep+keep/2 && upTo < k.seq:
					t.Fatalf("seed %d: what was confirmed %v ago does not", seed, age)
				}
			}
			if upTo > 0 {
				forgotten++
			}
		}
		if forgotten == 0 && seed%2 == 1 {
			t.Errorf("seed %d: nothing ever counts as old", seed)
		}
	}
}
