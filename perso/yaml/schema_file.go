package yaml

import (
	"slices"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// fileMember says what a member of files is.
func fileMember(name string, t wire.FileType) *schema {
	switch name {
	case "iso-id":
		return refs("hex", "Its ISO identifier, two bytes. All files of an application have one, or none.")
	case "size":
		return number("Its size in bytes.", 1, 0xFFFFFF)
	case "also":
		rights := slices.DeleteFunc(inspect.WrittenRights(t), func(r inspect.Right) bool { return r == inspect.RightChange })
		s := list("Further sets of rights (EV2, EV3): a key that any set names has the right.", object("", nil, rightProps(t, rights)...))
		s.MaxItems = jsonschema.Ptr(maxSets)
		return s
	case "content":
		return refs("content", "What it holds, and shall go on holding: what differs is written again.")
	case "initial":
		return refs("content", "What it holds when it is new. What readers write later is theirs.")
	case "sdm":
		return ref("sdm")
	case "lower", "upper":
		return number("The "+name+" limit of the value.", -1<<31, 1<<31-1)
	case "value":
		return number("What a new file begins with. It is never set again.", -1<<31, 1<<31-1)
	case "limited-credit":
		return flag("Who may refund gives back as much as was debited last.")
	case "free-get":
		return flag("Everybody reads the value.")
	case "record-size":
		return number("The size of a record in bytes.", 1, 0xFFFFFF)
	case "records":
		low := 1.0
		if t == wire.FileCyclicRecord {
			low = 2
		}
		return number("How many records there is room for; a cyclic file holds one less.", low, 0xFFFFFF)
	case "key":
		return refs("keyName", "The key that makes the MACs. The card never tells it, and no session can prove it.")
	case "limit":
		return number("Where the counter of transactions stops.", 0, 1<<32-1)
	case "exclude-unauthenticated":
		return flag("The MAC leaves out what is done without a session (EV3).")
	}
	return &schema{}
}

func rightProps(t wire.FileType, rights []inspect.Right) (props []prop) {
	for _, right := range rights {
		what := "Who may " + right.Meaning(t) + "."
		if right == inspect.RightNameReader {
			what = "The key of readers that leave their name in each transaction; without it they leave none."
		} else if right == inspect.RightChange {
			what = "Who may change these settings; without it the master key."
		}
		props = append(props, prop{rightWord(right), refs("right", what)})
	}
	return props
}

func fileSchema(word string, t wire.FileType, members []string) *schema {
	props := []prop{
		{"no", number("The number of the file.", 0, 31)},
		{"name", text("What the file is called, for people.")},
		{"type", &schema{Const: constant(word)}},
		{"mode", oneOf("How data travel in a session: plain, mac, or full for enciphered. Without it full.", "plain", "mac", "full")},
	}
	props = append(props, rightProps(t, inspect.WrittenRights(t))...)
	required := []string{"no", "type"}
	for _, m := range members {
		props = append(props, prop{m, fileMember(m, t)})
		if slices.Contains([]string{"size", "lower", "upper", "record-size", "records", "key"}, m) {
			required = append(required, m)
		}
	}
	s := object("A "+word+" file.", required, props...)
	s.Title = word + " file"
	return s
}

func contentSchema() *schema {
	s := object("What a file holds: one of text, hex, file, template and ndef.", nil,
		prop{"text", text("Text, in UTF-8.")},
		prop{"hex", ref("hex")},
		prop{"file", text("A file beside the layout, whose bytes it holds.")},
		prop{"template", text("Text with {{.column}} for what a table says of each card. Functions: upper, lower, trim, hex, cut N, pad N, zeropad N.")},
		prop{"ndef", &schema{Description: "A message that phones read.", AnyOf: []*schema{ref("record"), {Type: "array", MinItems: jsonschema.Ptr(1), Items: ref("record")}}}},
		prop{"pad", &schema{Description: "The byte that fills the file up, in hexadecimal.", Types: []string{"string", "integer", "number"}, Pattern: `^[0-9A-Fa-f]{2}$`}},
	)
	s.OneOf = required("text", "hex", "file", "template", "ndef")
	return s
}

func recordSchema() *schema {
	s := object("A record: one of uri, text, mime and external.", nil,
		prop{"uri", refs("recordContent", "A web address or another URI.")},
		prop{"text", refs("recordContent", "Text in a language.")},
		prop{"lang", text("The language of text; without it en.")},
		prop{"mime", text("The media type of data.")},
		prop{"external", text("The type of data, example.com:name.")},
		prop{"data", ref("recordContent")},
	)
	s.OneOf = required("uri", "text", "mime", "external")
	return s
}

func required(names ...string) (list []*schema) {
	for _, name := range names {
		list = append(list, &schema{Required: []string{name}})
	}
	return list
}

func sdmSchema() *schema {
	props := []prop{
		{"uri", text("What phones are shown, with {picc} or {uid} and {ctr}, {mac}, and {from} and {enc:N} if need be, which the card fills in. It makes content and offsets.")},
		{"raw", flag("The file holds the text alone, and no NDEF message.")},
		{"meta-read", refs("right", "The key that enciphers who the card is; free shows it in plain.")},
		{"file-read", refs("right", "The key that the MAC is made with.")},
		{"counter-read", refs("right", "Who may ask for the counter in a session.")},
		{"limit", number("Where the counter stops.", 1, 1<<24-1)},
		{"mirror", &schema{Description: "Without uri: what is shown of who the card is.", Type: "array", UniqueItems: true, Items: oneOf("", "uid", "counter")}},
	}
	for _, p := range places {
		s := number("Without uri: a byte of the file.", 0, 1<<24-1)
		if p.name == "counter-at" {
			s = &schema{AnyOf: []*schema{s, {Const: constant("none")}}}
		}
		props = append(props, prop{p.name, s})
	}
	return object("Secure dynamic messaging (EV3, ntag424): the file shows who the card is, a counter and a MAC.", nil, props...)
}
