package sim

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

var update = flag.Bool("update", false, "write the table of docs/faults.md")

// The table of docs/faults.md is what happens, and has every fault; what else is
// code there can be read.
func TestFaultsPage(t *testing.T) {
	const name = "../docs/faults.md"
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		text, isRow := strings.CutPrefix(line, "| `")
		text, _, ends := strings.Cut(text, "` |")
		var command, answer int
		if n, _ := fmt.Sscanf(line, "| %d, %d |", &command, &answer); n == 2 {
			fmt.Fprintf(&out, "| %d, %d |", command, answer)
			for _, rate := range []int{106, 212, 424, 848} {
				l := Latency{Rate: rate}
				fmt.Fprintf(&out, " %.2f ms |", l.Exchange(command, answer, 0).Seconds()*1000)
			}
			out.WriteString("\n")
			continue
		}
		if !isRow || !ends {
			out.WriteString(line)
			continue
		}
		f := parsed(t, text)
		for _, p := range f.parts {
			seen[p.kind.name] = true
		}
		c := newCard(t, wire.EV2)
		script(t, c.Present(), free)
		a := f.Present(c)
		fmt.Fprintf(&out, "| `%s` |", text)
		for _, command := range fare {
			b, err := a.Transmit(t.Context(), unhex(t, command))
			if err != nil {
				out.WriteString(" - |")
				continue
			}
			fmt.Fprintf(&out, " %X |", b)
		}
		c.Present()
		fmt.Fprintf(&out, " %d |\n", c.value())
	}
	for _, n := range FaultNames() {
		if !seen[n] && n != "seed" {
			t.Errorf("%s is not in the table", n)
		}
	}
	if *update {
		if err := os.WriteFile(name, []byte(out.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if out.String() != string(page) {
		t.Errorf("%s tells something else than what happens: go test ./sim -run TestFaultsPage -update", name)
	}
}
