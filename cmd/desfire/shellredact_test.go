package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// testShell is a shell without a place.
func testShell(t testing.TB) *shell {
	t.Helper()
	a := newApp(strings.NewReader(""), io.Discard, io.Discard)
	root := a.rootCommand()
	cmd, _, err := root.Find([]string{"shell"})
	if err != nil {
		t.Fatal(err)
	}
	cmd.SetContext(t.Context())
	s := &shell{app: a, cmd: cmd, flags: root.PersistentFlags(), turn: make(chan token, 1)}
	s.turn <- token{}
	return s
}

func TestHistoryWithoutKeys(t *testing.T) {
	s := testShell(t)
	const k = "00112233445566778899AABBCCDDEEFF"
	for line, want := range map[string]string{
		"ls":                                                         "ls",
		"read F48121/1 --as utf8":                                    "read F48121/1 --as utf8",
		"read F48121/1 --key 1=@read.key":                            "read F48121/1 --key 1=@read.key",
		"read F48121/1 --key env:READ":                               "read F48121/1 --key env:READ",
		"read F48121/1 --key aes:@read.key":                          "read F48121/1 --key aes:@read.key",
		"read F48121/1 --key 'exec:pass show x'":                     "read F48121/1 --key 'exec:pass show x'",
		"read F48121/1 --key aes:" + k:                               "read F48121/1 --key HIDDEN",
		"read F48121/1 --key=aes:" + k:                               "read F48121/1 --key=HIDDEN",
		"read F48121/1 --key 1=" + k:                                 "read F48121/1 --key 1=HIDDEN",
		"read F48121/1 --key 'aes:00 11 22 33 44 55'":                "read F48121/1 --key HIDDEN",
		"key change F48121 0 --old @a.key --new 2k3des:" + k + "/01": "key change F48121 0 --old @a.key --new HIDDEN",
		"key set load F48121 1 --set-version 02 --new @k0.key --new des:0011223344556677": "key set load F48121 1 --set-version 02 --new @k0.key --new HIDDEN",
		"kdf --key " + k + " --uid 04112233445566":                                        "kdf --key HIDDEN --uid 04112233445566",
		"apdu 90 5A 00 00 03 14 13 12 00":                                                 "apdu 90 5A 00 00 03 14 13 12 00",
		"apdu 905A00000314131200":                                                         "apdu 905A00000314131200",
		"apdu 90C400001900" + k + k[:16] + "00":                                           "apdu HIDDEN",
		"apdu 90 C4 00 00 19 00 00 11 22 33 44 55 66 77 88":                               "apdu HIDDEN",
		"apdu C4 00 00 11 22 33 44 55 66 77":                                              "apdu HIDDEN",
		"write F48121/1 --hex 00:11:22:33:44:55:66:77":                                    "write F48121/1 --hex HIDDEN",
		"write F48121/1 --text x" + k + "y":                                               "write F48121/1 --text xHIDDENy",
		"use 045E1F7E57CA4D":                                                              "use 045E1F7E57CA4D",
		"value debit 1 5 # " + k:                                                          "value debit 1 5",
		k:                                                                                 "HIDDEN",
		"\\0\\0\\1\\1\\2\\2\\3\\3\\4\\4\\5\\5\\6\\6\\7\\7":                                "HIDDEN",
		"trace verify s.json -k 0011":                                                     "trace verify s.json -k HIDDEN",
		"trace verify s.json -k=0011":                                                     "trace verify s.json -k=HIDDEN",
		"trace verify s.json -kaes:0011":                                                  "trace verify s.json -kHIDDEN",
		"trace verify -qk 'my pass' s.json":                                               "trace verify -qk HIDDEN s.json",
		"trace verify -qkaes:@a.key -k 1=env:A -qk=0 -q s":                                "trace verify -qkaes:@a.key -k 1=env:A -qk=HIDDEN -q s",
		"auth check app 0 --key --key":                                                    "auth check app 0 --key HIDDEN",
		"auth check app 0 --key= 0":                                                       "auth check app 0 --key=HIDDEN 0",
		"apdu -k 60 AF":                                                                   "apdu -k 60 AF",
		"each -vk read 1 / uid":                                                           "each -vk read 1 / uid",
		" read 1":                                                                         "",
		"read 'open":                                                                      "",
		"# " + k:                                                                          "",
	} {
		if got := s.withoutKeys(line); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}

// Every flag that takes a key is known.
func TestKeyFlagsAreKnown(t *testing.T) {
	s := testShell(t)
	const digits = "0123456789AB" // too short for a row of digits
	seen := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			walk(c)
		}
		for _, name := range s.keyFlags() {
			if cmd.Flag(strings.TrimPrefix(name, "--")) == nil {
				continue
			}
			seen++
			if kept := s.withoutKeys(verbOf(cmd) + " " + name + " " + digits); strings.Contains(kept, digits) {
				t.Errorf("kept: %s", kept)
			}
		}
	}
	walk(s.cmd.Root())
	if seen < 20 {
		t.Errorf("%d flags", seen)
	}
}

// Whatever is typed around a key, and however its digits are parted, eight bytes
// of it do not get into the history; and what is kept can be typed again.
func FuzzHistoryWithoutKeys(f *testing.F) {
	const secret = "8F3A1B6CD29E47508F10E9C7B6A54D32"
	for _, seed := range []string{"read F48121/1 --key aes:%s", "--key=%s", "apdu 90C4000019%s00", "kdf --key '1=%s' --uid 04", "write 1 --text x%sy", "\"%s\"", "0x%s", "%s %s", "1,%s", "\\%s"} {
		f.Add(seed, byte(0), byte(0))
		f.Add(seed, byte(2), byte(' '))
		f.Add(seed, byte(4), byte(':'))
		f.Add(seed, byte(1), byte('"'))
	}
	s := testShell(f)
	raw, err := hex.DecodeString(secret)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, around string, every, sep byte) {
		if sep < ' ' || sep > '~' || wordLength(string(rune(sep))) > 0 {
			sep = '-'
		}
		var typed strings.Builder
		for i := range len(secret) {
			if i > 0 && every > 0 && i%int(every) == 0 {
				typed.WriteByte(sep)
			}
			typed.WriteByte(secret[i])
		}
		line := strings.ReplaceAll(around, "%s", typed.String())
		kept := s.withoutKeys(line)
		var digits strings.Builder
		for _, r := range kept {
			if isHexDigit(r) {
				digits.WriteRune(r)
			}
		}
		for i := 0; i+8 <= len(raw); i++ {
			if part := fmt.Sprintf("%X", raw[i:i+8]); strings.Contains(strings.ToUpper(digits.String()), part) {
				t.Fatalf("%q is kept as %q", line, kept)
			}
		}
		if kept == "" {
			return
		}
		if _, err := shellWords(kept); err != nil {
			t.Fatalf("%q is kept as %q: %v", line, kept, err)
		}
		if again := s.withoutKeys(kept); again != kept {
			t.Fatalf("%q is kept as %q, and that as %q", line, kept, again)
		}
	})
}

func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"", "a", "a b", "it's", `\`, `"`, "#", "a#b", "'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if !strings.Contains(word, "\uFFFD") && strings.ToValidUTF8(word, "\uFFFD") == word {
			words, err := shellWords(uncommented(quoted(word)))
			if err != nil || len(words) != 1 || words[0] != word {
				t.Fatalf("%q: %q, %v", word, words, err)
			}
		}
	})
}
