package pcsctest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	socket   = "/run/pcscd/pcscd.comm"
	patience = time.Minute
)

func start(t testing.TB) (*Stack, error) {
	unlock, err := lock()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	t.Cleanup(unlock)
	conf, err := os.ReadFile(readerConf)
	if err != nil {
		return nil, fmt.Errorf("the vpcd driver (Debian: vsmartcard-vpcd) is not installed: %w", err)
	}
	if serves() {
		return running(slotPort(conf))
	}
	path, err := lookPath("pcscd")
	switch {
	case err != nil:
		return nil, errors.New("pcscd is not installed (make deps)")
	case os.Geteuid() != 0:
		return nil, errors.New("no pcscd runs, and only root can start one")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	own := filepath.Join(t.TempDir(), "vpcd")
	if err := os.WriteFile(own, withPort(conf, port), 0o644); err != nil {
		return nil, err
	}
	s := &Stack{owned: true, slots: slots(port)}
	s.d = &daemon{path: path, conf: own, slots: s.slots[:]}
	t.Cleanup(func() { s.d.end(syscall.SIGTERM) })
	if err := s.d.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// running is the stack that was there before us.
func running(port int) (*Stack, error) {
	s := &Stack{slots: slots(port)}
	for _, slot := range s.slots {
		if !listens(slot) {
			return nil, fmt.Errorf("pcscd runs, but its vpcd driver does not listen on %s", slot)
		}
	}
	return s, nil
}

func slots(port int) (s [Slots]string) {
	for i := range s {
		s[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i))
	}
	return s
}

// lookPath also looks where Debian has daemons, which is not in every PATH.
func lookPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + name)
}

func lockFile() string { return filepath.Join(os.TempDir(), "go-desfire-pcsc.lock") }

// lock waits until no other test, of any package, uses the stack.
func lock() (unlock func(), err error) {
	f, err := os.OpenFile(lockFile(), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// serves reports whether a pcscd answers. Its socket alone may be a dead one's,
// and its process a zombie.
func serves() bool {
	c, err := net.DialTimeout("unix", socket, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
