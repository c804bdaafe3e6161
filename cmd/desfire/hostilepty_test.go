//go:build unix

package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// sgr are the colors of the tool itself.
var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

// On a terminal a hostile card, log and keyring make nothing obeyed but our own
// colors, and those do not come from it.
func TestHostileOnTerminal(t *testing.T) {
	ev3, ntag := hostileCards(t)
	dir := t.TempDir()
	log, ring := dir+"/x.log", dir+"/keys.yaml"
	for name, text := range map[string]string{log: "# " + strings.NewReplacer("\r", "", "\x00", "").Replace(hostileText) + "\n> 90 60 00 00 00\n< 04 01 01 33 00 1A 05 91 AF\n", ring: "desfire: keys/v1\nkeys:\n  \"" + hostileText + "\": {0: \"" + hostileText + "\"}\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"ls", "--reader", "sim:" + ev3}, {"info", "--trace", "--reader", "sim:" + ev3}, {"ndef", "read", "--reader", "sim:" + ev3},
		{"read", "F0F0F0/0", "--trace", "--verbose", "--reader", "sim:" + ev3}, {"record", "read", "F0F0F0/2", "--reader", "sim:" + ev3},
		{"read", "F0F0F0/0", "--as", "utf8", "--reader", "sim:" + ev3}, {"dump", "--reader", "sim:" + ev3}, {"sim", "show", ev3},
		{"sdm", "show", "app/2", "--reader", "sim:" + ntag}, {"readers", "--reader", "sim:" + ev3},
		{"trace", "show", log}, {"trace", "verify", log}, {"trace", "convert", log}, {"trace", "convert", log, "--to", "lines"}, {"key", "list", "--keys", ring},
		{"ls", "--reader", hostileText}, {"dump", "show", hostileText}, {"info", "--json", "--reader", "sim:" + hostileText},
	} {
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "\x00", "")
		}
		out, _ := onTerminal(t, "", nil, args...)
		out = strings.ReplaceAll(sgr.ReplaceAllString(out, ""), "\r\n", "\n")
		if what, bad := obeyed(out); bad {
			t.Errorf("%q: a terminal obeys %q", args, what)
		}
		if len(out) == 0 {
			t.Errorf("%q says nothing", args)
		}
	}
}
