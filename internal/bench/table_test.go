// Package bench measures what the reader costs and prints one table, which
// docs/performance.md tells how to read. It has tests only: make bench prints the
// table, go test plays each line of it for a moment.
package bench_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// row is a line of the table. What is negative was not measured and is not there.
type row struct {
	group, what string
	each        float64 // ns
	host        float64 // ns of each that are the reader's own
	bare        float64 // ns of the bare loop
	ratio       float64 // each to bare, in the same turn
	allocs      float64
	bytes       float64
	more        string
}

func newRow(group, what string) row {
	return row{group, what, -1, -1, -1, -1, -1, -1, ""}
}

// One layout for all lines, so that tables can be compared.
const layout = "%-66s %10s %10s %10s %10s %6s %7s %7s  %s"

// print writes the table, with a line before each group.
func print(to *strings.Builder, rows []row) {
	line := func(columns ...any) {
		fmt.Fprintln(to, strings.TrimRight(fmt.Sprintf(layout, columns...), " "))
	}
	line("", "a second", "us each", "reader us", "bare us", "ratio", "allocs", "bytes", "")
	group := ""
	for _, r := range rows {
		if r.group != group {
			group = r.group
			fmt.Fprintf(to, "\n%s\n", group)
		}
		line("  "+r.what, number(1e9/r.each, 0), number(r.each/1e3, 2), number(r.host/1e3, 2), number(r.bare/1e3, 2),
			number(r.ratio, 2), number(r.allocs, 0), number(r.bytes, 0), r.more)
	}
}

func number(v float64, digits int) string {
	if v < 0 {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, v)
}

// size is how much is measured.
type size struct {
	turns int           // of each lane
	turn  time.Duration // about how long each is
	fleet time.Duration // how long cards are served together
	cards []crowd
}

// crowd is how many cards are served, and what an exchange with each takes.
type crowd struct {
	n       int
	latency time.Duration
}

// quick is what an exchange with a real card takes, and little.
const quick = 10 * time.Millisecond

var (
	all = size{turns: 701, turn: time.Millisecond, fleet: 3 * time.Second, cards: []crowd{
		{1, quick}, {10, quick}, {100, quick}, {1000, quick}, {10000, 10 * quick}, {10000, quick},
	}}
	few = size{turns: 3, turn: time.Millisecond, fleet: 50 * time.Millisecond, cards: []crowd{{1, quick}, {20, quick}}}
)

// lane is something that is measured in turns with others.
type lane struct {
	what  string
	once  func()
	meter *meter    // where the card of this process is; nil without
	times []float64 // ns for one, of each turn
	hosts []float64 // those of them that were not spent by the card
}

// measure gives each lane its turns, in another order each time, so that what
// disturbs the machine disturbs all alike.
func (s size) measure(lanes ...*lane) {
	counts := make([]int, len(lanes))
	for range 5 { // whose turn was disturbed would have short ones
		for i, l := range lanes {
			n := 0
			for begin := time.Now(); time.Since(begin) < s.turn; n++ {
				l.once()
			}
			counts[i] = max(counts[i], n)
		}
	}
	for range s.turns {
		for _, i := range rand.Perm(len(lanes)) {
			lanes[i].turn(counts[i])
		}
	}
}

func (l *lane) turn(n int) {
	var card time.Duration
	if l.meter != nil {
		card = l.meter.card
	}
	begin := time.Now()
	for range n {
		l.once()
	}
	took := time.Since(begin)
	l.times = append(l.times, float64(took.Nanoseconds())/float64(n))
	if l.meter != nil {
		took -= l.meter.card - card
		l.hosts = append(l.hosts, float64(took.Nanoseconds())/float64(n))
	}
}

// fast is that of the fastest tenth of the turns: what else runs on the machine only
// ever adds.
func fast(turns []float64) float64 {
	return slices.Sorted(slices.Values(turns))[len(turns)/10]
}

// to is the median of the ratios to another lane in the same turns.
func (l *lane) to(other *lane) float64 {
	var ratios []float64
	for i, t := range l.times {
		ratios = append(ratios, t/other.times[i])
	}
	return median(ratios)
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// allocated is what one call allocates, in this process.
func (s size) allocated(once func()) (allocs, bytes float64) {
	once()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range s.turns {
		once()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(s.turns), float64(after.TotalAlloc-before.TotalAlloc) / float64(s.turns)
}

// alone are the lines of things that have their card in this process.
func (s size) alone(group string, lanes ...*lane) (rows []row) {
	s.measure(lanes...)
	for _, l := range lanes {
		r := newRow(group, l.what)
		r.each, r.host = fast(l.times), fast(l.hosts)
		r.allocs, r.bytes = s.allocated(l.once)
		rows = append(rows, r)
	}
	return rows
}

// beside is the line of something with a bare loop beside it, which were measured
// together.
func (s size) beside(group string, l, floor *lane) row {
	r := newRow(group, l.what)
	r.each, r.bare, r.ratio = fast(l.times), fast(floor.times), l.to(floor)
	r.allocs, r.bytes = s.allocated(l.once)
	return r
}

// machine says where the figures are from.
func machine() string {
	cpu := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			cpu = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s %s/%s, %d processors, %s", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), cpu)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
