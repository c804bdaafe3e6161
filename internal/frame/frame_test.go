package frame

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// script answers each expected command with the next answer.
type script struct {
	t     *testing.T
	steps []string // command, answer, command, answer, ...
}

func (s *script) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	s.t.Helper()
	if len(s.steps) < 2 {
		s.t.Fatalf("unexpected command %X", cmd)
	}
	if want := unhex(s.steps[0]); !bytes.Equal(cmd, want) {
		s.t.Fatalf("sent %X, want %X", cmd, want)
	}
	rsp := unhex(s.steps[1])
	s.steps = s.steps[2:]
	return rsp, nil
}

var (
	chained = &wire.Spec{INS: 0x3D, Success: wire.StatusOK}
	version = &wire.Spec{INS: 0x60, Success: wire.StatusOK}
)

func TestVersionNativeAndWrapped(t *testing.T) {
	for framing, steps := range map[Framing][]string{
		Native: {"60", "AF 04010133001805", "AF", "AF 04010103001805", "AF", "00 0464D59ADD1E9021136230304024"},
		Wrapped: {"9060000000", "04010133001805 91AF", "90AF000000", "04010103001805 91AF",
			"90AF000000", "0464D59ADD1E9021136230304024 9100"},
	} {
		s := &script{t, steps}
		l := Link{T: s, Framing: framing}
		a, err := l.Exchange(context.Background(), version, nil, nil, Want{})
		if err != nil || a.Status != wire.StatusOK || len(a.Data) != 28 || a.Frames != 3 {
			t.Fatalf("%v: %+v %v", framing, a, err)
		}
		if len(a.Marks) != 2 || a.Marks[0] != 7 || a.Marks[1] != 14 {
			t.Errorf("%v: marks %v", framing, a.Marks)
		}
	}
}

func TestCommandPieces(t *testing.T) {
	body := bytes.Repeat([]byte{0x55}, 130)
	s := &script{t, []string{
		"3D" + strings.Repeat("55", 59), "AF",
		"AF" + strings.Repeat("55", 59), "AF",
		"AF" + strings.Repeat("55", 12), "00",
	}}
	l := Link{T: s, Framing: Native}
	if a, err := l.Exchange(context.Background(), chained, body, nil, Want{}); err != nil || a.Status != wire.StatusOK {
		t.Fatal(a, err)
	}
	s.steps = []string{
		"903D000036" + strings.Repeat("55", 54) + "00", "91AF",
		"90AF000036" + strings.Repeat("55", 54) + "00", "919E",
	}
	l = Link{T: s, Framing: Wrapped}
	if a, err := l.Exchange(context.Background(), chained, body, nil, Want{}); err != nil || a.Status != wire.StatusParameterError {
		t.Fatal(a, err)
	}
	// A cut that carries meaning.
	s.steps = []string{"3D5555", "AF", "AF555555", "00"}
	l = Link{T: s, Framing: Native}
	if a, err := l.Exchange(context.Background(), chained, body[:5], []int{2}, Want{}); err != nil || a.Status != wire.StatusOK {
		t.Fatal(a, err)
	}
}

type forever struct{ answer []byte }

func (f forever) Transmit(context.Context, []byte) ([]byte, error) { return f.answer, nil }

func TestMalformedAnswers(t *testing.T) {
	for _, tc := range []struct {
		framing Framing
		answer  string
		want    string
	}{
		{Native, "", "too short"},
		{Wrapped, "91", "too short"},
		{Native, "AF", "does not end"},
		{Wrapped, strings.Repeat("00", 59) + "91AF", "at most 65536"},
		{Wrapped, strings.Repeat("00", 70000) + "9100", "at most 65536"},
	} {
		l := Link{T: forever{unhex(tc.answer)}, Framing: tc.framing}
		_, err := l.Exchange(context.Background(), version, nil, nil, Want{})
		var m *MalformedError
		if !errors.As(err, &m) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v %q: %v", tc.framing, tc.answer, err)
		}
	}
	l := Link{T: forever{unhex("00")}, Framing: Native}
	if _, err := l.Exchange(context.Background(), chained, make([]byte, 100), nil, Want{}); err == nil {
		t.Error("success before the whole command was sent passes")
	}
	l = Link{T: forever{unhex("91AF")}, Framing: Wrapped}
	if _, err := l.Exchange(context.Background(), chained, []byte{1}, nil, Want{Last: true}); err == nil || !strings.Contains(err.Error(), "waits for more data") {
		t.Errorf("AF after the last byte of a write: %v", err)
	}
	l = Link{T: forever{unhex("AABBCC9100")}, Framing: Wrapped}
	if _, err := l.Exchange(context.Background(), version, nil, nil, Want{Max: 2}); err == nil {
		t.Error("more bytes than were expected pass")
	}
}

func TestParseCommand(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Command
		st   wire.Status
	}{
		{"60", Command{Native, wire.ClassNative, 0x60, 0, 0, nil, -1, false}, wire.StatusOK},
		{"5A010203", Command{Native, wire.ClassNative, 0x5A, 0, 0, unhex("010203"), -1, false}, wire.StatusOK},
		{"9060000000", Command{Wrapped, wire.ClassNative, 0x60, 0, 0, nil, 256, false}, wire.StatusOK},
		{"905A00000301020300", Command{Wrapped, wire.ClassNative, 0x5A, 0, 0, unhex("010203"), 256, false}, wire.StatusOK},
		{"00A4040C", Command{Wrapped, wire.ClassISO, 0xA4, 4, 0xC, nil, -1, false}, wire.StatusOK},
		{"00B0000010", Command{Wrapped, wire.ClassISO, 0xB0, 0, 0, nil, 16, false}, wire.StatusOK},
		{"90AD000000000702100000000100 00", Command{Wrapped, wire.ClassNative, 0xAD, 0, 0, unhex("02100000000100"), 65536, true}, wire.StatusISOWrongLength},
		{"90AD000000000702100000000100 0000", Command{Wrapped, wire.ClassNative, 0xAD, 0, 0, unhex("02100000000100"), 65536, true}, wire.StatusOK},
		{"905A000004010203", Command{Wrapped, wire.ClassNative, 0x5A, 0, 0, nil, -1, false}, wire.StatusISOWrongLength},
		{"9060", Command{Wrapped, wire.ClassNative, 0, 0, 0, nil, -1, false}, wire.StatusISOWrongLength},
		{"", Command{Framing: Native, Class: wire.ClassNative}, wire.StatusLengthError},
	} {
		got, st := ParseCommand(unhex(tc.in))
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
			apdu := AppendAPDU(nil, 0x90, 0xAD, 0, 0, data, le)
			c, st := ParseCommand(apdu)
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
		f.Add(unhex(s))
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		ParseCommand(b)
		ParseAnswer(Native, b, false)
		ParseAnswer(Wrapped, b, false)
	})
}

func TestExchangeDoesNotAllocate(t *testing.T) {
	l := Link{T: forever{unhex("010000009100")}, Framing: Wrapped}
	spec := &wire.Spec{INS: 0x6C, Success: wire.StatusOK}
	body := []byte{1}
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := l.Exchange(ctx, spec, body, nil, Want{}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
