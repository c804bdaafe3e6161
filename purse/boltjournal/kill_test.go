package boltjournal_test

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/purse/boltjournal"
)

// The test binary is also the program that is killed.
const (
	childJournal = "BOLTJOURNAL_TEST_JOURNAL" // of which
	childStep    = "BOLTJOURNAL_TEST_STEP"    // at which step it kills itself; 0: never
	childWork    = "BOLTJOURNAL_TEST_WORK"    // how many calls it makes
	childLimit   = "BOLTJOURNAL_TEST_LIMIT"   // instead: until the disk is full, at this size
)

func TestMain(m *testing.M) {
	if os.Getenv(childJournal) != "" {
		do := child
		if os.Getenv(childLimit) != "" {
			do = fillChild
		}
		if err := do(); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func fillChild() error {
	size, err := strconv.ParseUint(os.Getenv(childLimit), 10, 64)
	if err != nil {
		return err
	}
	calls, err := fill(os.Getenv(childJournal), size)
	fmt.Println(calls)
	return err
}

// child works with a journal and says after each call how many are in it.
func child() error {
	last, err := strconv.Atoi(os.Getenv(childStep))
	if err != nil {
		return err
	}
	calls, err := strconv.Atoi(os.Getenv(childWork))
	if err != nil {
		return err
	}
	steps := 0
	o := boltjournal.Options{NoSync: true}.WithStep(func(string) {
		if steps++; steps == last {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				panic(err)
			}
			time.Sleep(time.Minute)
		}
	})
	j, err := boltjournal.Open(os.Getenv(childJournal), o)
	if err != nil {
		return err
	}
	at, err := position(j)
	if err != nil {
		return err
	}
	fmt.Println(at)
	for ; calls > 0; calls-- {
		if err := work(j, at); err != nil {
			return err
		}
		at++
		fmt.Println(at)
	}
	return j.Close()
}

// run starts a child; after is when it is killed from outside, 0: not.
func run(t *testing.T, path string, step, calls int, after time.Duration) (said int, finished bool) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childJournal+"="+path, fmt.Sprint(childStep, "=", step), fmt.Sprint(childWork, "=", calls))
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	in := bufio.NewScanner(out)
	said = -1
	for in.Scan() {
		if strings.HasPrefix(in.Text(), "failed") {
			t.Errorf("step %d: %s", step, in.Text())
			continue
		}
		n, err := strconv.Atoi(in.Text())
		must(t, err)
		if said < 0 && after > 0 {
			time.AfterFunc(after, func() { _ = c.Process.Kill() })
		}
		said = n
	}
	err = c.Wait()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Exited() && exit.ExitCode() == 1 && !t.Failed()) && os.PathSeparator == '/' {
		t.Fatal(err)
	}
	return said, err == nil
}

// look opens a journal as the next program does.
func look(t *testing.T, path string, said int, what string) (at int) {
	t.Helper()
	j, err := boltjournal.Open(path, boltjournal.Options{NoSync: true})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	at, err = position(j)
	if err != nil || at < said || at > said+1 {
		t.Fatalf("%s: it was killed after %d calls and holds %d: %v", what, said, at, err)
	}
	must(t, j.Close())
	return at
}

func TestKilledAtEveryStep(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "purse.db")
	at := 0
	for step := 1; ; step++ {
		said, finished := run(t, path, step, 7, 0)
		if finished {
			if step < 15 {
				t.Errorf("it has %d steps only", step)
			}
			break
		}
		if said < 0 {
			said = at
		}
		at = look(t, path, said, fmt.Sprint("step ", step))
	}
	list, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range list {
		if name := f.Name(); !strings.HasPrefix(name, "purse.db") && name != ".purse.db.lock" && !strings.HasPrefix(name, ".purse.db.new-") {
			t.Errorf("left: %s", name)
		}
	}
}

func TestKilledAtRandom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "purse.db")
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2)) //nolint:gosec // no secret
	for n := range 15 {
		said, finished := run(t, path, 0, 1_000_000, time.Duration(r.IntN(30_000_000)))
		if finished {
			t.Fatal("it ended by itself")
		}
		look(t, path, said, fmt.Sprint("kill ", n))
	}
}
