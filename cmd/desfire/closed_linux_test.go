package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Output that a shell has closed is lost; output that nobody wants is not.
func TestClosedOutput(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, tc := range []struct {
		line string
		out  *os.File // of the shell
		code int
	}{
		{`"$0" ls >&-; exit $?`, nil, exitInput},
		{`"$0" ls --json >&-; exit $?`, nil, exitInput},
		{`"$0" ls --help 1>&-; exit $?`, nil, exitInput},
		{`"$0" ls >/dev/null; exit $?`, nil, exitDone},
		{`"$0" ls; exit $?`, null, exitDone},
		{`"$0" ls | cat >/dev/null; exit $?`, nil, exitDone},
		{`"$0" ls >&- <&-; exit $?`, nil, exitInput},
		{`"$0" sim new x.json >/dev/null <&-; exit $?`, nil, exitDone},
	} {
		cmd := exec.Command("sh", "-c", tc.line, os.Args[0])
		cmd.Dir = t.TempDir()
		cmd.Env = append(os.Environ(), runMain+"=1", "DESFIRE_READER=sim:")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if tc.out != nil {
			cmd.Stdout = tc.out
		}
		_ = cmd.Run()
		if code := cmd.ProcessState.ExitCode(); code != tc.code {
			t.Errorf("%s: code %d, want %d: %s", tc.line, code, tc.code, &errs)
		}
	}
	// A program that is no shell discards what it does not want.
	cmd := exec.Command(os.Args[0], "ls")
	cmd.Env = append(os.Environ(), runMain+"=1", "DESFIRE_READER=sim:")
	cmd.Stdout = null
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}
