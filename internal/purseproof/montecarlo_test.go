package purseproof

import (
	"flag"
	"os"
	"testing"

	"github.com/go-desfire/desfire/purse"
)

var (
	wholeRuns = flag.Bool("whole", os.Getenv("DESFIRE_WHOLE") != "", "all runs, not a sample")
	oneSeed   = flag.Uint64("seed", 0, "this seed only")
	update    = flag.Bool("update", false, "rewrite the part about purses of docs/reliability.md; implies -whole")
)

// eachLayout calls play for each pair of channel and receipts that there is.
func eachLayout(t *testing.T, play func(t *testing.T, l *layout)) {
	for _, c := range channels {
		for _, r := range allReceipts {
			l := layoutOf(c.name, r.name)
			if !l.possible() {
				continue
			}
			t.Run(l.String(), func(t *testing.T) {
				t.Parallel()
				play(t, l)
			})
		}
	}
}

func seeds(runs int) (from, to uint64) {
	if *oneSeed > 0 {
		return *oneSeed, *oneSeed + 1
	}
	return 1, uint64(runs) + 1
}

func TestHonest(t *testing.T) {
	runs := 5
	if *wholeRuns || *update {
		runs = 150
	}
	eachLayout(t, func(t *testing.T, l *layout) {
		y := new(tally)
		from, to := seeds(runs)
		for seed := from; seed < to && !t.Failed(); seed++ {
			w := honest(t, l, seed)
			w.needless()
			y.add(w)
			w.report()
		}
		t.Logf("%d runs, %d changes: %v; in doubt %v, at the centre %v; alarms %v", y.runs, y.changes, y.by, y.doubt, y.centre, y.alarms)
	})
}

func TestHostile(t *testing.T) {
	runs := 5
	if *wholeRuns || *update {
		runs = 150
	}
	eachLayout(t, func(t *testing.T, l *layout) {
		if l.policy != purse.Hostile {
			t.Skip("proves nothing against a relay, and says so")
		}
		y := new(tally)
		from, to := seeds(runs)
		for seed := from; seed < to && !t.Failed(); seed++ {
			w := hostile(t, l, seed)
			y.add(w)
			w.report()
		}
		t.Logf("%d runs, %d changes: %v; in doubt %v, at the centre %v; alarms %v", y.runs, y.changes, y.by, y.doubt, y.centre, y.alarms)
	})
}
