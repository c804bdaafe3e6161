package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hostileLog is a log of a session with everything in it that a terminal obeys.
const hostileLog = "# " + hostileText + "\n> 90 60 00 00 00 " + hostileText + "\n< 04 01 01 33 00 1A 05 91 AF\n" +
	"> 90 5A 00 00 03 1B 9B 07 00\n< 91 A0\nSend: " + hostileText + "\n"

// TestHostileEverywhere runs the examples of every verb with hostile cards, dumps,
// logs, keyrings and key files in the place of honest ones. Whatever comes of it,
// a terminal obeys nothing of what is printed, written to a trace or to a dump.
func TestHostileEverywhere(t *testing.T) {
	ev3, ntag := hostileCards(t)
	dir := t.TempDir()
	t.Chdir(dir)
	for name, value := range map[string]string{
		"HOME": dir, "XDG_CONFIG_HOME": dir, "XDG_STATE_HOME": dir, "DESFIRE_KEYS": "", "DESFIRE_IDENTITY": "",
		"READ_KEY": hostileText[:40], "MASTER": zeroAES, "MASTER_KEY": hostileText[:40], "NEW": zeroAES,
	} {
		t.Setenv(name, strings.ReplaceAll(value, "\x00", ""))
	}
	images := map[string][]byte{"ev3": mustRead(t, ev3), "ntag": mustRead(t, ntag)}
	files := map[string]string{
		"session.json": hostileLog, "proxmark.log": hostileLog, "pcscd.log": hostileLog, "campus.json": `{"format":"desfire-dump","version":1,"product":"` + strings.ToValidUTF8(strings.NewReplacer("\x1b", `\u001b`, "\x07", `\u0007`, "\r", `\r`, "\b", `\b`).Replace(hostileText), "") + `"}`,
		"keys.yaml": "desfire: keys/v1\nkeys:\n  \"" + hostileText + "\": {0: \"" + hostileText + "\"}\n", "delegated.json": hostileText,
		"key-journal.jsonl": hostileText + "\n", "seen.json": hostileText,
	}
	for name := range exampleFiles {
		if strings.HasSuffix(name, ".key") {
			files[name] = zeroAES + " # " + hostileText
		}
	}
	runs := 0
	for _, cmd := range everyCommand(verbTree()) {
		for _, line := range examplesOf(cmd) {
			if _, no := longest(unrun, line); no && !strings.Contains(line, "verify") && !strings.Contains(line, "originality") {
				continue
			}
			words, err := shellWords(strings.NewReplacer("121314", "F0F0F0", "F48121", "F0F0F0", "5A5A01", "F0F0F0").Replace(line))
			if err != nil || words[0] != "desfire" {
				continue
			}
			card := "ev3"
			if strings.Contains(line, " app ") || strings.Contains(line, " app/") || strings.HasSuffix(line, " app") {
				card = "ntag"
			}
			for _, more := range [][]string{nil, {"--json"}} {
				for name, text := range files {
					if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.WriteFile("card.json", images[card], 0o600); err != nil {
					t.Fatal(err)
				}
				t.Setenv("DESFIRE_READER", "sim:card.json")
				if has(cmd, usesYes) && !slices.Contains(words, "--yes") {
					words = append(words, "--yes") // somebody types it
				}
				var out, said strings.Builder
				run(append(words[1:len(words):len(words)], more...), strings.NewReader(""), &out, &said)
				runs++
				for _, s := range []string{out.String(), said.String()} {
					if what, bad := obeyed(s); bad && !strings.Contains(line, "--raw") && !strings.Contains(line, "--as raw") {
						t.Errorf("%s %v: a terminal would obey %q", line, more, what)
					}
				}
			}
		}
	}
	if runs < 150 {
		t.Errorf("only %d commands were run", runs)
	}
	for _, args := range [][]string{
		{"dump", "-o", "whole.json"}, {"read", "F0F0F0/0", "--trace=t.json"}, {"trace", "convert", "session.json", "--out", "c.json"},
		{"ls", "F0F0F0", "--reader", hostileText}, {"ls", hostileText}, {hostileText}, {"--" + hostileText}, {"read", "F0F0F0/0", "--as", hostileText},
		{"info", "--uid", hostileText}, {"dump", "show", hostileText}, {"trace", "show", hostileText}, {"info", "--key", "@" + hostileText}, {"info", "--keys", hostileText},
		{"sdm", "verify", "--file-key", "@file.key", hostileText, hostileText}, {"apdu", hostileText}, {"kdf", "--key", "@file.key", "--data", hostileText},
	} {
		var out, said strings.Builder
		run(args, strings.NewReader(""), &out, &said)
		for _, s := range []string{out.String(), said.String()} {
			if what, bad := obeyed(s); bad {
				t.Errorf("%q: a terminal would obey %q", args, what)
			}
		}
	}
	for _, name := range []string{"whole.json", "t.json"} {
		if what, bad := obeyed(strings.ReplaceAll(string(mustRead(t, filepath.Join(dir, name))), "\t", " ")); bad {
			t.Errorf("%s holds %q", name, what)
		}
	}
}
