package purseproof

import (
	"flag"
	"os"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/purse"
)

var (
	wholeRuns = flag.Bool("whole", os.Getenv("DESFIRE_WHOLE") != "", "all runs, not a sample")
	oneSeed   = flag.Uint64("seed", 0, "this seed only")
	update    = flag.Bool("update", false, "rewrite the part about purses of docs/reliability.md; implies -whole")
)

func all() bool { return *wholeRuns || *update }

// results is what the document says.
type results struct {
	mu              sync.Mutex
	honest, hostile map[string]*tally // by layout
	cases           int               // of the matrix
	ends            int               // of journals
}

// TestRandom plays random worlds, the matrix of purse jobs, and journals that end,
// and compares the document with what came of them.
func TestRandom(t *testing.T) {
	res := &results{honest: map[string]*tally{}, hostile: map[string]*tally{}}
	whole := t.Run("honest", func(t *testing.T) { randomWorlds(t, 73, honest, res.honest, &res.mu) })
	whole = t.Run("hostile", func(t *testing.T) { randomWorlds(t, 84, hostile, res.hostile, &res.mu) }) && whole
	whole = t.Run("matrix", func(t *testing.T) { purseMatrix(t, res) }) && whole
	whole = t.Run("journals", func(t *testing.T) { journalsEnd(t, res) }) && whole
	if whole && *oneSeed == 0 && flag.Lookup("test.run").Value.String() == "" || *update {
		res.compare(t)
	}
}

// eachLayout calls play for each pair of channel and receipts that there is.
func eachLayout(t *testing.T, play func(t *testing.T, l *layout)) {
	for _, l := range layouts() {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			play(t, l)
		})
	}
}

func layouts() (all []*layout) {
	for _, r := range allReceipts {
		for _, c := range channels {
			if l := layoutOf(c.name, r.name); l.possible() {
				all = append(all, l)
			}
		}
	}
	return all
}

// randomWorlds plays worlds of each layout, so many or a few.
func randomWorlds(t *testing.T, runs int, play func(t testing.TB, l *layout, seed uint64) *world, to map[string]*tally, mu *sync.Mutex) {
	from := uint64(1)
	if !all() {
		runs = 5
	}
	if *oneSeed > 0 {
		from, runs = *oneSeed, 1
	}
	eachLayout(t, func(t *testing.T, l *layout) {
		y := new(tally)
		for seed := from; seed < from+uint64(runs) && !t.Failed(); seed++ {
			w := play(t, l, seed)
			if w == nil {
				t.Log("not played: proves nothing against a relay, and says so")
				return
			}
			y.add(w)
			w.report()
		}
		mu.Lock()
		defer mu.Unlock()
		to[l.String()] = y
		t.Logf("%d runs, %d changes: %v; in doubt %v, at the centre %v; alarms %v", y.runs, y.changes, y.by, y.doubt, y.centre, y.alarms)
	})
}

// relayed reports whether a layout says anything about relays.
func (l *layout) relayed() bool { return l.policy == purse.Hostile }
