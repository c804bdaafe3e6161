package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Eight programs that debit one image at once, each waiting its turn, take 8.
func TestParallelDebits(t *testing.T) {
	image := filepath.Join(t.TempDir(), "travel.json")
	if code, _, errs := tool("sim", "new", image, "--generation", "ev2", "--transit"); code != 0 {
		t.Fatal(errs)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			cmd := exec.Command(os.Args[0], "value", "debit", "121314", "1", "1", "--reader", "sim:"+image, "--wait", "0")
			cmd.Env = append(os.Environ(), runMain+"=1")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	code, out, errs := tool("value", "get", "121314", "1", "--reader", "sim:"+image)
	if want := fmt.Sprintln(transitCredit - 8); code != 0 || out != want {
		t.Errorf("value %q, want %q %s", out, want, errs)
	}
}
