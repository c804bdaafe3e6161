package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/failure/failuretest"
	"github.com/go-desfire/desfire/wire"
)

// Each exit code, from several verbs.
func TestExitCodes(t *testing.T) {
	made := exampleFolder(t)
	t.Setenv("DESFIRE_KEYS", "")
	t.Setenv("DESFIRE_IDENTITY", "")
	t.Setenv("HOME", made)
	t.Setenv("XDG_CONFIG_HOME", made)
	if err := os.WriteFile("wrong.key", []byte("aes:0F0E0D0C0B0A09080706050403020100\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		code int
		card string
		line string
	}{
		{0, "campus", "ls"},
		{0, "campus", "value get 121314/1"},
		{0, "campus", "read 121314/0"},
		{1, "campus", "read EEEEEE/0"},
		{1, "campus", "read 121314/9"},
		{1, "campus", "app create 121314 --key-count 1"},
		{1, "campus", "value debit 121314/1 1000"},
		{1, "campus", "apdu 905A000003EEEEEE00"},
		{2, "campus", "reed 121314/0"},
		{2, "campus", "read 121314"},
		{2, "campus", "ls --colour"},
		{2, "campus", "value debit 121314/1 -5"},
		{3, "campus", "ls --reader tcp:localhost:1 --wait 50ms"},
		{3, "campus", "value debit 121314/1 1 --reader tcp:localhost:1 --wait 50ms"},
		{3, "campus", "drain 121314/1 --reader tcp:localhost:1 --wait 50ms"},
		{3, "campus", "ls --uid 0499 --wait 50ms"},
		{3, "campus", "value debit 121314/1 1 --uid 0499 --wait 50ms"},
		{4, "campus", "read F48121/1 --key 1=@wrong.key"},
		{4, "campus", "auth check F48121 0 --key @wrong.key"},
		{4, "campus", "value get F48121/2 --key 1=@wrong.key"},
		{4, "campus", "file delete F48121/1 --yes --key @wrong.key"},
		{5, "campus", "read F48121/1"},
		{5, "campus", "write F48121/1 --hex 00"},
		{5, "campus", "value credit F48121/2 1 --key 1=@app.key"},
		{5, "campus", "record append F48121/3 --text x"},
		{6, "campus", "originality"},
		{6, "campus", "sdm verify --file-key @app.key --uid 041E3C8A2D6B80 --ctr 6 --mac 0000000000000000"},
		{6, "campus", "read F48121/1 --key 1=@app.key --weakest lrp"},
		{8, "tag", "app create F48121"},
		{8, "tag", "format --yes"},
		{8, "tag", "file create app/5 standard --size 8 --read 0"},
		{9, "campus", "dump show missing.json"},
		{9, "campus", "restore session.json --yes"},
		{9, "campus", "ls --keys app.key"},
		{9, "campus", "write 121314/0 --file missing.bin"},
		{9, "campus", "trace show missing.json"},
		{9, "campus", "ls --reader sim:missing.json"},
		{10, "campus", "dump diff badge.json travel.json"},
		{10, "campus", "apdu 9060000000 =91AE"},
	} {
		image := mustRead(t, filepath.Join(made, x.card+".json"))
		writeExample(t, "card.json", image)
		t.Setenv("DESFIRE_READER", "sim:card.json")
		for _, more := range []string{"", " --json"} {
			var out, said strings.Builder
			code := run(strings.Fields(x.line+more), strings.NewReader(""), &out, &said)
			if code != x.code {
				t.Errorf("%s%s: code %d, want %d: %s%s", x.line, more, code, x.code, out.String(), said.String())
			}
			if more != "" && code != 0 {
				lines := strings.Split(strings.TrimSpace(out.String()), "\n")
				if last := lines[len(lines)-1]; !strings.Contains(last, `"error":{"code":"`+string(codeNames[code])+`"`) {
					t.Errorf("%s: the last object is %s", x.line, last)
				}
			}
		}
	}
	replay := strings.Fields("sdm verify --file-key @app.key --uid 041E3C8A2D6B80 --ctr 6 --mac 4B00064004B0B3D3 --counters seen.json")
	for _, want := range []int{exitDone, exitReplay} {
		if code, out, said := tool(replay...); code != want {
			t.Errorf("code %d, want %d: %s%s", code, want, out, said)
		}
	}
}

// What was decided stands, but an unknown outcome wins over everything.
func TestExitCodeOfTrees(t *testing.T) {
	refused := &desfire.CommandError{Command: "ReadData", Status: wire.StatusAuthenticationError}
	unknown := &desfire.OutcomeUnknownError{Command: "CommitTransaction", Err: errors.New("no answer")}
	for _, x := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("anything"), exitRefused},
		{refused, exitAuth},
		{withCode(exitRight, refused), exitRight},
		{fmt.Errorf("file 1: %w", withCode(exitRefused, refused)), exitRefused},
		{withCode(exitRefused, unknown), exitUnknown},
		{errors.Join(refused, withCode(exitInput, errors.New("disk full"))), exitInput},
		{errors.Join(&usageError{nil, refused}, unknown), exitUnknown},
		{&usageError{nil, refused}, exitUsage},
		{advise(withCode(exitImpossible, refused), "do this"), exitImpossible},
		{errors.Join(withCode(exitDiffers, errors.New("a")), withCode(exitNotGenuine, errors.New("b"))), exitNotGenuine},
	} {
		if got := exitCode(t.Context(), x.err); got != x.want {
			t.Errorf("%v: %d, want %d", x.err, got, x.want)
		}
	}
}

// A context that a signal ended says so in its cause: that is no error of its own.
func TestInterruptedBySignal(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("interrupt signal received")
	cancel(cause)
	if code := exitCode(ctx, fmt.Errorf("waiting: %w", context.Cause(ctx))); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
	if code := exitCode(t.Context(), cause); code != exitRefused {
		t.Errorf("of another context: exit code %d", code)
	}
}

// The exit codes of the library's errors are those that every program of this module tells.
func TestExitCodesOfEveryKind(t *testing.T) {
	for _, s := range failuretest.Samples() {
		if got := exitCode(t.Context(), s.Err); codeNames[got] != s.Code {
			t.Errorf("%T: exit code %d, %q, want %q", s.Err, got, codeNames[got], s.Code)
		}
	}
}
