package wire_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func frameBytes(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestParseCommand(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want wire.Frame
		st   wire.Status
	}{
		{"60", wire.Frame{Framing: wire.FramingNative, Class: wire.ClassNative, INS: 0x60, Le: -1}, wire.StatusOK},
		{"5A010203", wire.Frame{Framing: wire.FramingNative, Class: wire.ClassNative, INS: 0x5A, Data: frameBytes("010203"), Le: -1}, wire.StatusOK},
		{"9060000000", wire.Frame{Framing: wire.FramingWrapped, Class: wire.ClassNative, INS: 0x60, Le: 256}, wire.StatusOK},
		{"905A00000301020300", wire.Frame{Framing: wire.FramingWrapped, Class: wire.ClassNative, INS: 0x5A, Data: frameBytes("010203"), Le: 256}, wire.StatusOK},
		{"00A4040C", wire.Frame{Framing: wire.FramingWrapped, Class: wire.ClassISO, INS: 0xA4, P1: 4, P2: 0xC, Le: -1}, wire.StatusOK},
		{"00B0000010", wire.Frame{Framing: wire.FramingWrapped, Class: wire.ClassISO, INS: 0xB0, Le: 16}, wire.StatusOK},
		{"90AD000000000702100000000100 00", wire.Frame{Framing: wire.FramingWrapped, Class: wire.ClassNative, INS: 0xAD, Data: frameBytes("02100000000100"), Le: 65536, Extended: true}, wire.StatusISOWrongLength},
		{"90AD000000000702100000000100 0000", wire.Frame{Framing: wire.FramingWrapped, Class: wire.ClassNative, INS: 0xAD, Data: frameBytes("02100000000100"), Le: 65536, Extended: true}, wire.StatusOK},
		{"905A000004010203", wire.Frame{Framing: wire.FramingWrapped, Class: wire.ClassNative, INS: 0x5A, Le: -1}, wire.StatusISOWrongLength},
		{"9060", wire.Frame{Framing: wire.FramingWrapped, Class: wire.ClassNative, Le: -1}, wire.StatusISOWrongLength},
		{"", wire.Frame{Framing: wire.FramingNative, Class: wire.ClassNative}, wire.StatusLengthError},
	} {
		got, st := wire.ParseCommand(frameBytes(tc.in))
		if st != tc.st {
			t.Errorf("%s: status %v, want %v", tc.in, st, tc.st)
			continue
		}
		if st == wire.StatusOK && (got.Framing != tc.want.Framing || got.Class != tc.want.Class || got.INS != tc.want.INS ||
			got.P1 != tc.want.P1 || got.P2 != tc.want.P2 || !bytes.Equal(got.Data, tc.want.Data) || got.Le != tc.want.Le || got.Extended != tc.want.Extended) {
			t.Errorf("%s: %+v, want %+v", tc.in, got, tc.want)
		}
	}
}

func TestAPDURoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 255, 256, 4096} {
		for _, le := range []int{-1, 1, 256, 257, 65536} {
			data := bytes.Repeat([]byte{7}, n)
			apdu := wire.AppendAPDU(nil, 0x90, 0xAD, 0, 0, data, le)
			c, st := wire.ParseCommand(apdu)
			if st != wire.StatusOK || !bytes.Equal(c.Data, data) {
				t.Fatalf("n %d le %d: %v %+v", n, le, st, c)
			}
			want := le
			if n > 255 && le == 256 { // the extended form spells it out
				want = 256
			}
			if c.Le != want {
				t.Errorf("n %d: le %d, want %d", n, c.Le, want)
			}
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{"60", "9060000000", "905A00000301020300", "00A4040C", "90AD000000000702100000000100 0000"} {
		f.Add(frameBytes(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, st := wire.ParseCommand(b)
		if st == wire.StatusOK {
			again := wire.AppendCommand(nil, wire.FramingNative, x.INS, x.Data)
			if x.Framing == wire.FramingWrapped {
				again = wire.AppendAPDU(nil, byte(x.Class), x.INS, x.P1, x.P2, x.Data, x.Le)
			}
			other, st := wire.ParseCommand(again)
			if st != wire.StatusOK || other.INS != x.INS || other.Class != x.Class || !bytes.Equal(other.Data, x.Data) || !x.Extended && !bytes.Equal(again, b) {
				t.Fatalf("%X is %+v, written %X, read %+v, %v", b, x, again, other, st)
			}
		}
		for _, f := range []wire.Framing{wire.FramingNative, wire.FramingWrapped} {
			data, st, ok := wire.ParseAnswer(f, b, false)
			if ok && !bytes.Equal(wire.AppendAnswer(nil, f, data, st, false), b) {
				t.Fatalf("%v: %X is %X and %v", f, b, data, st)
			}
			if !ok && len(b) > 1 {
				t.Fatalf("%v: %X has no status", f, b)
			}
		}
	})
}
