package pcsctest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	socket     = "/run/pcscd/pcscd.comm"
	readerConf = "/etc/reader.conf.d/vpcd"
	firstPort  = 35963
	patience   = 20 * time.Second
)

func start(t testing.TB) (*Stack, error) {
	unlock, err := lock()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	t.Cleanup(unlock)
	s := &Stack{}
	port, err := slotPort()
	if err != nil {
		return nil, err
	}
	for i := range s.slots {
		s.slots[i] = net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i))
	}
	if serves() {
		for _, slot := range s.slots {
			if !listens(slot) {
				return nil, fmt.Errorf("pcscd runs, but its vpcd driver does not listen on %s", slot)
			}
		}
		return s, nil
	}
	path, err := lookPath("pcscd")
	switch {
	case err != nil:
		return nil, errors.New("pcscd is not installed (make deps)")
	case os.Geteuid() != 0:
		return nil, errors.New("no pcscd runs, and only root can start one")
	}
	for _, slot := range s.slots {
		if listens(slot) {
			return nil, fmt.Errorf("no pcscd runs, but something listens on %s", slot)
		}
	}
	s.owned = true
	s.d = &daemon{path: path, slots: s.slots[:]}
	t.Cleanup(func() { s.d.end(syscall.SIGTERM) })
	if err := s.d.start(); err != nil {
		return nil, err
	}
	return s, nil
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

var channel = regexp.MustCompile(`(?m)^\s*CHANNELID\s+(0x[0-9A-Fa-f]+|[0-9]+)`)

// slotPort reads the port of slot 0 from the driver's configuration.
func slotPort() (int, error) {
	conf, err := os.ReadFile(readerConf)
	if err != nil {
		return 0, fmt.Errorf("the vpcd driver (Debian: vsmartcard-vpcd) is not installed: %w", err)
	}
	if m := channel.FindSubmatch(conf); m != nil {
		if port, err := strconv.ParseUint(string(m[1]), 0, 16); err == nil {
			return int(port), nil
		}
	}
	return firstPort, nil
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

// listens reports whether a port is open, without a connection, which the
// driver would take for a card.
func listens(addr string) bool {
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	open := regexp.MustCompile(fmt.Sprintf(`(?m)^ *\d+: [0-9A-F]+:%04X [0-9A-F:]+ 0A `, n))
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		if b, err := os.ReadFile(table); err == nil && open.Match(b) {
			return true
		}
	}
	return false
}

// daemon is a pcscd that this package has started.
type daemon struct {
	path  string
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
	args := []string{"--foreground", "--info"}
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
	return fmt.Errorf("pcscd was not ready after %v", patience)
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
