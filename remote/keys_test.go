package remote

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

func FuzzTakeSession(f *testing.F) {
	f.Add(PutSession(&key.SessionKeys{Key: make([]byte, 16), MAC: make([]byte, 16)}))
	f.Add(PutSession(&key.SessionKeys{Key: make([]byte, 8)}))
	f.Add([]byte{16})
	f.Fuzz(func(t *testing.T, payload []byte) {
		was := bytes.Clone(payload)
		s, err := TakeSession(payload)
		if !bytes.Equal(payload, make([]byte, len(payload))) {
			t.Error("what was read is not overwritten")
		}
		if err != nil {
			if !errors.Is(err, ErrMessage) || s.Key != nil || s.MAC != nil {
				t.Errorf("%v, %v", s, err)
			}
			return
		}
		if !bytes.Equal(PutSession(&s), was) {
			t.Errorf("%X is read, and written in another way", was)
		}
	})
}

func TestCleanTrace(t *testing.T) {
	for id, want := range map[string]string{"gate7/r0-1:5": "gate7/r0-1:5", "a\x1b[31mb c": "a31mbc", "": "", "ü": ""} {
		if got := CleanTrace(id); got != want {
			t.Errorf("%q: %q", id, got)
		}
	}
	if n := len(CleanTrace(string(bytes.Repeat([]byte("x"), 1000)))); n != 64 {
		t.Errorf("%d", n)
	}
}

// goldenKeys are messages of version 1 of the key service, as they stay for ever.
func goldenKeys() map[string]struct {
	header, empty any
	payload       []byte
} {
	v := Versioned{1}
	type row = struct {
		header, empty any
		payload       []byte
	}
	session := PutSession(&key.SessionKeys{Key: bytes.Repeat([]byte{0xA1}, 16), MAC: bytes.Repeat([]byte{0xA2}, 16), TI: [4]byte{1, 2, 3, 4}, CardCaps: [6]byte{5}, ReaderCaps: [6]byte{6}})
	return map[string]row{
		"slots":     {&KeyRequest{Versioned: v, Trace: "t-1", Ref: "04112233445566/F48121/1"}, new(KeyRequest), nil},
		"handshake": {&KeyRequest{Versioned: v, Trace: "t-1", Purpose: "debit", Ref: "04112233445566/F48121/1", Slot: &KeySlot{Index: 1, Type: "AES", Version: 2, NoVersion: true}, Method: "EV2"}, new(KeyRequest), bytes.Repeat([]byte{0xC1}, 16)},
		"finish":    {&KeyRequest{Versioned: v, Handshake: "0123456789abcdef0123456789abcdef"}, new(KeyRequest), bytes.Repeat([]byte{0xC2}, 32)},
		"are":       {&KeyAnswer{Versioned: v, Slots: []KeySlot{{Type: "AES", Version: 2}, {Index: 1, Type: "AES", Version: 1}}, Keep: 300}, new(KeyAnswer), nil},
		"token":     {&KeyAnswer{Versioned: v, Handshake: "0123456789abcdef0123456789abcdef", Instance: "fedcba98"}, new(KeyAnswer), bytes.Repeat([]byte{0xC3}, 32)},
		"session":   {&KeyAnswer{Versioned: v}, new(KeyAnswer), session},
		"error":     {&KeyAnswer{Versioned: v, Error: &KeyError{Code: KeyRate, Rule: "agents.gate7.rate", Text: "more than 120 a minute", After: 0.5}}, new(KeyAnswer), nil},
	}
}

func TestGoldenKeys(t *testing.T) {
	for name, g := range goldenKeys() {
		file := filepath.Join("testdata", "v1", "keys-"+name+".hex")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		old, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		payload, err := Decode(old, g.empty)
		if err != nil || !reflect.DeepEqual(g.empty, g.header) || !bytes.Equal(payload, g.payload) {
			t.Errorf("%s: %+v %X, %v", file, g.empty, payload, err)
		}
		if now, err := Encode(g.header, g.payload); err != nil || !bytes.Equal(now, old) {
			t.Errorf("%s: it is written as %X now, %v", file, now, err)
		}
	}
}
