package fleet

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// run runs a program to its end and returns what it prints; it must succeed.
func run(t testing.TB, path string, args ...string) string {
	t.Helper()
	out, errs, code := runCode(t, nil, "", path, args...)
	if code != 0 {
		t.Fatalf("%s %s: exit code %d\n%s%s", path, strings.Join(args, " "), code, out, errs)
	}
	return out
}

// runCode runs a program to its end.
func runCode(t testing.TB, env []string, dir, path string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.WaitDelay = &out, &errs, dir, 5*time.Second
	cmd.Env = append(cmd.Environ(), env...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", path, strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
