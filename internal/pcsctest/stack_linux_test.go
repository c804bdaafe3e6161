package pcsctest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestStartStopKillRestart(t *testing.T) {
	s := StartOwned(t)
	for i := range Slots {
		if !listens(s.Slot(i)) {
			t.Fatalf("slot %d: nothing listens on %s", i, s.Slot(i))
		}
	}
	for name, end := range map[string]func(testing.TB){"stop": s.Stop, "kill": s.Kill} {
		end(t)
		if serves() {
			t.Fatalf("pcscd answers after %s", name)
		}
		s.Restart(t)
		if !serves() {
			t.Fatalf("pcscd does not answer after %s and restart", name)
		}
	}
}

// Nothing of one Start is left for the next, in this process or another.
func TestNothingLeaks(t *testing.T) {
	var owned bool
	t.Run("first", func(t *testing.T) { owned = StartOwned(t).Owned() })
	if !owned {
		t.Skip("the first part was skipped")
	}
	unlock, err := lock() // or it is the next package's
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if serves() {
		t.Fatal("pcscd answers after the test that had started it")
	}
}

func TestOneAtATime(t *testing.T) {
	t.Run("first", func(t *testing.T) {
		Start(t)
		f, err := os.OpenFile(lockFile(), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != syscall.EWOULDBLOCK {
			t.Errorf("lock of a second user: %v, want %v", err, syscall.EWOULDBLOCK)
		}
	})
}

func TestMissing(t *testing.T) {
	for value, want := range map[string]string{"": "skip", "1": "fatal"} {
		t.Setenv(RequireEnv, value)
		got := &recorder{TB: t}
		func() {
			defer func() { recover() }()
			missing(got, errors.New("reason"))
		}()
		if got.how != want || !strings.HasPrefix(got.text, Missing+"reason") {
			t.Errorf("%s=%q: %s %q, want %s", RequireEnv, value, got.how, got.text, want)
		}
	}
}

type recorder struct {
	testing.TB
	how, text string
}

func (r *recorder) Skipf(f string, a ...any) { r.how, r.text = "skip", fmt.Sprintf(f, a...) }
func (r *recorder) Fatalf(f string, a ...any) {
	r.how, r.text = "fatal", fmt.Sprintf(f, a...)
	panic(r)
}
