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
	for framing, steps := range map[wire.Framing][]string{
		wire.FramingNative: {"60", "AF 04010133001805", "AF", "AF 04010103001805", "AF", "00 0464D59ADD1E9021136230304024"},
		wire.FramingWrapped: {"9060000000", "04010133001805 91AF", "90AF000000", "04010103001805 91AF",
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
	l := Link{T: s, Framing: wire.FramingNative}
	if a, err := l.Exchange(context.Background(), chained, body, nil, Want{}); err != nil || a.Status != wire.StatusOK {
		t.Fatal(a, err)
	}
	s.steps = []string{
		"903D000036" + strings.Repeat("55", 54) + "00", "91AF",
		"90AF000036" + strings.Repeat("55", 54) + "00", "919E",
	}
	l = Link{T: s, Framing: wire.FramingWrapped}
	if a, err := l.Exchange(context.Background(), chained, body, nil, Want{}); err != nil || a.Status != wire.StatusParameterError {
		t.Fatal(a, err)
	}
	// A cut that carries meaning.
	s.steps = []string{"3D5555", "AF", "AF555555", "00"}
	l = Link{T: s, Framing: wire.FramingNative}
	if a, err := l.Exchange(context.Background(), chained, body[:5], []int{2}, Want{}); err != nil || a.Status != wire.StatusOK {
		t.Fatal(a, err)
	}
}

type forever struct{ answer []byte }

func (f forever) Transmit(context.Context, []byte) ([]byte, error) { return f.answer, nil }

func TestMalformedAnswers(t *testing.T) {
	for _, tc := range []struct {
		framing wire.Framing
		answer  string
		want    string
	}{
		{wire.FramingNative, "", "too short"},
		{wire.FramingWrapped, "91", "too short"},
		{wire.FramingNative, "AF", "does not end"},
		{wire.FramingWrapped, strings.Repeat("00", 59) + "91AF", "at most 65536"},
		{wire.FramingWrapped, strings.Repeat("00", 70000) + "9100", "at most 65536"},
	} {
		l := Link{T: forever{unhex(tc.answer)}, Framing: tc.framing}
		_, err := l.Exchange(context.Background(), version, nil, nil, Want{})
		var m *MalformedError
		if !errors.As(err, &m) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v %q: %v", tc.framing, tc.answer, err)
		}
	}
	l := Link{T: forever{unhex("00")}, Framing: wire.FramingNative}
	if _, err := l.Exchange(context.Background(), chained, make([]byte, 100), nil, Want{}); err == nil {
		t.Error("success before the whole command was sent passes")
	}
	l = Link{T: forever{unhex("91AF")}, Framing: wire.FramingWrapped}
	if _, err := l.Exchange(context.Background(), chained, []byte{1}, nil, Want{Last: true}); err == nil || !strings.Contains(err.Error(), "waits for more data") {
		t.Errorf("AF after the last byte of a write: %v", err)
	}
	l = Link{T: forever{unhex("AABBCC9100")}, Framing: wire.FramingWrapped}
	if _, err := l.Exchange(context.Background(), version, nil, nil, Want{Max: 2}); err == nil {
		t.Error("more bytes than were expected pass")
	}
}

func TestExchangeDoesNotAllocate(t *testing.T) {
	l := Link{T: forever{unhex("010000009100")}, Framing: wire.FramingWrapped}
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
