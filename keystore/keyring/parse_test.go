package keyring_test

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/keystore/keyring"
)

func itoa(n uintptr) string { return strconv.Itoa(int(n)) }

func open(t testing.TB, text string) (*keyring.Ring, error) {
	t.Helper()
	return keyring.Open(filepath.Join(files(t, map[string]string{"k.yaml": text}), "k.yaml"), nil)
}

// faults are texts that are no keyrings, and the place and words of the error.
// schema tells whether the schema refuses them too.
var faults = []struct {
	name, text, at, want string
	schema               bool
}{
	{"empty", "", "", "the file is empty", false},
	{"comment", "# nothing\n", "", "the file is empty", false},
	{"list", "- a\n", "1:1", "want desfire: keys/v1, and keys, not a list", true},
	{"text", "a\n", "1:1", `not the text "a"`, true},
	{"no version", "keys: {}\n", "1:1", "the member desfire is missing", true},
	{"other version", "desfire: keys/v2\n", "1:10", `desfire is the text "keys/v2": this program reads keys/v1`, true},
	{"layout", "desfire: layout/v1\n", "1:10", "layout/v1", true},
	{"unknown member", "desfire: keys/v1\nkeyss: {}\n", "2:1", `a keyring has no member "keyss": did you mean keys? want desfire, masters, keys or cards`, true},
	{"twice", "desfire: keys/v1\nkeys: {}\nkeys: {}\n", "3:1", "keys stands here a second time, after line 2", false},
	{"master twice", "desfire: keys/v1\nmasters:\n  m: prompt\n  m: prompt\n", "4:3", `"m" stands here a second time`, false},
	{"master name", "desfire: keys/v1\nmasters: {\"a b\": prompt}\n", "2:11", `the name "a b" of a key`, true},
	{"key as name", "desfire: keys/v1\nmasters: {" + digits + ": prompt}\n", "2:11", "looks like a key", false},
	{"part of a key as version", "desfire: XXX" + digits[:12] + "XXX\n", "1:10", "the text (not shown)", true},
	{"masters a list", "desfire: keys/v1\nmasters: [prompt]\n", "2:10", "want NAME: KEY of each master key, not a list", true},
	{"place", "desfire: keys/v1\nkeys: {F4812: {0: prompt}}\n", "2:8", `"F4812" is no place`, true},
	{"number as AID", "desfire: keys/v1\nkeys: {10: {0: prompt}}\n", "2:8", `"10" is no place`, true},
	{"place twice", "desfire: keys/v1\nkeys:\n  f48121: {0: prompt}\n  F48121: {1: prompt}\n", "4:3", "F48121 stands here a second time, after line 3", false},
	{"card twice", "desfire: keys/v1\nkeys:\n  card: {0: prompt}\n  000000: {1: prompt}\n", "4:3", "card stands here a second time", false},
	{"no keys of place", "desfire: keys/v1\nkeys:\n  card:\n", "", "want KEY: ... of each key of card, not nothing", true},
	{"key number", "desfire: keys/v1\nkeys: {card: {64: prompt}}\n", "2:15", `"64" names no key`, true},
	{"octal", "desfire: keys/v1\nkeys: {card: {010: prompt}}\n", "2:15", `"010" names no key`, true},
	{"role", "desfire: keys/v1\nkeys: {card: {master: prompt}}\n", "2:15", `"master" names no key`, true},
	{"key twice", "desfire: keys/v1\nkeys: {card: {0x21: prompt, proximity: prompt}}\n", "2:29", "key proximity of card stands here a second time", false},
	{"no key", "desfire: keys/v1\nkeys: {card: {0: }}\n", "", "want a key: TYPE:HEX", true},
	{"empty list", "desfire: keys/v1\nkeys: {card: {0: []}}\n", "2:18", "the list of keys is empty", true},
	{"long list", "desfire: keys/v1\nkeys: {card: {0: [" + strings.Repeat("prompt,", 17) + "]}}\n", "2:18", "the list has 17 keys", true},
	{"set without quotes", "desfire: keys/v1\nkeys: {card: {1:0: prompt}}\n", "2:17", "names with a colon such as 1:2 stand in quotes", false},
	{"list in list", "desfire: keys/v1\nkeys: {card: {0: [[prompt]]}}\n", "2:19", "want a key: TYPE:HEX", true},
	{"no spec", "desfire: keys/v1\nkeys: {card: {0: door}}\n", "2:18", `"door" is no key`, true},
	{"bare", "desfire: keys/v1\nkeys: {card: {0: " + digits + "}}\n", "2:18", "want TYPE:DIGITS", true},
	{"short", "desfire: keys/v1\nkeys: {card: {0: aes:" + digits[2:] + "}}\n", "2:18", "have 15 bytes", false},
	{"no such type", "desfire: keys/v1\nkeys: {card: {0: rsa:" + digits + "}}\n", "2:18", "the type before the colon", true},
	{"file not quoted", "desfire: keys/v1\nkeys:\n  card:\n    0: @door.key\n", "4:8", `must be in quotes: "@FILE"`, false},
	{"no program", "desfire: keys/v1\nkeys: {card: {0: \"exec:\"}}\n", "2:18", "names no program", true},
	{"member of key", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, key: x}}}\n", "3:28", `a key has no member "key": want from, version, type or diversify`, true},
	{"no from", "desfire: keys/v1\nkeys: {card: {0: {version: 1}}}\n", "2:18", "the member from is missing", true},
	{"no such master", "desfire: keys/v1\nkeys: {card: {0: {from: m}}}\n", "2:25", `there is no master key "m" in masters`, false},
	{"version", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, version: 256}}}\n", "3:37", `version is the text "256": want a number, 0 to 255`, true},
	{"version octal", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, version: 010}}}\n", "3:37", "want a number", false},
	{"version hex", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, version: 2A}}}\n", "3:37", "or 0x00 to 0xFF", true},
	{"version text", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, version: \"1\"}}}\n", "3:37", "want a number", true},
	{"type", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, type: aes192}}}\n", "3:34", "want des, 2k3des, 3k3des or aes", true},
	{"type differs", "desfire: keys/v1\nmasters: {m: aes:" + digits + "}\nkeys: {card: {0: {from: m, type: 3k3des}}}\n", "3:34", "type is 3K3DES, and the master key \"m\" is of type AES", false},
	{"no method", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, diversify: {}}}}\n", "3:39", "want {an10922:", true},
	{"other method", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, diversify: {av2: {}}}}}\n", "3:40", `diversify has no member "av2": want an10922`, true},
	{"nothing to derive from", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, diversify: {an10922: {uid: false}}}}}\n", "", "nothing to derive from", false},
	{"uid", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, diversify: {an10922: {uid: yes}}}}}\n", "3:55", `uid is the text "yes": want true or false`, true},
	{"uid first", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, diversify: {an10922: {order: uid}}}}}\n", "3:50", `an10922 has no member "order"`, true},
	{"no AID", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {app: {0: {from: m, diversify: {an10922: {aid: true}}}}}\n", "3:54", "app has no AID", false},
	{"system hex", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, diversify: {an10922: {system: hex:0}}}}}\n", "3:58", "want hexadecimal digits after hex:", false},
	{"system long", "desfire: keys/v1\nmasters: {m: prompt}\nkeys: {card: {0: {from: m, type: 3k3des, diversify: {an10922: {uid: true, aid: true, system: text:nine bytes}}}}}\n", "", "make 17 bytes or more: 15 at most", false},
	{"uid of card", "desfire: keys/v1\ncards: {0411: {card: {0: prompt}}}\n", "2:9", `not by "0411"`, true},
	{"every card", "desfire: keys/v1\ncards: {\"*\": {card: {0: prompt}}}\n", "2:9", `not by "*"`, true},
	{"same card", "desfire: keys/v1\ncards:\n  04aabbccddeeff: {card: {0: prompt}}\n  04AABBCCDDEEFF: {card: {0: prompt}}\n", "4:3", "a second time, after line 3", false},
	{"anchor", "desfire: keys/v1\nmasters: {m: &m prompt}\n", "2:14", "anchors and aliases", false},
	{"alias", "desfire: keys/v1\nmasters: {m: *m}\n", "2:14", "anchors and aliases", false},
	{"merge", "desfire: keys/v1\nkeys:\n  <<: {card: {0: prompt}}\n", "3:3", "anchors and aliases", false},
	{"tag", "desfire: keys/v1\nmasters: {m: !!str prompt}\n", "2:14", "tags", false},
	{"two documents", "desfire: keys/v1\n---\ndesfire: keys/v1\n", "3:1", "a second document", false},
	{"no YAML", "desfire: keys/v1\nkeys: {card\n", "", "this is no YAML", false},
	{"tab", "desfire: keys/v1\nkeys:\n\tcard: {}\n", "", "this is no YAML", false},
	{"complex key", "desfire: keys/v1\n? [a]\n: b\n", "2:1", "? is not taken", false},
	{"directive", "%YAML 1.2\n---\ndesfire: keys/v1\n", "1:1", "directives", false},
}

func TestFaults(t *testing.T) {
	for _, tc := range faults {
		t.Run(tc.name, func(t *testing.T) {
			_, err := open(t, tc.text)
			if tc.text == "" {
				if err == nil || !strings.Contains(err.Error(), "empty") {
					t.Errorf("%v", err)
				}
				return
			}
			var fe *keyring.FileError
			if !errors.As(err, &fe) {
				t.Fatalf("%v is no FileError", err)
			}
			at := strconv.Itoa(fe.Line) + ":" + strconv.Itoa(fe.Column)
			if tc.at != "" && at != tc.at || tc.at == "" && fe.Line == 0 && tc.name != "comment" || !strings.Contains(fe.Reason, tc.want) {
				t.Errorf("%s %s, want %s %q", at, fe.Reason, tc.at, tc.want)
			}
			if shows(err.Error()) {
				t.Errorf("the error shows a key: %v", err)
			}
			if !strings.Contains(err.Error(), "k.yaml") {
				t.Errorf("the error does not name the file: %v", err)
			}
		})
	}
}

// shows reports whether a text has eight digits of digits in a row.
func shows(text string) bool {
	text = strings.ToUpper(strings.NewReplacer(" ", "", ":", "", "-", "", "\\", "", "\"", "").Replace(text))
	for i := range len(digits) - 8 {
		if strings.Contains(text, digits[i:i+8]) {
			return true
		}
	}
	return false
}

// What is made to cost much costs little.
func TestHostile(t *testing.T) {
	bomb := "desfire: keys/v1\na: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+string(c-1)+",", 9) + "]\n"
	}
	steps := "desfire: keys/v1\nkeys:\n"
	for i := range 1200 {
		steps += strings.Repeat(" ", i+1) + "a:\n"
	}
	var cards strings.Builder
	cards.WriteString("desfire: keys/v1\ncards:\n")
	for i := range 3000 {
		cards.WriteString("  0411" + strconv.FormatInt(0x1000000000+int64(i), 16) + ": {card: {0: aes:" + digits + "}}\n")
	}
	for name, tc := range map[string]struct{ text, want string }{
		"aliases":      {bomb, "anchors and aliases"},
		"flow":         {"desfire: keys/v1\nkeys: " + strings.Repeat("[", 500000), "too deep"},
		"flow maps":    {"desfire: keys/v1\nkeys: " + strings.Repeat("{a: ", 200000), "too deep"},
		"sequences":    {"desfire: keys/v1\nkeys:\n  " + strings.Repeat("- ", 400000) + "a\n", "too deep"},
		"steps":        {steps, "too deep"},
		"huge":         {"desfire: keys/v1\n#" + strings.Repeat("x", 1<<20), "more than 1048576 bytes"},
		"long scalar":  {"desfire: keys/v1\nmasters: {m: \"" + strings.Repeat("0", 1<<19) + "\"}\n", "want TYPE:DIGITS"},
		"closing":      {"desfire: keys/v1\nkeys: " + strings.Repeat("]", 100000), "no YAML"},
		"binary":       {"desfire: keys/v1\x00\xFF\xFE\n", ""},
		"utf16":        {"\xFF\xFEd\x00e\x00s\x00", ""},
		"carriage":     {"desfire: keys/v1\rkeys: {card: {0: aes:" + digits + "x}}", ""},
		"many members": {cards.String() + "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			_, err := open(t, tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) || shows(err.Error()) || len(err.Error()) > 500 {
				t.Errorf("%.600v, want %q", err, tc.want)
			}
			if d := time.Since(begun); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

// Whatever stands in the file, opening it ends in a ring or an error, and the
// error shows no key.
func FuzzOpen(f *testing.F) {
	for _, tc := range faults {
		f.Add([]byte(tc.text))
	}
	f.Add([]byte("desfire: keys/v1\nmasters: {m: aes:" + digits + "/01}\nkeys: {card: {0: {from: m, version: 2, diversify: {an10922: {uid: true}}}}}\n"))
	f.Add([]byte("desfire: keys/v1\nmasters:\n  " + digits + ": |\n    -----BEGIN AGE ENCRYPTED FILE-----\n    " + digits + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		begun := time.AfterFunc(20*time.Second, func() { panic("reads for ever") })
		r, err := keyring.Read(text)
		begun.Stop()
		switch {
		case err != nil && r != nil, err == nil && r == nil:
			t.Fatalf("%v, %v", r, err)
		case err != nil:
			var fe *keyring.FileError
			if !errors.As(err, &fe) {
				t.Errorf("%v is no FileError", err)
			} else if shows(fe.Reason) { // the position may have digits that continue others
				t.Errorf("shows the key: %v", err)
			}
		}
	})
}
