package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a program that runs in a folder of its own, may be killed, and started
// again. What it prints goes to a file there.
type process struct {
	t    testing.TB
	name string
	dir  string
	path string
	args []string
	env  []string

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{} // closed when cmd has ended
	wanted bool          // somebody has asked for the end
	starts int
}

// newProcess makes a process that is not started yet. Its folder is made.
func newProcess(t testing.TB, dir, name, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, dir: filepath.Join(dir, name), path: path, args: args}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said last:\n%s", name, p.tail(40))
		}
	})
	return p
}

// role is a process that is the test's own program in another role.
func role(t testing.TB, dir, name, role string, args ...string) *process {
	p := newProcess(t, dir, name, os.Args[0], args...)
	p.env = append(p.env, roleEnv+"="+role)
	return p
}

func (p *process) file(name string) string { return filepath.Join(p.dir, name) }
func (p *process) logFile() string         { return p.dir + ".log" }

// forks starts processes in a thread that lives as long as this program: on Linux a
// child is told of the end of that thread, not of the program.
var forks = sync.OnceValue(func() chan func() {
	c := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range c {
			f()
		}
	}()
	return c
})

func (p *process) start() {
	p.t.Helper()
	if err := p.tryStart(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) tryStart() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return fmt.Errorf("%s runs already", p.name)
	}
	log, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	p.starts++
	fmt.Fprintf(log, "---- start %d: %s\n", p.starts, strings.Join(p.args, " "))
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.Env = append(append(os.Environ(), "HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir), p.env...)
	dieWithParent(cmd)
	started := make(chan error)
	forks() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return err
	}
	p.cmd, p.wanted, p.ended = cmd, false, make(chan struct{})
	go p.wait(cmd, p.ended)
	return nil
}

func (p *process) wait(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.wanted {
		p.t.Errorf("%s ended by itself: %v\n%s", p.name, err, p.tail(30))
	}
	p.cmd = nil
	close(ended)
}

// end asks the process to end by what ask does, and waits.
func (p *process) end(ask func(*os.Process) error) {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	if cmd == nil {
		p.mu.Unlock()
		return
	}
	p.wanted = true
	err := ask(cmd.Process)
	p.mu.Unlock()
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: %v", p.name, err)
	}
	select {
	case <-ended:
	case <-time.After(wait):
		_ = cmd.Process.Kill()
		p.t.Errorf("%s does not end", p.name)
		<-ended
	}
}

// kill is kill -9.
func (p *process) kill() { p.end((*os.Process).Kill) }

// stop asks for an orderly end.
func (p *process) stop() {
	p.end(func(o *os.Process) error { return o.Signal(os.Interrupt) })
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// expectEnd says that the process may end by itself from now on.
func (p *process) expectEnd() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = true
}

// log is what the process has printed since its last start.
func (p *process) log() string {
	b, _ := os.ReadFile(p.logFile())
	if i := bytes.LastIndex(b, []byte("---- start ")); i >= 0 {
		b = b[i:]
	}
	return string(b)
}

// tail is the last lines of all that it has printed.
func (p *process) tail(n int) string {
	b, _ := os.ReadFile(p.logFile())
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// says waits until the process has printed a text since its last start.
func (p *process) says(text string) {
	p.t.Helper()
	eventually(p.t, p.name+" says "+text, func() error {
		if !strings.Contains(p.log(), text) {
			return errors.New("not yet:\n" + p.tail(20))
		}
		return nil
	})
}

// eventually waits until check has no error any more.
func eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	end := time.Now().Add(wait)
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 200*time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(pause)
	}
}

// folder is where processes of a test live; it is kept if the test fails.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fleet")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kept: %s (seed %d)", dir, *seed)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}
