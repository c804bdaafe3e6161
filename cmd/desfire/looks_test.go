//go:build unix

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

var ansi = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// TestFitsTerminal: what is shown of cards fits the terminal, in color and
// without, and says the same at every width.
func TestFitsTerminal(t *testing.T) {
	dir := t.TempDir()
	var words = map[string][]string{}
	for _, g := range allGenerations {
		image := filepath.Join(dir, g.String()+".json")
		if err := os.WriteFile(image, fullCard(t, g).Image().Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
		if g == wire.EV1 { // it tells nothing without a key
			for _, place := range []string{"121314", "card"} {
				code, _, errs := desfireTool("key", "settings", place, "--set", "09", "--key", "des:0000000000000000", "--yes", "--reader", "sim:"+image)
				if code != exitDone {
					t.Fatal(errs)
				}
			}
		}
		for _, width := range []uint16{60, 80, 120} {
			for _, env := range [][]string{nil, {"NO_COLOR=1"}} {
				if env == nil && width != 80 {
					continue
				}
				for _, args := range [][]string{
					{"ls", "--names", "--key-versions", "--reader", "sim:" + image}, {"info", "--reader", "sim:" + image}, {"ls", "121314", "--reader", "sim:" + image},
					{"dump", "show", image}, {"sim", "show", image},
					{"restore", image, "--dry-run", "--force", "--reader", "sim:"},
				} {
					if args[1] == "121314" && g.FixedName() != nil {
						continue // it has no such application
					}
					out, code := onTerminalOf(t, width, "", env, args...)
					name := args[0] + " " + g.String()
					if code != exitDone {
						t.Errorf("%s: code %d: %s", name, code, out)
					}
					shown := ansi.ReplaceAllString(out, "")
					for line := range strings.Lines(shown) {
						line = strings.TrimRight(line, "\r\n")
						if n := len([]rune(line)); n > int(width) && !strings.Contains(line, dir) {
							t.Errorf("%s at %d: %d columns: %s", name, width, n, line)
						}
					}
					// Folding leaves nothing out.
					got := strings.Fields(strings.NewReplacer("│", "", "├──", "", "└──", "").Replace(shown))
					key := name + strings.Join(args[1:2], "")
					if want := words[key]; want == nil {
						words[key] = got
					} else if strings.Join(got, " ") != strings.Join(want, " ") && args[0] != "restore" {
						t.Errorf("%s at %d says something else:\n%s", name, width, shown)
					}
				}
			}
		}
	}
}
