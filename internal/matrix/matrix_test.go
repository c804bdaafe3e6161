// Package matrix plays every job of a card program, in every channel, with every
// fault in every exchange, and compares what the reader says with what the
// simulated card holds.
package matrix_test

import (
	"bytes"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var (
	whole  = flag.Bool("whole", os.Getenv("DESFIRE_WHOLE") != "", "all cases, not a sample")
	every  = flag.Bool("every", false, "print every violation, not ten for each cell")
	update = flag.Bool("update", false, "rewrite docs/reliability.md and testdata/limits.tsv; implies -whole")
)

const (
	document = "../../docs/reliability.md"
	pins     = "testdata/limits.tsv"
)

// result is what came of the cases of a cell.
type result struct {
	cell     *cell
	cases    int
	claims   [claims]int
	retried  int
	pins     map[pin]int
	broken   []string // violations
	needless []string // unknown, where the reader could have known
}

// Every case: the card is as before, or as after, or the reader says that it
// does not know; and where it says so, it could not.
func TestMatrix(t *testing.T) {
	var all []*result
	t.Run("cells", func(t *testing.T) {
		for _, ch := range channels {
			for _, j := range jobs {
				if !j.can(ch) {
					continue
				}
				r := &result{pins: map[pin]int{}}
				all = append(all, r)
				t.Run(ch.name+"/"+j.name, func(t *testing.T) {
					t.Parallel()
					r.cell = newCell(t, ch, j)
					r.play(t)
					for i, v := range append(r.broken, r.needless...) {
						if i == 10 && !*every {
							t.Errorf("and %d more", len(r.broken)+len(r.needless)-i)
							break
						}
						t.Error(v)
					}
				})
			}
		}
	})
	ran := !slices.ContainsFunc(all, func(r *result) bool { return r.cell == nil }) // false with -run of some
	if ran && (*update || !t.Failed()) {
		compare(t, all)
	}
}

// full reports whether all cases of a cell are played in the short form, too.
func (c *cell) full() bool { return *whole || *update || c.job.name == "debit" }

// sampled picks one in ten of what the reader may see in an exchange, always
// the same, with all that may be true then.
func (c *cell) sampled(f *fault, at int) bool {
	if c.full() {
		return true
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %s %d %s", c.ch.name, c.job.name, at, f.name)
	return h.Sum32()%10 == 0
}

func (r *result) play(t *testing.T) {
	c := r.cell
	type seen struct {
		states  map[string]bool
		unknown []string
		fault   *fault // of one of them
		at      int
		outcome *outcome
	}
	seenBy := map[string]*seen{}
	for at := 1; at <= len(c.clean); at++ {
		for _, f := range faults {
			if !c.sampled(f, at) || f.can != nil && !f.can(c, at) {
				continue
			}
			o := c.judge(t, f, at)
			r.cases++
			r.claims[o.claim]++
			if o.retried {
				r.retried++
			}
			where := fmt.Sprintf("exchange %d, %v", at, f)
			for l, what := range o.lies {
				if what == "" {
					continue
				}
				if x := c.knowable(lie(l), f, at, o); x != nil {
					r.pins[pin{x.name, c.job.name, c.ch.name, f.group}]++
				} else {
					r.broken = append(r.broken, fmt.Sprintf("%s: %v: %s", where, lie(l), what))
				}
			}
			g := seenBy[o.seen]
			if g == nil {
				g = &seen{states: map[string]bool{}}
				seenBy[o.seen] = g
			}
			g.states[o.state] = true
			if o.claim == claimUnknown {
				g.unknown = append(g.unknown, where)
				g.fault, g.at, g.outcome = f, at, o
			}
		}
	}
	for _, g := range seenBy {
		if len(g.states) < 2 && g.fault != nil {
			for _, s := range c.twins(t, g.fault, g.at, g.outcome) {
				g.states[s] = true
			}
		}
		if len(g.states) < 2 {
			for _, where := range g.unknown {
				r.needless = append(r.needless, where+": unknown, though all that looks so ends alike")
			}
		}
	}
	slices.Sort(r.needless)
}

// compare holds the results against the pinned counts and the document.
func compare(t *testing.T, all []*result) {
	if *update {
		write(t, pins, pinTable(all))
		_, purses := parts(read(t, document))
		write(t, document, append(render(all), purses...))
	}
	pinned := map[string]bool{}
	for line := range strings.Lines(string(read(t, pins))) {
		pinned[strings.TrimSuffix(line, "\n")] = true
	}
	text, _ := parts(read(t, document))
	for _, r := range all {
		if !r.cell.full() {
			for p := range r.pins { // the rule has to be one that the cell is known for
				if !slices.ContainsFunc(slices.Collect(maps.Keys(pinned)), func(line string) bool { return strings.HasPrefix(line, p.String()+"\t") }) {
					t.Errorf("not in %s: %v", pins, p)
				}
			}
			continue
		}
		for p, n := range r.pins {
			if line := fmt.Sprintf("%v\t%d", p, n); !pinned[line] {
				t.Errorf("not in %s: %s", pins, line)
			}
		}
		if !bytes.Contains(text, []byte(r.row())) {
			t.Errorf("%s lacks the row %s", document, r.row())
		}
	}
	if *whole && !*update {
		if !bytes.Equal(text, render(all)) {
			t.Errorf("%s is out of date: go test ./internal/matrix -update", document)
		}
		if !bytes.Equal(read(t, pins), pinTable(all)) {
			t.Errorf("%s is out of date: go test ./internal/matrix -update", pins)
		}
	}
	if frame := preamble(); !bytes.HasPrefix(text, frame) {
		t.Errorf("%s is out of date: go test ./internal/matrix -update", document)
	}
}

// parts are the document up to what internal/purseproof writes, and that.
func parts(text []byte) (own, purses []byte) {
	if at := bytes.Index(text, []byte("\n## Purses\n")); at >= 0 {
		return text[:at], text[at:]
	}
	return text, nil
}

func read(t *testing.T, path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, path string, b []byte) {
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
