package yaml_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/perso/yaml"
)

// sound is a layout about which there is nothing to say but its memory.
const sound = `desfire: layout/v1
card: {generations: [ev3], master: picc}
keys:
  picc: {type: aes, version: 1, from: m, diversify: {an10922: {uid: true, system: "p"}}}
  app: {type: aes, version: 1, from: m, diversify: {an10922: {uid: true, aid: true}}}
  read: {type: aes, version: 1, from: m, diversify: {an10922: {uid: true, aid: true, system: "r"}}}
applications:
- aid: F48121
  keys: {master: app, 1: read}
  files:
  - {no: 1, type: standard, size: 32, read: read, write: app}
`

func lint(t *testing.T, text string) []yaml.Finding {
	t.Helper()
	d, err := yaml.Read("l.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return d.Lint()
}

func TestLintOfSound(t *testing.T) {
	for _, f := range lint(t, sound) {
		if f.Severity != yaml.SeverityNote || !strings.HasPrefix(f.Text, "memory of EV3: about 1") {
			t.Errorf("%+v", f)
		}
	}
}

// with is the sound layout with one text for another.
func with(pairs ...string) string {
	return strings.NewReplacer(pairs...).Replace(sound)
}

// Each finding is made where it should be, and not in the sound layout.
func TestLint(t *testing.T) {
	const file = "- {no: 1, type: standard, size: 32, read: read, write: app}"
	for _, tc := range []struct {
		text     string
		line     int
		severity yaml.Severity
		want     string
	}{
		{with("[ev3]", "[ev3, d40]"), 8, yaml.SeverityError, "application F48121: a card of type D40 has no"},
		{with("[ev3]", "[ev2]", file, "- {no: 1, type: standard, size: 32, read: read, write: app, sdm: {}}"), 11, yaml.SeverityError, "file 1 of application F48121: a card of type EV2 has no"},
		{with("[ev3]", "[ev1]", "master: picc}", "master: picc, keys: {dam-mac: read}}"), 2, yaml.SeverityError, "a card of type EV1 has no delegated applications"},
		{"desfire: layout/v1\ncard: {generations: [ntag424]}\nkeys: {m: {type: aes, version: 1, from: x}}\napplications:\n- aid: app\n  keys: {master: m}\n  files:\n  - {no: 4, type: standard, size: 9, read: m}\n", 8, yaml.SeverityError, "has no such file, and takes no other"},
		{with("size: 32", "size: 30000"), 2, yaml.SeverityError, "fits no card"},
		{with("- aid: F48121", "- aid: F48121\n  delegated: {slot: 1, quota: 3}"), 8, yaml.SeverityError, "its quota is 96"},
		{with(", master: picc}", "}", "  picc: {type: aes, version: 1, from: m, diversify: {an10922: {uid: true, system: \"p\"}}}\n", ""), 2, yaml.SeverityWarning, "no PICC master key is named"},
		{with("master: picc}", "master: picc, settings: {create: free}}"), 2, yaml.SeverityWarning, "everybody may create applications"},
		{with("master: picc}", "master: picc, settings: {master-key: frozen}}"), 2, yaml.SeverityWarning, "of the card, master key can never be changed: that cannot be undone"},
		{with("- aid: F48121", "- aid: F48121\n  settings: {change-settings: never}"), 9, yaml.SeverityWarning, "these settings can never be changed"},
		{with("- aid: F48121", "- aid: F48121\n  settings: {create: free}"), 8, yaml.SeverityWarning, "everybody may create and delete files"},
		{with("- aid: F48121", "- aid: F48121\n  settings: {change-keys: same}"), 8, yaml.SeverityNote, "each key of application F48121 changes itself"},
		{with("- aid: F48121", "- aid: F48121\n  settings: {change-keys: never}"), 8, yaml.SeverityWarning, "no key of application F48121 but its master key"},
		{with("- aid: F48121", "- aid: F48121\n  key-count: 3"), 8, yaml.SeverityWarning, "key 2 of application F48121 has no name"},
		{with("master: picc}", "master: picc, irreversible: [no-format]}"), 2, yaml.SeverityWarning, "never comes back"},
		{with("master: picc}", "master: picc, options: {ats: \"067577810280\"}}"), 2, yaml.SeverityWarning, "no reader ever talks to it again"},
		{with("master: picc}", "master: picc, irreversible: [random-uid]}"), 2, yaml.SeverityError, "nobody could find out which card it is"},
		{with("master: picc}", "master: picc, irreversible: [random-uid]}", "from: m, diversify: {an10922: {uid: true, system: \"p\"}}", "zero: false"), 2, yaml.SeverityNote, "one there must be the same on all cards"},
		{with("master: picc}", "master: picc, options: {default-key: def}}", "  app:", "  def: {type: aes, version: 1, from: x}\n  app:"), 10, yaml.SeverityWarning, "so has the default key def"},

		{with("from: m, diversify: {an10922: {uid: true, aid: true, system: \"r\"}}", "zero: true", "version: 1, zero", "zero"), 6, yaml.SeverityWarning, "the key read is zeros"},
		{with("version: 1, from: m, diversify: {an10922: {uid: true, aid: true, system: \"r\"}}", "from: m, diversify: {an10922: {uid: true, aid: true, system: \"r\"}}"), 6, yaml.SeverityWarning, "the version of the key read is not said"},
		{with("read: {type: aes, version: 1", "read: {type: aes, version: 0"), 6, yaml.SeverityWarning, "is 0, which new keys have too"},
		{with("uid: true, aid: true, system: \"r\"", "aid: true, system: \"r\""), 6, yaml.SeverityWarning, "is not made of the UID"},
		{with(", diversify: {an10922: {uid: true, aid: true, system: \"r\"}}", ""), 6, yaml.SeverityWarning, "is the master key m itself, on all cards"},
		{with("type: aes", "type: des"), 4, yaml.SeverityWarning, "56 bits"},
		{with(", system: \"r\"", ""), 9, yaml.SeverityWarning, "key 0 of application F48121 and key 1 of application F48121 are one key, since app and read are made alike"},
		{with("1: read}", "1: read, 2: app}", "write: app", "write: read"), 9, yaml.SeverityWarning, "key 0 of application F48121 and key 2 of application F48121 are one key, app"},
		{sound + "- {aid: F48122, keys: {master: picc}}\n", 12, yaml.SeverityWarning, "the PICC master key and key 0 of application F48122 are one key, picc"},

		{with("read: read, write: app", "read: free, write: app"), 11, yaml.SeverityWarning, "read is free: without a session it goes in plain"},
		{with("read: read, write: app", "write: app"), 11, yaml.SeverityNote, "nobody can read it"},
		{with("read: read, write: app", "change: never"), 11, yaml.SeverityWarning, "nobody could do anything with the file"},
		{with("write: app", "write: app, change: never"), 11, yaml.SeverityWarning, "nobody can ever change its rights"},
		{with("write: app", "write: app, change: free"), 11, yaml.SeverityWarning, "everybody may change these rights"},
		{with("write: app", "write: app, content: {template: \"{{.a}}\"}"), 11, yaml.SeverityNote, "without pad"},
		{with(file, "- {no: 1, type: value, lower: 0, upper: 9, debit: read, credit: app}"), 11, yaml.SeverityNote, "who has credit (app) may get and debit as well"},
		{with(file, "- {no: 1, type: linear, record-size: 1, records: 9, read: read, read-write: app}"), 11, yaml.SeverityNote, "who has read-write (app) may clear as well"},
		{with(file, "- {no: 1, type: transaction-mac, key: read, read: free}"), 11, yaml.SeverityWarning, "its key is also key 1 of the application"},
		{with("1: read}", "1: read, 2: read}", file, "- {no: 1, type: transaction-mac, key: app, read: free}"), 11, yaml.SeverityWarning, "its key is also key 0 of the application"},
		{with(file, "- {no: 1, type: standard, size: 99, read: free, sdm: {uri: \"https://a.example/{picc}{mac}\", meta-read: read, file-read: app}}"), 11, yaml.SeverityWarning, "made with the master key"},
		{with(file, "- {no: 1, type: standard, size: 99, read: free, sdm: {uri: \"https://a.example/{picc}{mac}\", meta-read: read, file-read: read}}"), 11, yaml.SeverityWarning, "one key enciphers who the card is and makes the MAC"},
		{with(file, "- {no: 1, type: standard, size: 99, read: free, sdm: {uri: \"https://a.example/{picc}{mac}\", meta-read: read, file-read: app}}", "uid: true, aid: true, system: \"r\"", "aid: true, system: \"r\""), 6, yaml.SeverityNote, "as a key must be that tells which card it is"},
	} {
		found := lint(t, tc.text)
		if !slices.ContainsFunc(found, func(f yaml.Finding) bool {
			return f.Line == tc.line && f.Severity == tc.severity && strings.Contains(f.Text, tc.want) && f.Column > 0
		}) {
			t.Errorf("%d %s %q is not among %+v", tc.line, tc.severity, tc.want, found)
		}
	}
}

// Of the examples nothing is an error.
func TestLintOfLayouts(t *testing.T) {
	for _, name := range layouts(t) {
		d, err := yaml.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range d.Lint() {
			if f.Severity == yaml.SeverityError {
				t.Errorf("%s: %+v", name, f)
			}
		}
	}
}
