package bertlv_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/bertlv"
)

func words(list []bertlv.Object) string {
	var s []string
	for _, o := range list {
		if o.Tag.Constructed() {
			s = append(s, fmt.Sprintf("%v{%s}", o.Tag, words(o.Objects)))
		} else {
			s = append(s, fmt.Sprintf("%v=%X", o.Tag, o.Value))
		}
	}
	return strings.Join(s, " ")
}

func TestParse(t *testing.T) {
	for _, tc := range []struct{ data, want, err string }{
		{"", "", ""},
		{"0000FFFF00", "", ""},
		// The answer to SELECT of a payment system (EMV Book 1, annex B examples of the layout).
		{"6F1A840E315041592E5359532E4444463031A5088801025F2D02656E", "6F{84=315041592E5359532E4444463031 A5{88=02 5F2D=656E}}", ""},
		{"005F200341424300FF5A0112000000", "5F20=414243 5A=12", ""},
		{"0481020102", "04=0102", ""},
		{"048400000001AA", "04=AA", ""},
		{"8100", "81=", ""},
		{"1F8101", "", "byte 0: the length of object 1F8101"},
		{"0405AABB", "", "byte 0: object 04 says that it has 5 bytes; 2 are there"},
		{"5A011204", "5A=12", "byte 3: the length"},
		{"0485000000000000", "", "byte 0: the length"},
		{"0480AA0000", "", "byte 0: the length"},
		{"0484FFFFFFFFAA", "", "says that it has"},
		{"5F", "", "byte 0: a tag is cut off"},
		{"5F8101020304", "5F8101=0304", ""},
		{"5F8181818101", "", "longer than four bytes"},
		{"7003040501", "", "byte 2: object 04 says that it has 5 bytes; 1 are there"},
	} {
		data, _ := hex.DecodeString(tc.data)
		list, err := bertlv.Parse(data)
		if got := words(list); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.data, got, tc.want)
		}
		if (err == nil) != (tc.err == "") || err != nil && (!strings.Contains(err.Error(), tc.err) || !errors.As(err, new(*bertlv.Error))) {
			t.Errorf("%s: %v, want %q", tc.data, err, tc.err)
		}
	}
}

// Objects in objects end somewhere.
func TestDepth(t *testing.T) {
	var b []byte
	for range 40 {
		b = bertlv.Append(nil, 0x30, b)
	}
	if _, err := bertlv.Parse(b); err == nil || !strings.Contains(err.Error(), "deeper") {
		t.Error(err)
	}
}

func TestAppend(t *testing.T) {
	for _, n := range []int{0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000} {
		value := bytes.Repeat([]byte{0x5A}, n)
		list, err := bertlv.Parse(bertlv.Append([]byte{0}, 0x5F20, value))
		if err != nil || len(list) != 1 || list[0].Tag != 0x5F20 || !bytes.Equal(list[0].Value, value) {
			t.Errorf("%d bytes: %d objects, %v", n, len(list), err)
		}
	}
}

func TestParseTag(t *testing.T) {
	for s, want := range map[string]bertlv.Tag{"04": 4, "5F20": 0x5F20, "0xDF8101": 0xDF8101, "1f8181": 0, "": 0, "5F": 0, "00": 0, "FF": 0, "FF62": 0, "0401": 0, "x": 0, "5F80": 0, "5F8101": 0x5F8101} {
		got, err := bertlv.ParseTag(s)
		if got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("\x6F\x05\x84\x03abc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := bertlv.Parse(data)
		if err != nil {
			return
		}
		var again []byte
		for _, o := range list {
			again = bertlv.Append(again, o.Tag, o.Value)
		}
		if other, err := bertlv.Parse(again); err != nil || words(other) != words(list) {
			t.Errorf("%X: %s, again %s, %v", data, words(list), words(other), err)
		}
	})
}
