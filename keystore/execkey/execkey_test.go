//go:build unix

package execkey_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-desfire/desfire/keystore/execkey"
)

const digits = "0123456789ABCDEFFEDCBA9876543211"

// script writes a program and returns its name.
func script(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "givekey")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestKey(t *testing.T) {
	k, err := execkey.Key(context.Background(), []string{script(t, `echo "# $1"; echo "aes:`+digits+`/07"`), "a comment; and $HOME"})
	if err != nil || k.Version() != 7 {
		t.Fatalf("%v, %v", k, err)
	}
}

func TestArgumentsReachNoShell(t *testing.T) {
	out, err := execkey.Run(context.Background(), []string{script(t, `printf '%s|' "$@"`), "$(id)", "a b", "*"})
	if string(out) != "$(id)|a b|*|" || err != nil {
		t.Errorf("%q, %v", out, err)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("DESFIRE_KEY", "aes:"+digits)
	t.Setenv("LD_PRELOAD", "")
	t.Setenv("GPG_TTY", "/dev/pts/99")
	out, err := execkey.Run(context.Background(), []string{"env"})
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(line, "=")
		if name == "DESFIRE_KEY" || name == "LD_PRELOAD" {
			t.Errorf("%s is passed on", name)
		}
	}
	for _, want := range []string{"PATH=", "HOME=", "GPG_TTY=/dev/pts/99"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is not passed on", want)
		}
	}
}

func TestFailures(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for name, tc := range map[string]struct {
		ctx  context.Context
		argv []string
		want string
	}{
		"status":        {nil, []string{script(t, "echo aes:"+digits+"; exit 3")}, `exec: "givekey": exit status 3`},
		"nothing":       {nil, []string{script(t, ":")}, "printed nothing"},
		"too much":      {nil, []string{script(t, "yes "+digits)}, "more than 4096 bytes"},
		"no program":    {nil, []string{filepath.Join(t.TempDir(), "nothing")}, "no such file"},
		"not in PATH":   {nil, []string{"desfire-test-nothing", digits}, "not found"},
		"empty":         {nil, nil, "no program"},
		"no key":        {nil, []string{"echo", digits}, "without a type"},
		"two keys":      {nil, []string{"printf", "aes:" + digits + `\naes:` + digits}, "more than one line"},
		"ended context": {ended, []string{"sleep", "5"}, "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := tc.ctx
			if ctx == nil {
				ctx = context.Background()
			}
			k, err := execkey.Key(ctx, tc.argv)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("%v, %v; want an error with %q", k, err, tc.want)
			}
			if strings.Contains(err.Error(), digits[:8]) {
				t.Errorf("the error shows the output: %v", err)
			}
		})
	}
}

// A program that takes too long is killed with its children, and one that leaves
// children behind loses them.
func TestGroupEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		text, want string
		limit      time.Duration
	}{
		"too slow":    {`sleep 600 & echo $! >"$1"; wait`, "took longer than", 3 * time.Second},
		"leaves some": {`sleep 600 & echo $! >"$1"; echo aes:` + digits, "", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			begun := time.Now()
			c := &execkey.Config{Timeout: tc.limit}
			_, err := c.Key(context.Background(), []string{script(t, tc.text), file})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
			if d := time.Since(begun); d > 5*time.Minute {
				t.Errorf("took %v", d)
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
			if err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
				if gone(pid) {
					return
				}
			}
			t.Error("a child lives on")
		})
	}
}

// gone reports whether a process is no more, or waits to be collected.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(state, "Z")
}
