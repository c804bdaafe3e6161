package fleet

import (
	"bufio"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestChangeLogLosesPower cuts the power of a journal's disk again and again. What was shipped
// under a number is never another change of that number afterwards, and what was done
// is there.
func TestChangeLogLosesPower(t *testing.T) {
	cuts := 6
	if *soak {
		cuts = 300
	}
	dir := folder(t)
	d, err := newDisk(t, filepath.Join(dir, "disk"), 64)
	if err != nil {
		t.Skip(err)
	}
	r := rand.New(rand.NewPCG(*seed, 2))
	stock := newStock(t, dir)
	_, image := stock.image()
	if err := os.WriteFile(filepath.Join(dir, "card.json"), image, 0o600); err != nil {
		t.Fatal(err)
	}
	p := role(t, dir, "gate", "journal", filepath.Join(d.dir, "gate.db"), stock.keys, filepath.Join(dir, "card.json"))
	shipped := map[string]string{} // number -> entry and its hash
	done := map[string]bool{}
	changes := 0
	for cut := range cuts {
		p.start()
		p.says("ready\n")
		if cut == 0 {
			p.says("done ")
		}
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
		p.expectEnd()
		d.cut()
		p.kill()
		d.back()
		here := map[string]bool{}
		first := true
		lines := bufio.NewScanner(strings.NewReader(p.log()))
		for lines.Scan() {
			words := strings.Fields(lines.Text())
			switch {
			case len(words) == 1 && words[0] == "ready":
				for id := range done {
					if !here[id] {
						t.Errorf("debit %s was done, and the journal does not have it", id)
					}
				}
				first = false
			case len(words) == 4 && words[0] == "change":
				changes++
				here[words[2]] = true
				what := words[2] + " " + words[3]
				if before, ok := shipped[words[1]]; ok && before != what {
					t.Errorf("change %s was %s, and is now %s (at the start: %v)", words[1], before, what, first)
				}
				shipped[words[1]] = what
			case len(words) == 2 && words[0] == "done":
				done[words[1]] = true
			}
		}
	}
	if len(done) == 0 {
		t.Error("nothing was done")
	}
	t.Logf("%d changes shipped, %d debits done, the power lost %d times, seed %d", changes, len(done), cuts, *seed)
}
