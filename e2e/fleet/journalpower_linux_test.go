package fleet

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestJournalLosesPower debits with the tool, a process for each debit, whose journal
// lies on a disk that loses its power again and again: each request is made once.
func TestJournalLosesPower(t *testing.T) {
	debits := 12
	if *soak {
		debits = 500
	}
	dir := folder(t)
	d, err := newDisk(t, filepath.Join(dir, "disk"), 16)
	if err != nil {
		t.Skip(err)
	}
	r := rand.New(rand.NewPCG(*seed, 1))
	stock, spot := newStock(t, dir), newSpot(t)
	card := stock.card()
	spot.lay(card)
	desfire, journal := program(t, "desfire"), filepath.Join(d.dir, "gate.db")
	run(t, desfire, "purse", "init", journal, "F48121/1", "--slot", "2:0", "--reader", spot.place(), "--keys", stock.keys)
	env := []string{"DESFIRE_PURSE=" + journal}
	sum, cuts := 0, 0
	for i := range debits {
		amount := 1 + r.IntN(9)
		sum += amount
		args := []string{"purse", "debit", fmt.Sprint(amount), "--id", fmt.Sprint("r", i), "--reader", spot.place(), "--keys", stock.keys, "--json", "--wait", wait.String()}
		for try := 0; ; try++ {
			if try > 20 {
				t.Fatalf("request %d is not done after %d tries", i, try)
			}
			if try < 3 && r.IntN(3) > 0 {
				cmd := exec.Command(desfire, args...)
				cmd.Env = append(cmd.Environ(), env...)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(r.IntN(40_000)) * time.Microsecond)
				d.cut()
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
				d.back()
				cuts++
				continue
			}
			out, errs, code := runCode(t, env, "", desfire, args...)
			if code != 0 {
				t.Fatalf("request %d: exit code %d\n%s%s", i, code, out, errs)
			}
			var said struct {
				Decision string `json:"decision"`
			}
			line, _, _ := strings.Cut(out, "\n")
			if err := json.Unmarshal([]byte(line), &said); err != nil || said.Decision != "happened" {
				t.Fatalf("request %d: %v\n%s", i, err, out)
			}
			break
		}
	}
	value, moves := card.truth()
	if int(value) != startsAt-sum || len(moves) != debits {
		t.Errorf("the card holds %d after %d moves, want %d after %d", value, len(moves), startsAt-sum, debits)
	}
	t.Logf("%d debits, the power lost %d times, seed %d", debits, cuts, *seed)
}
