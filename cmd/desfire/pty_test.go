//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// onTerminal runs the tool on a terminal and returns what it shows.
func onTerminal(t *testing.T, input string, env []string, args ...string) (string, int) {
	t.Helper()
	return onTerminalOf(t, columns, input, env, args...)
}

// onTerminalOf is onTerminal of a width.
func onTerminalOf(t *testing.T, width uint16, input string, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), append([]string{runMain + "=1", "TERM=xterm-256color", "NO_COLOR="}, env...)...)
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 40, Cols: width})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if input != "" {
		if _, err := f.WriteString(input); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := io.Copy(&out, f); err != nil && !errors.Is(err, syscall.EIO) { // EIO: the other side has ended
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return out.String(), cmd.ProcessState.ExitCode()
}

const columns = 80

// TestNarrow: what the demo shows fits a terminal of the usual width.
func TestNarrow(t *testing.T) {
	out, _ := onTerminal(t, "", []string{"NO_COLOR=1"}, "demo", "--speed", "500")
	for line := range strings.Lines(out) {
		if n := len([]rune(strings.TrimRight(line, "\r\n"))); n > columns {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

const escape = "\x1b["

func TestColor(t *testing.T) {
	for _, args := range [][]string{
		{"ls", "--reader", "sim:"}, {"info", "--reader", "sim:"}, {"readers", "--reader", "sim:"},
		{"apdu", "60", "--no-chain", "--reader", "sim:"}, {"info", "--reader", "sim:", "--trace"}, {"info", "--reader", "usb"},
		{"demo", "--speed", "500"},
	} {
		name := strings.Join(args, " ")
		if out, _ := onTerminal(t, "", nil, args...); !strings.Contains(out, escape) {
			t.Errorf("%s: no color on a terminal:\n%s", name, out)
		}
		for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
			if out, _ := onTerminal(t, "", []string{env}, args...); strings.Contains(out, "\x1b") {
				t.Errorf("%s with %s: color:\n%q", name, env, out)
			}
		}
	}
	out, _ := onTerminal(t, "", nil, "ls", "--reader", "sim:", "--json")
	if strings.Contains(out, "\x1b") {
		t.Errorf("color in JSON: %q", out)
	}
}

// TestFormatAsks answers the question on a terminal.
func TestFormatAsks(t *testing.T) {
	out, code := onTerminal(t, "n\n", nil, "format", "--reader", "sim:")
	if code != exitInterrupted || !strings.Contains(out, "Type yes:") || !strings.Contains(out, "not confirmed: nothing was done") {
		t.Errorf("code %d:\n%s", code, out)
	}
	out, code = onTerminal(t, "yes\n", nil, "format", "--reader", "sim:")
	if code != exitAuth || !strings.Contains(out, "wants its PICC master key") {
		t.Errorf("code %d:\n%s", code, out)
	}
	out, code = onTerminal(t, "\x03", nil, "format", "--reader", "sim:")
	if code != exitInterrupted && code != -1 || strings.Contains(out, "panic") {
		t.Errorf("Ctrl-C: code %d:\n%s", code, out)
	}
}

// TestNothingToRead: a verb that reads standard input does not wait for a
// person to type.
func TestNothingToRead(t *testing.T) {
	for _, args := range [][]string{{"write", "121314", "0", "--reader", "sim:"}, {"apdu", "--reader", "sim:"}} {
		if out, code := onTerminal(t, "", nil, args...); code != exitUsage || !strings.Contains(out, "nothing to") {
			t.Errorf("%v: code %d:\n%s", args, code, out)
		}
	}
}

// TestInterrupt ends verbs by a signal.
func TestInterrupt(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		want string // on stdout or stderr
	}{
		{[]string{"drain", "121314", "1", "--every", "1h"}, exitInterrupted, "desfire: interrupted"},
		{[]string{"watch", "--json"}, exitDone, "inserted"},
	} {
		image := t.TempDir() + "/card.json"
		if code := run([]string{"sim", "new", image, "--transit"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
			t.Fatal("sim new fails")
		}
		cmd := exec.Command(os.Args[0], append(tc.args, "--reader", "sim:"+image)...)
		cmd.Env = append(os.Environ(), runMain+"=1")
		var out lockedBuffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		out.await(t, "left=24|inserted")
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		timer.Stop()
		if code := cmd.ProcessState.ExitCode(); code != tc.code || !strings.Contains(out.String(), tc.want) || code == exitDone && strings.Contains(out.String(), "interrupted") {
			t.Errorf("%v: code %d:\n%s", tc.args, code, out.String())
		}
	}
}

// TestToggleSignal lifts and returns a served card by SIGUSR1.
func TestToggleSignal(t *testing.T) {
	cmd := exec.Command(os.Args[0], "sim", "serve", "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), runMain+"=1")
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	addr := out.await(t, `--reader (tcp:[0-9.:]+)`)[1]
	toggle := func(want string) {
		if err := cmd.Process.Signal(syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		out.await(t, want)
	}
	var stdout, stderr bytes.Buffer
	info := func(wait string) int {
		stdout.Reset()
		stderr.Reset()
		return run([]string{"info", "--reader", addr, "--wait", wait}, strings.NewReader(""), &stdout, &stderr)
	}
	toggle("lifted")
	if code := info("2s"); code != exitNoCard || !strings.Contains(stderr.String(), "no card answers there") {
		t.Errorf("lifted: code %d: %s", code, &stderr)
	}
	toggle("returned")
	if code := info("1m"); code != exitDone || !strings.Contains(stdout.String(), "MIFARE DESFire EV3") {
		t.Errorf("returned: code %d: %s", code, &stderr)
	}
}

// TestClosedPipe: a verb whose output nobody reads any more ends with an error,
// also one that would go on for ever, and not in the middle of a debit.
func TestClosedPipe(t *testing.T) {
	image := t.TempDir() + "/card.json"
	if code := run([]string{"sim", "new", image, "--transit"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatal("sim new fails")
	}
	for _, args := range [][]string{{"ls"}, {"watch", "--json"}, {"drain", "121314", "1", "--every", "10ms", "--json"}, {"sim", "serve", "--listen", "127.0.0.1:0"}} {
		if args[0] != "sim" {
			args = append(args, "--reader", "sim:"+image)
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), runMain+"=1")
		var errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = w, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		timer := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		timer.Stop()
		if code := cmd.ProcessState.ExitCode(); code != exitInput || !strings.Contains(errs.String(), "the result could not be printed") {
			t.Errorf("%v: code %d:\n%s", args, code, &errs)
		}
	}
}
