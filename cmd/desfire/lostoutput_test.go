package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// fullDisk takes nothing.
type fullDisk struct{}

var errFull = errors.New("no space left on device")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

// TestLostOutput: no verb ends well whose output is lost, whatever it prints and
// to which stream.
func TestLostOutput(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "card.json")
	if code := run([]string{"sim", "new", image, "--transit", "--generation", "ev3"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatal("sim new fails")
	}
	recording := filepath.Join(dir, "session.json")
	if code := run([]string{"info", "--reader", "sim:" + image, "--trace", recording}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatal("info fails")
	}
	layout := filepath.Join(dir, "layout.yaml")
	if err := os.WriteFile(layout, []byte("desfire: layout/v1\ncard: {generations: [ev3]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("DESFIRE_READER", "sim:"+image)
	for line := range strings.SplitSeq(strings.TrimSpace(`
apdu 60
app info 121314
demo --speed 1000
drain 121314 1 --every 0 --amount 20
each --count 1 uid
file info 121314 1
free
info
key version 121314 0
layout lint `+layout+`
layout show `+layout+`
layout schema
layout plan `+layout+`
layout verify `+layout+`
layout import
issue `+layout+` --yes --count 1 --book `+filepath.Join(dir, "book")+` --results `+filepath.Join(dir, "results")+`
kdf --key aes:00000000000000000000000000000000 --uid 04112233445566 --aid 121314
ls
ls 121314
read 121314 0
record read 121314 2
readers
selftest --only identify
selftest --list
sim new `+filepath.Join(dir, "other.json")+`
sim show `+image+`
uid
trace show `+recording+`
trace verify `+recording+`
trace convert `+recording+`
value get 121314 1
value debit 121314 1 1
version
write 121314 0 --text hello
`), "\n") {
		args := strings.Fields(line)
		if code := run(args, strings.NewReader(""), fullDisk{}, io.Discard); code != exitInput {
			t.Errorf("%s > /dev/full: code %d", line, code)
		}
	}
	for line := range strings.SplitSeq("drain 121314 1 --every 0 --amount 1|value debit 121314 1 1 --verbose|info --trace", "|") {
		if code := run(strings.Fields(line), strings.NewReader(""), io.Discard, fullDisk{}); code == exitDone {
			t.Errorf("%s 2> /dev/full: code 0", line)
		}
	}
	var every func(cmd *cobra.Command)
	every = func(cmd *cobra.Command) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		if code := run(args, strings.NewReader(""), fullDisk{}, io.Discard); code != exitInput {
			t.Errorf("%v > /dev/full: code %d", args, code)
		}
		for _, sub := range cmd.Commands() {
			every(sub)
		}
	}
	every(newApp(nil, io.Discard, io.Discard).rootCommand())
	// Verbs that go on for ever end, too.
	for line := range strings.SplitSeq("watch --json|watch|each --json uid|sim serve --listen 127.0.0.1:0", "|") {
		var out, errs io.Writer = fullDisk{}, io.Discard
		if line == "watch" {
			out, errs = errs, out
		}
		if code := run(strings.Fields(line), strings.NewReader(""), out, errs); code != exitInput {
			t.Errorf("%s: code %d", line, code)
		}
	}
}
