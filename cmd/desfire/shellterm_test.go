//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// shellRun is a shell on a terminal of its own.
type shellRun struct {
	t   *testing.T
	cmd *exec.Cmd
	f   *os.File

	mu   sync.Mutex
	out  []byte
	more chan struct{} // has a token when something came
	end  bool
	seen int // of out, by expect
}

// startShell starts the shell. env is added to an environment without a home.
func startShell(t *testing.T, dir string, env []string, args ...string) *shellRun {
	t.Helper()
	return startOn(t, dir, env, os.Args[0], append([]string{"shell"}, args...)...)
}

// startOn starts a program on a terminal, as startShell does.
func startOn(t *testing.T, dir string, env []string, name string, args ...string) *shellRun {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), runMain+"=1", "TERM=xterm", "NO_COLOR=1", "GORACE=atexit_sleep_ms=0",
		"HOME="+dir, "XDG_STATE_HOME="+dir, "XDG_CONFIG_HOME="+dir, "DESFIRE_KEYS=", "DESFIRE_IDENTITY=", "DESFIRE_READER=", "PCSCLITE_CSOCK_NAME="+dir+"/no-pcscd")
	cmd.Env = append(cmd.Env, env...)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	r := &shellRun{t: t, cmd: cmd, f: f, more: make(chan struct{}, 1)}
	go r.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		f.Close()
	})
	return r
}

func (r *shellRun) read() {
	for {
		b := make([]byte, 4096)
		n, err := r.f.Read(b)
		r.mu.Lock()
		r.out = append(r.out, b[:n]...)
		r.end = err != nil
		r.mu.Unlock()
		select {
		case r.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// movements are what moves the cursor and clears what follows it.
var movements = regexp.MustCompile("\x1b\\[[?0-9;]*[A-Za-z]|\r")

// shown is what came since the last match, without movements.
func (r *shellRun) shown() (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return movements.ReplaceAllString(string(r.out[r.seen:]), ""), r.end
}

// patient is how long a test waits for what must come.
const patient = time.Minute

// expect waits until a pattern is shown behind the last one, and returns the
// text before and with it.
func (r *shellRun) expect(pattern string) string {
	r.t.Helper()
	re := regexp.MustCompile(pattern)
	late := time.After(patient)
	for {
		text, end := r.shown()
		if at := re.FindStringIndex(text); at != nil {
			r.mu.Lock()
			r.seen = r.after(at[1])
			r.mu.Unlock()
			return text[:at[1]]
		}
		if end {
			r.t.Fatalf("the shell has ended, and shows no %s:\n%s", pattern, text)
		}
		select {
		case <-r.more:
		case <-late:
			r.t.Fatalf("no %s:\n%s", pattern, text)
		}
	}
}

// after is where in the output so many bytes have been shown.
func (r *shellRun) after(n int) int {
	rest := r.out[r.seen:]
	at := 0
	for _, m := range append(movements.FindAllIndex(rest, -1), []int{len(rest), len(rest)}) {
		if plain := m[0] - at; plain >= n {
			return r.seen + at + n
		} else {
			n -= plain
		}
		at = m[1]
	}
	return len(r.out)
}

// typed types keys.
func (r *shellRun) typed(keys string) {
	r.t.Helper()
	if _, err := io.WriteString(r.f, keys); err != nil {
		r.t.Fatal(err)
	}
}

// run types a line and waits for the prompt that follows.
func (r *shellRun) run(line string) string {
	r.t.Helper()
	r.typed(line + "\r")
	return r.expect(regexp.QuoteMeta(line[strings.LastIndexByte(line, '\t')+1:])+`[^>]*\n`) + r.expect(prompts)
}

// prompts are those of a card that is there.
const prompts = `(?m)^EV[123] \.\.[0-9A-F]{6} /\S*> `

// ended waits until the shell has ended, and gives its exit code.
func (r *shellRun) ended() int {
	r.t.Helper()
	timer := time.AfterFunc(patient, func() { _ = r.cmd.Process.Kill() })
	defer timer.Stop()
	_ = r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode()
}

func shellImage(t *testing.T, dir string) string {
	t.Helper()
	image := filepath.Join(dir, "card.json")
	if code := run([]string{"sim", "new", image, "--transit", "--uid", "04112233445566"}, strings.NewReader(""), io.Discard, io.Discard); code != exitDone {
		t.Fatal("sim new fails")
	}
	return image
}
