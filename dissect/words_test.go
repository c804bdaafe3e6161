package dissect

import (
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// Every command has a purpose, and every field of every layout a meaning.
func TestEverythingHasWords(t *testing.T) {
	var c wire.Coder
	fields := 0
	for s := range wire.Commands() {
		if Purpose(s) == "" {
			t.Errorf("%s has no purpose", s.Name)
		}
		list := []wire.Message{s.New()}
		if s.NewResponse != nil {
			list = append(list, s.NewResponse())
		}
		for _, m := range list {
			e, err := c.Encode(nil, m)
			bytes := e.Bytes
			if err != nil {
				bytes = make([]byte, 24)
			}
			e.Bytes = append(append([]byte(nil), bytes...), make([]byte, 40)...)
			e.Marks = nil
			found, _ := c.Explain(e, m)
			for _, f := range found {
				fields++
				if strings.HasPrefix(f.Name, "KeyData") || f.Len == 0 {
					continue
				}
				if meaning(s.Name, wire.Field{Name: f.Name}, nil) == "" {
					t.Errorf("%s: %s has no meaning", s.Name, f.Name)
				}
			}
		}
	}
	if fields < 200 {
		t.Errorf("only %d fields were seen", fields)
	}
}

func TestOrder(t *testing.T) {
	for _, test := range []struct {
		value string
		raw   []byte
		want  string
	}{
		{"800", []byte{3, 0x20}, "most significant byte first"},
		{"250", []byte{0xFA, 0, 0, 0}, "least significant byte first"},
		{"0", []byte{0, 0, 0}, ""},
		{"51A5A1", []byte{0xA1, 0xA5, 0x51}, "least significant byte first"},
		{"AAAAAA", []byte{0xAA, 0xAA, 0xAA}, ""},
	} {
		if got := order(test.value, test.raw); got != test.want {
			t.Errorf("%s of % X: %q, want %q", test.value, test.raw, got, test.want)
		}
	}
}
