package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/cobra"
)

// The examples in the help of the verbs are run, each with cards and files that
// nobody has touched.

// unrun are examples that are not run, only looked at, and why.
var unrun = map[string]string{
	"desfire each": "it goes on until Ctrl-C",
	"desfire issue visitor.yaml --csv visitor.csv --keys keys.yaml": "it goes on until each line has a card",
	"desfire rotate visitor-2.yaml --to 2 --keys keys.yaml":         "it goes on until Ctrl-C",
	"desfire readers beep":           "an ACR122U is needed",
	"desfire readers firmware":       "an ACR122U is needed",
	"desfire readers led":            "an ACR122U is needed",
	"desfire readers polling":        "an ACR122U is needed",
	"desfire watch":                  "it goes on until Ctrl-C",
	"desfire agent":                  "it goes on until Ctrl-C",
	"desfire fleet":                  "a fleet is needed: the scripts have one",
	"desfire web":                    "it goes on until Ctrl-C",
	"desfire phone pair":             "it needs a phone: TestPhone has one",
	"desfire phone revoke":           "it needs a phone: TestPhone has one",
	"desfire phone offer":            "it goes on until Ctrl-C",
	"desfire sim serve":              "it goes on until Ctrl-C",
	"desfire drain":                  "it takes as long as there is credit",
	"desfire demo":                   "it takes a minute",
	"desfire doctor --reader pn532:": "a PN532 is needed: the tests of the doctor have one",
	"desfire shell --keys":           "it goes on until Ctrl-D",
	"desfire originality --uid":      "the signature in it is not whole",
	"desfire sdm verify --file-key @file.key --meta-key": "the message in it is not whole",
	"desfire sdm verify --file-key @file.key":            "the MAC is of a key that is not here",
	"desfire sdm verify --master-key":                    "the MAC is of a key that is not here",
	"desfire tmac verify":                                "the MAC is of a key that is not here",
	"pcscd --foreground":                                 "it is a pipe from another program",
}

// exampleCards are cards that the examples are run with, and how they are made of
// others.
var exampleCards = []struct {
	name, from string
	make       []string
}{
	{"empty", "", []string{"sim new empty.json --uid 045E1F7E57CA4D"}},
	{"badge", "empty", []string{
		"app create 121314 --key-count 2",
		"file create 121314/0 standard --size 32 --read free --write free --read-write free --key @master.key",
		"file create 121314/1 value --upper 1000 --value 25 --limited-credit --debit free --credit free --refund free --key @master.key",
		"file create 121314/2 cyclic --record-size 16 --records 6 --read free --write free --read-write free --key @master.key",
		"write 121314/0 --text City",
		"record append 121314/2 --text issued --pad 00",
		"value debit 121314/1 1",
		"app create 5A5A01 --key-count 1",
		"file create 5A5A01/0 backup --size 16 --read 0 --key @member.key",
	}},
	{"bare", "badge", []string{"app create F48121 --key-count 5"}},
	{"campus", "bare", []string{
		"file create F48121/1 standard --size 32 --read 1 --write 2 --key @app.key",
		"file create F48121/2 value --upper 1000 --debit 1 --credit 2 --key @app.key",
		"file create F48121/3 cyclic --record-size 16 --records 6 --read free --write 1 --key @app.key",
		"file create F48121/4 linear --record-size 16 --records 4 --read 1 --write 1 --read-write 2 --key @app.key",
	}},
	{"sets", "badge", []string{"app create F48121 --key-type aes --key-count 2 --key-sets 2"}},
	{"loaded", "sets", []string{"key set load F48121 1 --set-version 02 --new @k0.key --new @k1.key --key @master.key"}},
	{"ndef", "badge", []string{"ndef format --uri https://example.com"}},
	{"sun", "badge", []string{"sdm provision 000001/2 https://example.com/t?p={picc}&m={mac} --create --write-key 0"}},
	{"purse", "", []string{
		"sim new purse.json --purse --transit --uid 04112233445566",
		"purse init open.db F48121/1 --slot 2:1 --keys purse.keys.yaml",
		"purse init blocked.db F48121/1 --slot 2:2 --keys purse.keys.yaml",
		"purse init gate.db F48121/1 --slot 2:0 --terminal gate --keys purse.keys.yaml",
		"purse debit 5 --id ticket-1 --journal gate.db --keys purse.keys.yaml",
		"purse init other.db F48121/1 --slot 2:2 --keys purse.keys.yaml",
		"purse debit 1 --journal blocked.db --keys purse.keys.yaml",
		"purse debit 1 --journal other.db --keys purse.keys.yaml", // the same slot
		"exits 6 purse debit 1 --journal blocked.db --keys purse.keys.yaml",
		"tear 15 exits 7 purse debit 1 --no-wait --journal open.db --keys purse.keys.yaml",
	}},
	{"visitor", "empty", []string{
		"issue visitor.yaml --csv visitor.csv --keys keys.yaml --count 1 --yes",
		"layout plan visitor.yaml --keys keys.yaml --csv visitor.csv --row 1 -o old-plan.json",
	}},
	{"tag", "", []string{"sim new tag.json --generation ntag424"}},
	{"dam", "dam", []string{"delegated prepare F48121 --slot 0 --quota 2048 --mac-key @dam-mac.key --enc-key @dam-enc.key --app-key @first.key --out delegated.json"}},
	{"given", "dam", []string{"delegated create delegated.json --key @dam-auth.key"}},
	{"tagsun", "tag", []string{"sdm provision app/2 https://example.com/t?p={picc}&m={mac} --key @master.key --write-key 0"}},
}

// exampleRuns say with which card an example is run, and with which code it ends
// where that is not 0. The longest beginning of the example counts.
var exampleRuns = map[string]struct {
	card string
	code int
}{
	"desfire":                                  {"campus", 0},
	"desfire app create":                       {"badge", 0},
	"desfire file create":                      {"bare", 0},
	"desfire app info app":                     {"tag", 0},
	"desfire ls app":                           {"tag", 0},
	"desfire file info app":                    {"tag", 0},
	"desfire sdm provision 000001":             {"badge", 0},
	"desfire sdm provision app":                {"tag", 0},
	"desfire sdm show app":                     {"tagsun", 0},
	"desfire sdm off app":                      {"tagsun", 0},
	"desfire sdm show 000001":                  {"sun", 0},
	"desfire sdm off 000001":                   {"sun", 0},
	"desfire ndef read":                        {"ndef", 0},
	"desfire key set":                          {"sets", 0},
	"desfire key set roll":                     {"loaded", 0},
	"desfire delegated":                        {"dam", 0},
	"desfire delegated delete":                 {"given", 0},
	"desfire delegated info":                   {"given", 0},
	"desfire dump diff badge.json travel.json": {"campus", exitDiffers},
	"desfire originality":                      {"badge", exitNotGenuine}, // simulated cards are no chips of NXP
	"desfire ndef write":                       {"ndef", 0},
	"desfire ndef erase":                       {"ndef", 0},
	"desfire purse":                            {"purse", 0},
	"desfire layout":                           {"empty", 0},
	"desfire layout diff":                      {"visitor", 0},
	"desfire layout diff visitor.yaml badge":   {"campus", exitDiffers},
	"desfire layout verify":                    {"visitor", 0},
	"desfire issue":                            {"empty", 0},
	"desfire rotate":                           {"visitor", 0},
}

const zeroAES = "aes:00000000000000000000000000000000"

// exampleFiles are files that examples name.
var exampleFiles = map[string]string{
	"picc.key": "des:0000000000000000", "factory.key": "des:0000000000000000", "mine.key": "2k3des:000102030405060708090A0B0C0D0E0F/01",
	"master.key": zeroAES, "app.key": zeroAES, "app-2.key": zeroAES, "member.key": zeroAES, "old.key": zeroAES, "new.key": "aes:000102030405060708090A0B0C0D0E0F/01",
	"default.key": "aes:000102030405060708090A0B0C0D0E0F/01", "k0.key": "aes:000102030405060708090A0B0C0D0E0F/02", "k1.key": "aes:101112131415161718191A1B1C1D1E1F/02",
	"issue.desfire": "cd 121314\nvalue debit 1 1 # a ride\n",
	"defaults.dic":  "# as delivered\n0000000000000000\n00000000000000000000000000000000",
	"dam-auth.key":  "aes:10101010101010101010101010101010/01", "dam-mac.key": "aes:11111111111111111111111111111111/01", "dam-enc.key": "aes:12121212121212121212121212121212/01", "first.key": zeroAES, "file.key": zeroAES, "meta.key": zeroAES, "tmac.key": zeroAES, "key1.txt": zeroAES,
	"keys.yaml":    "desfire: keys/v1\nkeys:\n  card: {0: \"@picc.key\"}\n  \"121314\": {0: \"@master.key\", 1: \"@master.key\"}\n  F48121: {0: \"@app.key\", 1: [\"@new.key\", \"@app.key\"], 2: \"@app.key\"}\nmasters:\n  visitors-2026: 2k3des:000102030405060708090A0B0C0D0E0F/00\n  visitors-2027: 2k3des:101112131415161718191A1B1C1D1E1F/00\n",
	"visitor.csv":  "visitor,until\nAda Lovelace,2026-12-01\nCharles Babbage,2026-12-02\n",
	"visitor.yaml": visitorLayout("%s: {type: 2k3des, version: 1, from: visitors-2026, diversify: {an10922: {uid: true, system: %[1]s}}}"),
	"visitor-2.yaml": visitorLayout("%s: [{type: 2k3des, version: 2, from: visitors-2027, diversify: {an10922: {uid: true, system: %[1]s}}}, " +
		"{type: 2k3des, version: 1, from: visitors-2026, diversify: {an10922: {uid: true, system: %[1]s}}}]"),
}

// visitorLayout is the layout of a badge, with three keys of a form.
func visitorLayout(form string) string {
	keys := ""
	for _, name := range []string{"picc", "master", "door"} {
		keys += "  " + fmt.Sprintf(form, name) + "\n"
	}
	return `desfire: layout/v1
card: {generations: [d40, ev1, ev2, ev3], master: picc}
keys:
` + keys + `applications:
  - aid: F4812F
    key-type: des
    keys: {master: master, 1: door}
    settings: {list: free, create: master, change-settings: master, master-key: changeable, change-keys: master}
    files:
      - {no: 1, type: standard, size: 32, mode: full, read: door, write: master, change: master, content: {template: "{{.visitor}}|{{.until}}", pad: 00}}
`
}

// examplesOf are the commands in the examples of a verb.
func examplesOf(cmd *cobra.Command) []string {
	var all []string
	for line := range strings.Lines(strings.ReplaceAll(cmd.Example, "\\\n", " ")) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// exampleFolder makes the cards and files of the examples.
func exampleFolder(t *testing.T) string {
	dir := t.TempDir()
	t.Chdir(dir)
	for name, text := range exampleFiles {
		writeExample(t, name, []byte(text+"\n"))
	}
	script, err := txtar.ParseFile(filepath.Join(sourceFolder(), "testdata", "script", "delegated.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range script.Files {
		if f.Name == "card.json" {
			writeExample(t, "dam.json", f.Data)
		}
	}
	for _, c := range exampleCards {
		if c.from != "" {
			image, err := os.ReadFile(c.from + ".json")
			if err != nil {
				t.Fatal(err)
			}
			writeExample(t, c.name+".json", image)
		}
		for _, line := range c.make {
			t.Setenv("DESFIRE_READER", "sim:"+c.name+".json")
			args, want := strings.Fields(line), "0"
			if args[0] == "tear" {
				t.Setenv(tearCard, args[1])
				args = args[2:]
			}
			if args[0] == "exits" {
				want, args = args[1], args[2:]
			}
			if code, said := complaint(args...); strconv.Itoa(code) != want {
				t.Fatalf("card %s: %s: code %d: %s", c.name, line, code, said)
			}
			t.Setenv(tearCard, "")
		}
	}
	var report, said strings.Builder
	if code := run([]string{"purse", "journal", "--report", "--journal", "gate.db"}, strings.NewReader(""), &report, &said); code != 0 {
		t.Fatalf("code %d: %s", code, said.String())
	}
	writeExample(t, "gate.report.json", []byte(report.String()))
	for from, to := range map[string]string{
		"desox-ev3-metadata.json": "session.json", "libfreefare-68-changekey-unauth.json": "proxmark.log", "desox-ev3-file-io-3309ce2.json": "pcscd.log",
	} {
		b, err := os.ReadFile(filepath.Join(sourceFolder(), "..", "..", "testdata", "traces", from))
		if err != nil {
			t.Fatal(err)
		}
		writeExample(t, to, b)
	}
	image, err := os.ReadFile("campus.json")
	if err != nil {
		t.Fatal(err)
	}
	writeExample(t, "travel.json", image)
	return dir
}

func writeExample(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func sourceFolder() string { return filepath.Dir(schemaPath()) + "/../cmd/desfire" }

// longest is the longest beginning of a line that a table has.
func longest[V any](table map[string]V, line string) (V, bool) {
	var best string
	for _, begin := range slices.Sorted(maps.Keys(table)) {
		if strings.HasPrefix(line+" ", begin) && len(begin) > len(best) {
			best = begin
		}
	}
	v, ok := table[best]
	return v, ok
}

// TestExamples runs them.
func TestExamples(t *testing.T) {
	t.Setenv("DESFIRE_KEYS", "")
	t.Setenv("DESFIRE_IDENTITY", "")
	for name, value := range map[string]string{"READ_KEY": zeroAES, "MASTER": zeroAES, "MASTER_KEY": strings.TrimPrefix(zeroAES, "aes:"), "NEW": exampleFiles["new.key"]} {
		t.Setenv(name, value)
	}
	made := exampleFolder(t)
	far, seen := newFarReader(t), map[string]bool{} // one example of each verb with a card far away as well
	t.Setenv(seedCard, "far")
	unused := slices.Collect(maps.Keys(unrun))
	root := verbTree()
	for _, cmd := range everyCommand(root) {
		for _, line := range examplesOf(cmd) {
			words, err := shellWords(line)
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			if words[0] != "desfire" { // a pipe
				unused = slices.DeleteFunc(unused, func(begin string) bool { return strings.HasPrefix(line, begin) })
				if _, no := longest(unrun, line); !no {
					t.Errorf("%s is not run, and it is not said why", line)
				}
				continue
			}
			// What is a verb, what are its flags and arguments.
			at := newApp(strings.NewReader(""), io.Discard, io.Discard).rootCommand()
			at.InitDefaultHelpCmd()
			found, rest, err := at.Find(joinTraceFile(words[1:]))
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err == nil {
				err = found.ValidateArgs(found.Flags().Args())
			}
			if err == nil {
				err = misplaced(found)
			}
			if err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if !strings.HasPrefix(found.CommandPath(), cmd.CommandPath()) {
				t.Errorf("%s is an example of %s", line, cmd.CommandPath())
			}
			if _, no := longest(unrun, line); no {
				unused = slices.DeleteFunc(unused, func(begin string) bool { return strings.HasPrefix(line, begin) })
				continue
			}
			want, _ := longest(exampleRuns, line)
			t.Run(strings.ReplaceAll(line, "/", "|"), func(t *testing.T) {
				here := runExample(t, made, found, words, want.card, "sim:card.json", nil)
				if here.code != want.code {
					t.Errorf("code %d, want %d: %s%.300s", here.code, want.code, here.said, here.out)
				}
				card := want.card
				if at := slices.Index(words, "--reader"); at > 0 && verbOf(found) == "restore" { // it has a card of its own
					words, card = slices.Delete(slices.Clone(words), at, at+2), "empty"
					here = runExample(t, made, found, words, card, "sim:card.json", nil)
				}
				if has(found, usesCard) && !slices.Contains(words, "--reader") && !seen[verbOf(found)] {
					seen[verbOf(found)] = true
					there := runExample(t, made, found, words, card, far.place, far.lay)
					far.compare(t, line, &here, &there)
				}
			})
		}
	}
	for verb, uses := range verbUses {
		if slices.Contains(uses, usesCard) && !seen[verb] && !slices.Contains(farOwn, verb) {
			t.Errorf("no example of %s was run with a card far away", verb)
		}
	}
	if len(unused) > 0 {
		t.Errorf("there are no such examples: %q", unused)
	}
}

// exampleRun is what became of an example.
type exampleRun struct {
	code      int
	out, said string
	image     []byte // of the card, afterwards
}

// runExample runs one, with a card at a reader. lay, if not nil, lays the card of the image
// card.json there, and returns what takes it away.
func runExample(t *testing.T, made string, found *cobra.Command, words []string, card, reader string, lay func(t *testing.T) func()) (r exampleRun) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	all, err := os.ReadDir(made)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.Type().IsRegular() {
			writeExample(t, f.Name(), mustRead(t, filepath.Join(made, f.Name())))
		}
	}
	if err := os.Rename(card+".json", "card.json"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DESFIRE_READER", reader)
	t.Setenv("HOME", dir)
	t.Setenv(osKeys, "desfire/old="+zeroAES)
	mockOSKeyring()
	t.Setenv("DESFIRE_KEYS", map[string]string{"purse": "purse.keys.yaml"}[card])
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("XDG_STATE_HOME", dir)
	line := strings.Join(words, " ")
	switch {
	case strings.HasPrefix(line, "desfire sim new") && !strings.Contains(line, "--from"):
		_ = os.Remove(words[3])
	case strings.HasPrefix(line, "desfire delegated prepare"):
		_ = os.Remove("campus.json")
	case strings.Contains(line, "-o session.json"):
		_ = os.Remove("session.json")
	case strings.HasPrefix(line, "desfire delegated create"):
		_ = os.Rename("delegated.json", "campus.json")
	}
	var args []string
	for _, w := range words[1:] {
		if found, _ := filepath.Glob(w); strings.HasPrefix(w, "*") && found != nil {
			args = append(args, "session.json", "pcscd.log") // what it stands for
			continue
		}
		args = append(args, w)
	}
	if has(found, usesYes) && !slices.Contains(args, "--yes") {
		args = append(args, "--yes") // somebody types it
	}
	if lay != nil {
		take := lay(t)
		defer func() {
			take()
			r.image = mustRead(t, filepath.Join(dir, "card.json"))
		}()
	}
	var out, said strings.Builder
	r.code = run(args, strings.NewReader(""), &out, &said)
	r.out, r.said = out.String(), said.String()
	r.image = mustRead(t, "card.json")
	return r
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
