package pcsctest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// daemon is a pcscd that this package has started.
type daemon struct {
	path  string
	conf  string // the file that names its readers
	slots []string

	mu     sync.Mutex
	proc   *os.Process // nil while none runs
	log    *bytes.Buffer
	exited chan struct{}
}

func (d *daemon) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.proc != nil {
		return errors.New("pcscd runs already")
	}
	os.Remove(socket) // a killed one leaves it, and the next refuses to start
	log := new(bytes.Buffer)
	cmd := exec.Command(d.path, d.args()...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // no pcscd outlives a crashed test
	started, exited := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the death signal is that of the thread
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start pcscd: %w", err)
	}
	d.proc, d.log, d.exited = cmd.Process, log, exited
	return d.ready()
}

// args keeps a pcscd with polkit from asking it, where no bus may run. Others
// refuse the option.
func (d *daemon) args() []string {
	args := []string{"--foreground", "--info", "--config", d.conf}
	if help, _ := exec.Command(d.path, "--help").CombinedOutput(); bytes.Contains(help, []byte("--disable-polkit")) {
		args = append(args, "--disable-polkit")
	}
	return args
}

// ready waits until the daemon serves and its driver listens.
func (d *daemon) ready() error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		select {
		case <-d.exited:
			d.proc = nil
			return fmt.Errorf("pcscd ended at once:\n%s", d.log)
		default:
		}
		ok := serves()
		for _, slot := range d.slots {
			ok = ok && listens(slot)
		}
		if ok {
			return nil
		}
	}
	missing := "its socket"
	if serves() {
		missing = "a port of its vpcd driver"
	}
	d.proc.Kill()
	<-d.exited
	d.proc = nil
	return fmt.Errorf("pcscd was not ready after %v: %s is missing:\n%s", patience, missing, d.log)
}

// end sends a signal and waits until the process has gone.
func (d *daemon) end(sig syscall.Signal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.proc == nil {
		return
	}
	d.proc.Signal(sig)
	select {
	case <-d.exited:
	case <-time.After(patience):
		d.proc.Kill()
		<-d.exited
	}
	d.proc = nil
	os.Remove(socket)
}

// Terminate asks pcscd to end as its service manager would, and does not wait:
// it may be in an exchange with a card of the caller's. Stop waits.
func (s *Stack) Terminate(t testing.TB) {
	t.Helper()
	if s.d == nil {
		t.Fatal("this pcscd is not ours to stop: use StartOwned")
	}
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.d.proc != nil {
		s.d.proc.Signal(syscall.SIGTERM)
	}
}

// Stop ends pcscd as its service manager would.
func (s *Stack) Stop(t testing.TB) { s.end(t, syscall.SIGTERM) }

// Kill ends pcscd without giving it a chance to clean up.
func (s *Stack) Kill(t testing.TB) { s.end(t, syscall.SIGKILL) }

func (s *Stack) end(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if s.d == nil {
		t.Fatal("this pcscd is not ours to stop: use StartOwned")
	}
	s.d.end(sig)
}

// Restart starts pcscd again after Stop or Kill.
func (s *Stack) Restart(t testing.TB) {
	t.Helper()
	if s.d == nil {
		t.Fatal("this pcscd is not ours to start: use StartOwned")
	}
	if err := s.d.start(); err != nil {
		t.Fatal(err)
	}
}
