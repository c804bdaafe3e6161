package yaml_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-desfire/desfire/perso/yaml"
)

// head is a layout up to its applications; there are 8 lines of it.
const head = `desfire: layout/v1
card: {generations: [ev2, ev3], master: picc}
keys:
  picc: {type: aes, version: 1, from: m}
  app: {type: aes, version: 1, from: m, diversify: {an10922: {uid: true, aid: true}}}
  read: {type: aes, version: 1, from: m, diversify: {an10922: {uid: true}}}
  tm: {type: aes, version: 1}
applications:
`

// application is one of three keys with a file, which begins in line 11.
func application(file string) string {
	return head + "- aid: F48121\n  keys: {master: app, 1: read, 2: tm}\n  files:\n  - " + file + "\n"
}

const light = "desfire: layout/v1\ncard: {generations: [light]}\nkeys: {m: {type: aes}}\n"

// faults are layouts that are wrong, where, and what is said of it. schema marks
// what a schema can tell.
var faults = []struct {
	name, text, at, want string
	schema               bool
}{
	{"empty", "", "", "the file is empty: want desfire: layout/v1, card and applications", false},
	{"comment", "# nothing\n", "", "the file is empty", false},
	{"list", "- a\n", "1:1", "want desfire: layout/v1, card and applications, not a list", true},
	{"no format", "card: {generations: [ev1]}\n", "1:1", "the member desfire is missing", true},
	{"other format", "desfire: layout/v2\n", "1:10", `desfire is the text "layout/v2": this program reads layout/v1`, true},
	{"keyring", "desfire: keys/v1\nkeys: {}\n", "1:10", "this program reads layout/v1", true},
	{"no card", "desfire: layout/v1\n", "1:1", "the member card is missing", true},
	{"no generation", "desfire: layout/v1\ncard: {}\n", "2:7", "the member generations is missing", true},
	{"unknown generation", "desfire: layout/v1\ncard: {generations: [ev4]}\n", "2:22", "did you mean ev1? want d40, ev1, ev2, ev3, light or ntag424", true},
	{"twice a generation", "desfire: layout/v1\ncard: {generations: [ev2, ev2]}\n", "2:27", "ev2 stands here twice", true},
	{"empty generations", "desfire: layout/v1\ncard: {generations: []}\n", "2:21", "generations is empty", true},
	{"mixed generations", "desfire: layout/v1\ncard: {generations: [ev3, ntag424]}\n", "2:21", "one layout is for them, or for the others", false},
	{"master of light", "desfire: layout/v1\ncard: {generations: [light], master: m}\nkeys: {m: {type: aes}}\n", "2:38", "have no PICC master key", false},
	{"unknown member", "desfire: layout/v1\ncrad: {}\n", "2:1", "did you mean card?", true},
	{"twice a member", "desfire: layout/v1\ncard: {generations: [ev1]}\ncard: {generations: [ev1]}\n", "3:1", "card stands here a second time, after line 2", false},
	{"anchor", "desfire: layout/v1\ncard: &a {generations: [ev1]}\n", "2:7", "anchors and aliases", false},
	{"tag", "desfire: layout/v1\nname: !!binary aGFsbG8=\n", "2:7", "tags (!) are not taken", false},
	{"merge", "desfire: layout/v1\nkeys:\n  <<: {a: {type: aes}}\n", "3:3", "anchors and aliases", false},
	{"two documents", "desfire: layout/v1\n---\na: b\n", "3:1", "a second document", false},
	{"deep", "desfire: layout/v1\nname: " + strings.Repeat("[", 20) + strings.Repeat("]", 20) + "\n", "2:23", "too deep", false},
	{"settings", "desfire: layout/v1\ncard: {generations: [ev1], settings: {list: yes}}\n", "2:45", `list is the text "yes": want free or master`, true},
	{"card change-keys", "desfire: layout/v1\ncard: {generations: [ev1], settings: {change-keys: master}}\n", "2:39", `settings has no member "change-keys"`, true},

	{"program", head[:strings.Index(head, "  app:")] + "  app: {type: aes, from: \"exec:touch ran\"}\n", "5:26", "names where a key is kept: where keys are kept is said by the key store", true},
	{"program as key", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: exec:cat key\n", "4:6", "names where a key is kept", true},
	{"module", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: {type: aes, from: \"pkcs11:/tmp/evil.so\"}\n", "4:24", "names where a key is kept", true},
	{"variable", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: {type: aes, from: \"env:HOME\"}\n", "4:24", "names where a key is kept", true},
	{"file of a key", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: \"@key\"\n", "4:6", "names where a key is kept", true},
	{"file of a key, bare", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: @key\n", "4:6", "keys are not named so in layouts", false},
	{"typed file of a key", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: \"aes: @key\"\n", "4:6", "names where a key is kept", true},
	{"digits", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: aes:00112233445566778899AABBCCDDEEFF\n", "4:6", "looks like a key", true},
	{"digits as number", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: 00112233445566778899001122334455\n", "4:6", "looks like a key", true},
	{"digits as name", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a0112233445566778899AABBCCDDEEFF: {type: aes}\n", "4:3", "looks like a key", false},
	{"digits as master", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: {type: aes, from: 00112233445566778899AABBCCDDEEFF}\n", "4:24", "looks like a key", false},
	{"prompt", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: prompt\n", "4:6", "names where a key is kept", true},
	{"key in a right", application("{no: 1, type: standard, size: 1, read: \"exec:touch ran\"}"), "12:44", "names where a key is kept", true},
	{"key in master", "desfire: layout/v1\ncard: {generations: [ev1], master: \"pkcs11:x\"}\n", "2:36", "names where a key is kept", true},

	{"name of a key", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  1: {type: aes}\n", "4:3", `the name "1" of a key: want a letter`, true},
	{"reserved name", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  free: {type: aes}\n", "4:3", "a key cannot be called free, which means something else", true},
	{"no type", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: {version: 1}\n", "4:6", "the member type is missing", true},
	{"other type", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: {type: aes256}\n", "4:13", "want des, 2k3des, 3k3des or aes", true},
	{"version", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: {type: aes, version: 256}\n", "4:27", "want a number, 0 to 255", true},
	{"equal versions", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: [{type: aes, version: 1, from: x}, {type: aes, version: 1, from: y}]\n", "4:41", "version 1 stands here a second time", false},
	{"versions missing", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: [{type: aes, from: x}, {type: aes, version: 1, from: y}]\n", "4:7", "version is missing", true},
	{"zero of a master", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: {type: aes, zero: true, from: x}\n", "4:36", "a key of zeros is made of nothing", false},
	{"diversified of nothing", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: {type: aes, diversify: {an10922: {uid: true}}}\n", "4:29", "from, its name, is missing", true},
	{"diversified by nothing", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: {type: aes, from: x, diversify: {an10922: {}}}\n", "4:48", "nothing to derive from", true},
	{"too much for DES", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: {type: 2k3des, from: x, diversify: {an10922: {uid: true, aid: true, system: \"library room\"}}}\n", "4:51", "15 at most", false},
	{"unused", "desfire: layout/v1\ncard: {generations: [ev1]}\nkeys:\n  a: {type: aes}\n", "4:3", "the key a is used nowhere", false},
	{"twice a key", "desfire: layout/v1\ncard: {generations: [ev1], master: a}\nkeys:\n  a: {type: aes}\n  a: {type: aes}\n", "5:3", "the key a stands here a second time, after line 4", false},
	{"unknown key", "desfire: layout/v1\ncard: {generations: [ev1], master: picc-mastr}\nkeys:\n  picc-master: {type: aes}\n", "2:36", "did you mean picc-master? add it to keys", false},

	{"no aid", head + "- keys: {master: app}\n", "9:3", "the member aid is missing", true},
	{"short aid", head + "- aid: 12345\n", "9:8", `aid is the text "12345": want six hexadecimal digits`, false},
	{"aid 0x", head + "- aid: 0xF48121\n", "9:8", "want six hexadecimal digits", false},
	{"aid 0x of six", head + "- aid: 0x4812\n", "9:8", "want six hexadecimal digits", false},
	{"aid with _", head + "- aid: 10_000\n", "9:8", "want six hexadecimal digits", true},
	{"aid of the card", head + "- aid: 000000\n", "9:8", "and not 000000", false},
	{"app on ev2", head + "- aid: app\n", "9:8", "app is the one application of light and ntag424", false},
	{"aid on light", light + "applications:\n- {aid: F48121, keys: {master: m}}\n", "5:9", "say app", false},
	{"twice an aid", head + "- {aid: F48121, keys: {master: app}}\n- {aid: f48121, keys: {master: app}}\n", "10:9", "a second time, after line 9", false},
	{"no keys", head + "- aid: F48121\n", "9:3", "name keys, or say key-type", false},
	{"key number", head + "- {aid: F48121, keys: {14: app}}\n", "9:24", "want a number from 0 to 13", true},
	{"octal key number", head + "- {aid: F48121, keys: {01: app}}\n", "9:24", "without zeros before it", true},
	{"master twice", head + "- {aid: F48121, keys: {master: app, 0: read}}\n", "9:37", "key 0 stands here a second time", false},
	{"key count", head + "- {aid: F48121, keys: {master: app, 3: read}, key-count: 2}\n", "9:58", "key-count is 2, and there is a key 3", false},
	{"type of keys", head + "- {aid: F48121, key-type: des, keys: {master: app}}\n", "9:47", "the key app is of type AES (line 5)", false},
	{"df name without id", head + "- {aid: F48121, df-name: \"D276\", keys: {master: app}}\n", "9:26", "a DF name needs an ISO identifier", true},
	{"long df name", head + "- {aid: F48121, iso-id: E110, df-name: \"text:12345678901234567\", keys: {master: app}}\n", "9:40", "df-name has 17 bytes", true},
	{"iso-id", head + "- {aid: F48121, iso-id: 110, keys: {master: app}}\n", "9:25", "want two bytes in hexadecimal", false},
	{"change-keys", head + "- {aid: F48121, keys: {master: app}, settings: {change-keys: read}}\n", "9:62", "which is no key of this application", false},
	{"change-keys number", head + "- {aid: F48121, keys: {master: app}, settings: {change-keys: 1}}\n", "9:62", "rights go to names of keys, not to numbers", true},
	{"vc-keys", head + "- {aid: F48121, keys: {master: app}, vc-keys: {proximity: read}}\n", "9:47", "add it to options", false},
	{"vc-keys of another role", head + "- {aid: F48121, keys: {master: app}, options: [own-vc-keys], vc-keys: {dam-auth: read}}\n", "9:72", `keys has no member "dam-auth"`, true},
	{"option", head + "- {aid: F48121, keys: {master: app}, options: [own-vc-key]}\n", "9:48", "did you mean own-vc-keys?", true},
	{"delegated", head + "- {aid: F48121, keys: {master: app}, delegated: {slot: 1}}\n", "9:49", "the member quota is missing", true},
	{"signed", head + "- {aid: F48121, keys: {master: app}, delegated: {signed: garbage.bin}}\n", "9:58", "signed: ", false},
	{"set number", head + "- {aid: F48121, keys: {master: app}, key-sets: {roll: app, sets: {0: {version: 2}}}}\n", "9:67", "want a number from 1 to 15", true},
	{"set type", head + "- {aid: F48121, keys: {master: app}, key-sets: {sets: {1: {version: 2, type: 3k3des}}}}\n", "9:59", "need max-key-size: 24", false},
	{"aid of no aid", "desfire: layout/v1\ncard: {generations: [light]}\nkeys: {m: {type: aes, from: x, diversify: {an10922: {aid: true}}}}\napplications:\n- {aid: app, keys: {master: m}}\n", "5:29", "is derived from the AID (line 3)", false},

	{"reserved iso-id", head + "- {aid: F48121, iso-id: 3F00, keys: {master: app}}\n", "9:25", "iso-id is 3F00, which is reserved", false},
	{"twice an iso-id", head + "- {aid: F48121, iso-id: E110, keys: {master: app, 1: read, 2: tm}}\n- {aid: F48122, iso-id: E110, keys: {master: picc}}\n", "10:25", "iso-id stands here a second time, after line 9", false},
	{"twice a df name", head + "- {aid: F48121, iso-id: E110, df-name: D276, keys: {master: app, 1: read, 2: tm}}\n- {aid: F48122, iso-id: E111, df-name: d276, keys: {master: picc}}\n", "10:40", "df-name stands here a second time", false},
	{"twice a slot", head + "- {aid: F48121, delegated: {slot: 1, quota: 9}, keys: {master: app, 1: read, 2: tm}}\n- {aid: F48122, delegated: {slot: 1, quota: 9}, keys: {master: picc}}\n", "10:28", "delegated stands here a second time", false},
	{"twice an iso-id of files", application("{no: 1, type: standard, size: 1, iso-id: E101}\n  - {no: 2, type: standard, size: 1, iso-id: E101}"), "13:46", "iso-id E101 stands here a second time, after line 12", false},
	{"no file number", application("{type: standard, size: 1}"), "12:5", "the member no is missing", true},
	{"no file type", application("{no: 1, size: 1}"), "12:5", "the member type is missing", true},
	{"file type", application("{no: 1, type: standart, size: 1}"), "12:19", "did you mean standard?", true},
	{"no size", application("{no: 1, type: standard}"), "12:5", "the member size is missing", true},
	{"quoted size", application("{no: 1, type: standard, size: \"1\"}"), "12:35", "without quotes", true},
	{"size 0", application("{no: 1, type: standard, size: 0}"), "12:35", "want a number from 1", true},
	{"size with _", application("{no: 1, type: standard, size: 1_0}"), "12:35", "want a number", true},
	{"float", application("{no: 1, type: standard, size: 1e1}"), "12:35", "want a number", true},
	{"twice a file", application("{no: 1, type: standard, size: 1}\n  - {no: 1, type: standard, size: 1}"), "13:10", "file 1 stands here a second time", false},
	{"mode", application("{no: 1, type: standard, size: 1, mode: clear}"), "12:44", "want plain, mac or full", true},
	{"right as number", application("{no: 1, type: standard, size: 1, read: 1}"), "12:44", "rights go to names of keys, not to numbers; want app, read, tm, free or never", true},
	{"right misspelt", application("{no: 1, type: standard, size: 1, read: raed}"), "12:44", "did you mean read?", false},
	{"right of another key", application("{no: 1, type: standard, size: 1, read: picc}"), "12:44", "which is no key of this application", false},
	{"two numbers", head + "- aid: F48121\n  keys: {master: app, 1: read, 2: read}\n  files:\n  - {no: 1, type: standard, size: 1, read: read}\n", "12:44", "is the name of keys 1 and 2 here", false},
	{"read of a value", application("{no: 1, type: value, lower: 0, upper: 1, read: app}"), "12:46", "say debit, for get, debit", true},
	{"debit of data", application("{no: 1, type: standard, size: 1, debit: app}"), "12:38", "say read, for read", true},
	{"write of a transaction MAC", application("{no: 1, type: transaction-mac, key: tm, write: app}"), "12:45", "has no right called write", true},
	{"content of a value", application("{no: 1, type: value, lower: 0, upper: 1, content: {text: a}}"), "12:46", "a value file has no content", true},
	{"limits", application("{no: 1, type: value, lower: 2, upper: 1}"), "12:43", "upper is 1, and lower is 2", false},
	{"value beyond", application("{no: 1, type: value, lower: 0, upper: 1, value: 2}"), "12:53", "want a number from 0 to 1", false},
	{"no key of MACs", application("{no: 1, type: transaction-mac}"), "12:5", "the member key is missing", true},
	{"two files of MACs", application("{no: 1, type: transaction-mac, key: tm}\n  - {no: 2, type: transaction-mac, key: tm}"), "13:5", "at most one transaction MAC file", false},
	{"cyclic of one", application("{no: 1, type: cyclic, record-size: 1, records: 1}"), "12:52", "want a number from 2", true},
	{"some iso ids", application("{no: 1, type: standard, size: 1, iso-id: E101}\n  - {no: 2, type: standard, size: 1}"), "13:5", "all have one, or none", false},
	{"also change", application("{no: 1, type: standard, size: 1, also: [{change: app}]}"), "12:46", `a further set of rights has no member "change"`, true},

	{"two contents", application("{no: 1, type: standard, size: 9, content: {text: a, hex: \"00\"}}"), "12:47", "want one of", true},
	{"no content", application("{no: 1, type: standard, size: 9, content: {pad: 00}}"), "12:47", "want one of", true},
	{"content as text", application("{no: 1, type: standard, size: 9, content: hello}"), "12:47", "want one of", true},
	{"content and initial", application("{no: 1, type: standard, size: 9, content: {text: a}, initial: {text: a}}"), "12:67", "want one of them", false},
	{"long content", application("{no: 1, type: standard, size: 2, content: {text: abc}}"), "12:47", "3 bytes do not fit into the 2 of the file", false},
	{"odd hex", application("{no: 1, type: standard, size: 9, content: {hex: \"001\"}}"), "12:53", "is no hexadecimal", false},
	{"pad", application("{no: 1, type: standard, size: 9, content: {text: a, pad: \"0000\"}}"), "12:62", "want one byte", true},
	{"file of contents", application("{no: 1, type: standard, size: 9, content: {file: ../key}}"), "12:54", "without ..", false},
	{"template without columns", application("{no: 1, type: standard, size: 9, content: {template: \"x\"}}"), "12:58", "it has no column", false},
	{"template open", application("{no: 1, type: standard, size: 9, content: {template: \"{{.a\"}}"), "12:58", "want text with {{.column}}", false},
	{"template range", application("{no: 1, type: standard, size: 9, content: {template: \"{{range .a}}x{{end}}\"}}"), "12:58", "want {{.column}}", false},
	{"template call", application("{no: 1, type: standard, size: 9, content: {template: \"{{printf \\\"%s\\\" .a}}\"}}"), "12:58", "the function printf is not taken", false},
	{"template escape", application("{no: 1, type: standard, size: 9, content: {template: \"{{.a | pad 70000 \\x1b}}\"}}"), "12:58", "want text with {{.column}}", false},
	{"template define", application("{no: 1, type: standard, size: 9, content: {template: \"{{define \\\"x\\\"}}{{.a}}{{end}}{{.b}}\"}}"), "12:58", "define and block are not taken", false},
	{"template variable", application("{no: 1, type: standard, size: 9, content: {template: \"{{$x := .a}}{{$x}}\"}}"), "12:58", "variables are not taken", false},
	{"template chain", application("{no: 1, type: standard, size: 9, content: {template: \"{{.a.b}}\"}}"), "12:58", "want the name of one column", false},
	{"template dot", application("{no: 1, type: standard, size: 9, content: {template: \"{{.}}\"}}"), "12:58", "want {{.column}}", false},

	{"ndef kind", application("{no: 1, type: standard, size: 90, content: {ndef: {url: x}}}"), "12:56", "did you mean uri?", true},
	{"ndef two", application("{no: 1, type: standard, size: 90, content: {ndef: {uri: x, text: y}}}"), "12:55", "a record is of one kind", true},
	{"ndef none", application("{no: 1, type: standard, size: 90, content: {ndef: []}}"), "12:55", "the message has no record", true},
	{"ndef lang", application("{no: 1, type: standard, size: 90, content: {ndef: {uri: x, lang: en}}}"), "12:70", "which is of text", false},
	{"ndef data", application("{no: 1, type: standard, size: 90, content: {ndef: {mime: text/plain}}}"), "12:55", "the member data is missing", false},

	{"sdm without mac", application("{no: 1, type: standard, size: 99, sdm: {uri: \"https://a.example/{picc}\", meta-read: read}}"), "12:50", "without {mac} nothing is proved", false},
	{"sdm without key", application("{no: 1, type: standard, size: 99, sdm: {uri: \"https://a.example/{picc}{mac}\", meta-read: read}}"), "12:50", "uri: ", false},
	{"sdm too long", application("{no: 1, type: standard, size: 9, sdm: {uri: \"https://a.example/{picc}{mac}\", meta-read: read, file-read: tm}}"), "12:49", "this one has 9", false},
	{"sdm and content", application("{no: 1, type: standard, size: 99, content: {text: a}, sdm: {uri: \"https://a.example/{picc}{mac}\", meta-read: read, file-read: tm}}"), "12:48", "follows from the uri of sdm", false},
	{"sdm offsets missing", application("{no: 1, type: standard, size: 99, sdm: {meta-read: read, mirror: [uid]}}"), "12:56", "the member picc-at is missing", false},
	{"sdm offset unused", application("{no: 1, type: standard, size: 99, sdm: {mac-at: 4}}"), "12:53", "mac-at has no meaning", false},
	{"sdm overlaps", application("{no: 1, type: standard, size: 99, sdm: {meta-read: read, file-read: tm, mirror: [uid, counter], picc-at: 0, mac-from: 0, mac-at: 10}}"), "12:44", "sdm: ", false},
	{"sdm of a backup", application("{no: 1, type: backup, size: 99, sdm: {}}"), "12:37", "a backup file has no sdm", true},

	{"option unknown", "desfire: layout/v1\ncard: {generations: [ev3], options: {atss: \"00\"}}\n", "2:38", "did you mean ats?", true},
	{"option forever", "desfire: layout/v1\ncard: {generations: [ev3], options: {random-uid: true}}\n", "2:38", "it stands in irreversible", true},
	{"option lacking", "desfire: layout/v1\ncard: {generations: [ev1, ev3], options: {atqa: \"0344\"}}\n", "2:49", "ev1 cards have no atqa", false},
	{"option value", "desfire: layout/v1\ncard: {generations: [ev3], options: {atqa: \"03\"}}\n", "2:44", "want two bytes in hexadecimal", false},
	{"messaging as word", "desfire: layout/v1\ncard: {generations: [ev3], options: {no-messaging: d40}}\n", "2:52", "want a list such as [d40, ev1]", true},
	{"messaging", "desfire: layout/v1\ncard: {generations: [ev3], options: {no-messaging: [d41]}}\n", "2:52", "want d40, ev1", true},
	{"attempts", "desfire: layout/v1\ncard: {generations: [ev3], options: {failed-attempts: {limit: 0}}}\n", "2:63", "want a number from 1 to 65535", true},
	{"irreversible", "desfire: layout/v1\ncard: {generations: [ev3], irreversible: [randomuid]}\n", "2:43", "did you mean random-uid?", true},
	{"irreversible twice", "desfire: layout/v1\ncard: {generations: [ev3], irreversible: [no-format, no-format]}\n", "2:54", "no-format stands here twice", true},
}

// Each fault is said with its place, alone or first, and none shows a key.
func TestFaults(t *testing.T) {
	t.Chdir(t.TempDir()) // what a layout ran would be seen here
	files := fstest.MapFS{"garbage.bin": {Data: []byte("garbage")}}
	for _, tc := range faults {
		t.Run(tc.name, func(t *testing.T) {
			_, err := yaml.Read("l.yaml", []byte(tc.text), &yaml.Config{Files: files})
			var errs yaml.Errors
			if !errors.As(err, &errs) || len(errs) == 0 {
				t.Fatalf("%v", err)
			}
			e := errs[0]
			at := ""
			if e.Line > 0 {
				at = fmt.Sprintf("%d:%d", e.Line, e.Column)
			}
			if at != tc.at || !strings.Contains(e.Text, tc.want) {
				t.Errorf("%s %s, want %s %q", at, e.Text, tc.at, tc.want)
			}
			if strings.ContainsAny(strings.ReplaceAll(err.Error(), "\n", ""), "\x1b\r\t") || strings.Contains(e.Text, "\n") {
				t.Errorf("%q is no text for a terminal", err)
			}
			if strings.Contains(err.Error(), "AABBCCDD") || strings.Contains(err.Error(), "00112233") {
				t.Errorf("%s shows a key", e)
			}
		})
	}
	if empty, err := fsEmpty("."); err != nil || !empty {
		t.Errorf("something ran: %v", err)
	}
}

// Several faults are told at once, each once, and not without end.
func TestSeveralFaults(t *testing.T) {
	_, err := yaml.Read("l.yaml", []byte(application("{no: 1, type: standard, size: 0, read: 1, write: nobody, mode: clear}\n    colour: red")), nil)
	if err == nil {
		t.Fatal("it is read")
	}
	_, err = yaml.Read("l.yaml", []byte(application("{no: 1, type: standard, size: 0, read: 1, write: nobody, mode: clear}")), nil)
	var errs yaml.Errors
	if !errors.As(err, &errs) || len(errs) != 4 {
		t.Errorf("%d errors: %v", len(errs), err)
	}
	many := strings.Builder{}
	many.WriteString(head)
	for i := range 200 {
		fmt.Fprintf(&many, "- {aid: %06X, keys: {master: nobody-%d}}\n", i+1, i)
	}
	_, err = yaml.Read("l.yaml", []byte(many.String()), nil)
	if !errors.As(err, &errs) || len(errs) != 21 || !strings.Contains(errs[20].Text, "and more") {
		t.Errorf("%d errors", len(errs))
	}
}
