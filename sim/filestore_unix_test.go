//go:build darwin || freebsd || linux || netbsd || openbsd

package sim

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk that is full in the middle of a save costs nothing: the card answers
// EEPROM_ERROR, keeps its memory and goes on when there is room. A limit of the
// size of files, in a process of its own, stands for the disk.
func TestFullDisk(t *testing.T) {
	if path := os.Getenv("SIM_TEST_FULL"); path != "" {
		fullDisk(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "card.json")
	stored(t, path)
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), "SIM_TEST_FULL="+path)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "disk was full") {
		t.Fatalf("%v\n%s", err, out)
	}
	if left := hidden(t, path); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func fullDisk(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ)
	c, err := New(&Config{Store: File(path)})
	if err != nil {
		t.Fatal(err)
	}
	want := image(c)
	a := c.Present()
	script(t, a, "5a 563412 < 00")
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = 100
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	script(t, a, "3d 01 000000 010000 aa < ee")
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	sameImage(t, image(c), want)
	if stored, err := os.ReadFile(path); err != nil || string(stored) != string(want) {
		t.Errorf("the stored image has changed: %v", err)
	}
	script(t, a, "5a 563412 < 00\n3d 01 000000 010000 aa < 00")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Println("disk was full")
}
