package remote

import (
	"errors"
	"strings"
	"testing"
)

type hello struct {
	Versioned
	Name string `json:"name"`
}

func TestMessage(t *testing.T) {
	m, err := Encode(hello{Versioned{Version}, "gate7"}, []byte{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	var h hello
	payload, err := Decode(m, &h)
	if err != nil || h.Name != "gate7" || string(payload) != "\x01\x02" {
		t.Errorf("%+v %x %v", h, payload, err)
	}
	for name, m := range map[string]string{
		"empty": "", "short": "\x00\x00", "longer than it is": "\x00\x00\x00\x09{}", "huge": "\xff\xff\xff\xff{}", "no JSON": "\x00\x00\x00\x01{",
	} {
		if _, err := Decode([]byte(m), &h); !errors.Is(err, ErrMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var v *VersionError
	if _, err := Decode([]byte("\x00\x00\x00\x07{\"v\":2}"), &h); !errors.As(err, &v) || !strings.Contains(err.Error(), "update this program") {
		t.Errorf("a later version: %v", err)
	}
	if _, err := Decode([]byte("\x00\x00\x00\x13{\"v\":1,\"more\":[{}]}"), &h); err != nil {
		t.Errorf("an unknown member: %v", err)
	}
	if _, err := Encode(hello{}, nil); err == nil {
		t.Error("a header without a version passes")
	}
	if _, err := Encode(hello{Versioned{Version}, ""}, make([]byte, MaxMessage)); err == nil {
		t.Error("a message that is too long passes")
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"gate7": true, "7": true, "a-b": true, "": false, "-a": false, "A": false, "a.b": false, "a b": false, "*": false, ">": false,
		strings.Repeat("a", 32): true, strings.Repeat("a", 33): false, "ü": false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	if s := (Subjects{"main"}).Transmit("gate7", "r0"); s != "desfire.main.reader.gate7.r0.transmit" {
		t.Error(s)
	}
}

func TestInbox(t *testing.T) {
	for _, test := range []struct {
		name, reply string
		want        bool
	}{
		{"gate7", "_INBOX.gate7.x.1", true},
		{"gate7", "_INBOX.gate70.x", false},
		{"ann", "_INBOX.op.ann.x.1", true},
		{"ann", "_INBOX.op.ann", false},
		{"ann", "_INBOX.op.op.ann.x", false},
		{"op", "_INBOX.op.ann.x", false},
		{"op", "_INBOX.op.op.x", false},
		{"gate7", "_INBOX.gate7", false},
		{"gate7", "_INBOX.gate7.", false},
		{"gate7", "_INBOX.gate7.>", false},
		{"gate7", "desfire.main.ledger.1", false},
		{"gate7", "", false},
		{"*", "_INBOX.*.x", false},
		{"", "_INBOX..x", false},
	} {
		if got := IsInbox(test.name, test.reply); got != test.want {
			t.Errorf("%q for %q: %t", test.reply, test.name, got)
		}
	}
}
