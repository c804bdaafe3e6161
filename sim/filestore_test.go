package sim

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// heldBy names the environment variable that makes this test binary a process
// that holds the image which it names.
const heldBy = "SIM_TEST_HOLD"

// TestHoldImage is no test: it is the other process of the tests below. It says
// "held", then writes to the card without end if told so on standard input.
func TestHoldImage(t *testing.T) {
	path := os.Getenv(heldBy)
	if path == "" {
		t.Skip("the other process of other tests")
	}
	c, err := New(&Config{Store: File(path).HeldBy("card holder\x1b[2J")})
	if err != nil {
		t.Fatal(err)
	}
	a := c.Present()
	fmt.Println("held")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		a.Transmit(context.Background(), unhexed("5a 563412"))
		for i := 0; ; i++ {
			answer, err := a.Transmit(context.Background(), unhexed(fmt.Sprintf("3d 01 000000 040000 %08x", i)))
			if err != nil || len(answer) != 1 || answer[0] != 0 {
				t.Fatalf("write %d: %X, %v", i, answer, err)
			}
			if i == 20 {
				fmt.Println("writing")
			}
		}
	}
}

func unhexed(s string) []byte {
	var b []byte
	fmt.Sscanf(strings.ReplaceAll(s, " ", ""), "%x", &b)
	return b
}

// other starts a process that holds the image and waits until it does.
func other(t *testing.T, path string) (cmd *exec.Cmd, say func(string), hear *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^TestHoldImage$")
	cmd.Env = append(os.Environ(), heldBy+"="+path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	hear = bufio.NewScanner(out)
	if !hear.Scan() || hear.Text() != "held" {
		t.Fatalf("the other process says %q", hear.Text())
	}
	return cmd, func(s string) { fmt.Fprintln(in, s) }, hear
}

// stored makes an image with a small application and returns its content.
func stored(t *testing.T, path string) []byte {
	t.Helper()
	c := newCard(t, wire.EV2, func(c *Config) { c.Store = File(path) })
	script(t, c.Present(), free)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return image(c)
}

func noLocks(t *testing.T) {
	switch runtime.GOOS {
	case "plan9", "js", "wasip1", "aix", "solaris":
		t.Skip("no locks on " + runtime.GOOS)
	}
}

// hidden lists the files beside an image.
func hidden(t *testing.T, path string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestImageIsLocked(t *testing.T) {
	noLocks(t)
	path := filepath.Join(t.TempDir(), "card.json")
	want := stored(t, path)
	cmd, _, _ := other(t, path)

	var locked *LockedError
	_, err := New(&Config{Store: File(path)})
	if !errors.As(err, &locked) || locked.PID != cmd.Process.Pid || locked.Program != "card holder[2J" || locked.Image != path {
		t.Fatalf("opened beside another process: %v", err)
	}
	says := fmt.Sprintf("%s lies on another reader (card holder[2J, pid %d): take it away first", path, cmd.Process.Pid)
	if err.Error() != says {
		t.Errorf("%q, want %q", err, says)
	}
	if err := File(path).Save([]byte("x")); !errors.As(err, &locked) {
		t.Errorf("saved beside another process: %v", err)
	}
	if got, err := File(path).Load(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("showing needs no lock: %v", err)
	}

	// However the process ends, its lock ends with it.
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	c, err := New(&Config{Store: File(path)})
	if err != nil {
		t.Fatalf("after a kill: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if left := hidden(t, path); len(left) > 0 && runtime.GOOS != "windows" {
		t.Errorf("left behind: %v", left)
	}
}

// Two cards of one image in one process keep out of each other's way as well.
func TestImageIsLockedInOneProcess(t *testing.T) {
	noLocks(t)
	path := filepath.Join(t.TempDir(), "card.json")
	stored(t, path)
	first, err := New(&Config{Store: File(path)})
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	for _, s := range []*FileStore{File(path), first.store.(*FileStore)} {
		if _, err := New(&Config{Store: s}); !errors.As(err, &locked) || locked.PID != os.Getpid() {
			t.Errorf("a second card: %v", err)
		}
	}
	first.Present()
	first.Lift()
	second, err := New(&Config{Store: File(path)})
	if err != nil {
		t.Fatalf("the first card was lifted: %v", err)
	}
	script(t, second.Present(), "5a 563412 < 00\n3d 01 000000 040000 cafebabe < 00")

	if err := first.Return(); !errors.As(err, &locked) || first.InField() {
		t.Errorf("both on a reader: %v", err)
	}
	_, err = first.Present().Transmit(t.Context(), []byte{0x60})
	if !errors.As(err, &locked) {
		t.Errorf("exchange with a card that lies elsewhere: %v", err)
	}
	second.Lift()
	script(t, first.Present(), "5a 563412 < 00\nbd 01 000000 040000 < 00 cafebabe")
	first.Lift()

	// What returns has to be the same card.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := first.Return(); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("without an image: %v", err)
	}
	if _, err := New(&Config{Store: File(path), Generation: wire.EV1}); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherCardReturns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "card.json")
	stored(t, path)
	c, err := New(&Config{Store: File(path)})
	if err != nil {
		t.Fatal(err)
	}
	c.Lift()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	d, err := New(&Config{Store: File(path), Generation: wire.EV2, UID: []byte{4, 9, 9, 9, 9, 9, 9}})
	if err != nil {
		t.Fatal(err)
	}
	d.Lift()
	if err := c.Return(); err == nil || !strings.Contains(err.Error(), "holds the card 04090909090909") {
		t.Errorf("another card in its place: %v", err)
	}
	if d, err = New(&Config{Store: File(path)}); err != nil {
		t.Errorf("the failed return kept the lock: %v", err)
	} else {
		d.Lift()
	}
}

// A process that is killed while it saves leaves one whole image, and no other
// file once the image was opened again.
func TestKilledWhileSaving(t *testing.T) {
	noLocks(t)
	path := filepath.Join(t.TempDir(), "card.json")
	stored(t, path)
	for range 5 {
		cmd, say, hear := other(t, path)
		say("go")
		if !hear.Scan() || hear.Text() != "writing" {
			t.Fatalf("the other process says %q", hear.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		for _, left := range hidden(t, path) {
			if name := filepath.Base(left); name != ".card.json.new" && name != ".card.json.lock" {
				t.Errorf("left behind: %s", name)
			}
		}
		c, err := New(&Config{Store: File(path)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(filepath.Join(filepath.Dir(path), ".card.json.new")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("half an image after opening: %v", err)
		}
		c.Lift()
	}
}

func TestLeftoverIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "card.json")
	stored(t, path)
	left := filepath.Join(filepath.Dir(path), ".card.json.new")
	if err := os.WriteFile(left, []byte("keys"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := New(&Config{Store: File(path)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the leftover of a killed process: %v", err)
	}
	// A link that was planted is not written through.
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.Symlink(victim, left); err != nil {
		t.Skip(err)
	}
	script(t, c.Present(), "5a 563412 < 00\n3d 01 000000 010000 01 < 00")
	if _, err := os.Stat(victim); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a planted link was followed: %v", err)
	}
	c.Lift()
}

func TestLinkedImage(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "cards"), 0o700); err != nil {
		t.Fatal(err)
	}
	target, middle, link := filepath.Join(dir, "cards", "card.json"), filepath.Join(dir, "cards", "link"), filepath.Join(dir, "link.json")
	if err := os.Symlink("card.json", middle); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink(filepath.Join("cards", "link"), link); err != nil {
		t.Fatal(err)
	}
	stored(t, link) // which leads nowhere yet
	for _, l := range []string{link, middle} {
		if info, err := os.Lstat(l); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s was replaced: %v", l, err)
		}
	}
	if info, err := os.Lstat(target); err != nil || !info.Mode().IsRegular() {
		t.Fatalf("the target was not written: %v", err)
	}
	c, err := New(&Config{Store: File(link)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Lift()
	var locked *LockedError
	if _, err := New(&Config{Store: File(target)}); !errors.As(err, &locked) && runtime.GOOS != "windows" {
		t.Errorf("the same image by two names: %v", err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if err := File(loop).Save([]byte("x")); err == nil {
		t.Error("a link to itself was saved")
	}
}

func TestLargeImage(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "large.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(300 << 20); err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := New(&Config{Store: File(path)}); err == nil || !strings.Contains(err.Error(), "no card image is so large") || !strings.Contains(err.Error(), path) {
		t.Errorf("300 MiB: %v", err)
	}
	if _, err := File(dir).Load(); err == nil || !strings.Contains(err.Error(), "not a file") {
		t.Errorf("a folder: %v", err)
	}
}
