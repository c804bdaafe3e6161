package acr122

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// script is a reader that wants certain commands, and answers each.
type script struct {
	t     *testing.T
	pairs []string // command, answer, ...
}

func (s *script) send(_ context.Context, command []byte) ([]byte, error) {
	s.t.Helper()
	if len(s.pairs) < 2 {
		s.t.Fatalf("one command more than the manual: %X", command)
	}
	want, answer := unhex(s.t, s.pairs[0]), unhex(s.t, s.pairs[1])
	if !bytes.Equal(command, want) {
		s.t.Errorf("command %X, want %X", command, want)
	}
	s.pairs = s.pairs[2:]
	return answer, nil
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// with runs f with a reader of the script and makes sure that it went to its end.
func with(t *testing.T, f func(*Reader) error, pairs ...string) error {
	t.Helper()
	s := &script{t, pairs}
	err := f(New(s.send))
	if len(s.pairs) != 0 {
		t.Errorf("not sent: %s", s.pairs)
	}
	return err
}

// The examples of the manual, appendix E.
func TestSignalExamples(t *testing.T) {
	const half = 500 * time.Millisecond
	on := Lamp{Set: true, On: true}
	off := Lamp{Set: true}
	lit, dark := Lamp{Blink: true, Begins: true}, Lamp{Blink: true}
	for _, test := range []struct {
		name            string
		signal          Signal
		command, answer string
		lit             Lit
	}{
		{"1, read the state", Signal{}, "FF 00 40 00 04 00 00 00 00", "90 00", Lit{}},
		{"2, both on", Signal{Red: on, Green: on}, "FF 00 40 0F 04 00 00 00 00", "90 03", Lit{true, true}},
		{"2, both off", Signal{Red: off, Green: off}, "FF 00 40 0C 04 00 00 00 00", "90 00", Lit{}},
		{"3, red off", Signal{Red: off}, "FF 00 40 04 04 00 00 00 00", "90 02", Lit{Green: true}},
		{"4, red for 2 s", Signal{Red: lit, First: 2 * time.Second, Times: 1, Buzzer: First}, "FF 00 40 50 04 14 00 01 01", "90 02", Lit{Green: true}},
		{"5, red at 1 Hz", Signal{Red: lit, First: half, Second: half, Times: 3, Buzzer: First}, "FF 00 40 50 04 05 05 03 01", "90 02", Lit{Green: true}},
		{"6, both at 1 Hz", Signal{Red: lit, Green: lit, First: half, Second: half, Times: 3, Buzzer: Both}, "FF 00 40 F0 04 05 05 03 03", "90 00", Lit{}},
		{"7, in turns", Signal{Red: lit, Green: dark, First: half, Second: half, Times: 3, Buzzer: First}, "FF 00 40 D0 04 05 05 03 01", "90 00", Lit{}},
	} {
		// In 4 and 5 the manual has green go out meanwhile; its bytes have red blink
		// alone.
		if err := with(t, func(r *Reader) error {
			got, err := r.Signal(t.Context(), test.signal)
			if got != test.lit {
				t.Errorf("%s: %+v, want %+v", test.name, got, test.lit)
			}
			return err
		}, test.command, test.answer); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// The commands of sections 6.2 to 6.7 and 7.0.
func TestCommands(t *testing.T) {
	ctx := t.Context()
	for name, test := range map[string]struct {
		do    func(*Reader) error
		pairs []string
	}{
		"firmware": {func(r *Reader) error {
			v, err := r.Firmware(ctx)
			if v != "ACR122U201" {
				t.Errorf("firmware %q", v)
			}
			return err
		}, []string{"FF 00 48 00 00", "41 43 52 31 32 32 55 32 30 31"}},
		"parameter": {func(r *Reader) error {
			p, err := r.Parameter(ctx)
			if p != 0xFF {
				t.Errorf("parameter %v", p)
			}
			return err
		}, []string{"FF 00 50 00 00", "90 FF"}},
		"set parameter":   {func(r *Reader) error { return r.SetParameter(ctx, DESFire) }, []string{"FF 00 51 C1 00", "90 C1"}},
		"polling off":     {func(r *Reader) error { return r.SetPolling(ctx, false) }, []string{"FF 00 50 00 00", "90 FF", "FF 00 51 7F 00", "90 7F"}},
		"polling on":      {func(r *Reader) error { return r.SetPolling(ctx, true) }, []string{"FF 00 50 00 00", "90 41", "FF 00 51 C1 00", "90 C1"}},
		"buzzer off":      {func(r *Reader) error { return r.SetDetectionBuzzer(ctx, false) }, []string{"FF 00 52 00 00", "90 00"}},
		"buzzer on":       {func(r *Reader) error { return r.SetDetectionBuzzer(ctx, true) }, []string{"FF 00 52 FF 00", "90 00"}},
		"time-out":        {func(r *Reader) error { return r.SetTimeout(ctx, 10*time.Second) }, []string{"FF 00 41 02 00", "90 00"}},
		"no time-out":     {func(r *Reader) error { return r.SetTimeout(ctx, 0) }, []string{"FF 00 41 00 00", "90 00"}},
		"longest timeout": {func(r *Reader) error { return r.SetTimeout(ctx, 1270*time.Second) }, []string{"FF 00 41 FE 00", "90 00"}},
		"antenna off":     {func(r *Reader) error { return r.SetAntenna(ctx, false) }, []string{"FF 00 00 00 04 D4 32 01 00", "D5 33 90 00"}},
		"antenna on":      {func(r *Reader) error { return r.SetAntenna(ctx, true) }, []string{"FF 00 00 00 04 D4 32 01 01", "D5 33 90 00"}},
		"a beep":          {func(r *Reader) error { return r.Beep(ctx, 200*time.Millisecond, 1) }, []string{"FF 00 40 00 04 02 00 01 01", "90 00"}},
		"three beeps":     {func(r *Reader) error { return r.Beep(ctx, 100*time.Millisecond, 3) }, []string{"FF 00 40 00 04 01 01 03 01", "90 00"}},
	} {
		if err := with(t, test.do, test.pairs...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An answer that the manual does not know is an error that shows it.
func TestAnswers(t *testing.T) {
	ctx := t.Context()
	calls := map[string]func(*Reader) error{
		"signal":    func(r *Reader) error { _, err := r.Signal(ctx, Signal{}); return err },
		"firmware":  func(r *Reader) error { _, err := r.Firmware(ctx); return err },
		"parameter": func(r *Reader) error { _, err := r.Parameter(ctx); return err },
		"set":       func(r *Reader) error { return r.SetParameter(ctx, 0xFF) },
		"buzzer":    func(r *Reader) error { return r.SetDetectionBuzzer(ctx, true) },
		"antenna":   func(r *Reader) error { return r.SetAntenna(ctx, true) },
		"time-out":  func(r *Reader) error { return r.SetTimeout(ctx, 0) },
	}
	for name, call := range calls {
		for _, answer := range [][]byte{nil, {}, {0x63, 0x00}, {0x6A, 0x81}, {0x90}, {0x90, 0x00, 0x00}, {0xD5, 0x33, 0x63, 0x00}, {0x90, 0x01, 0x02},
			[]byte("ACR122\x1b[2J"), bytes.Repeat([]byte{0x90}, 300)} {
			err := call(New(func(context.Context, []byte) ([]byte, error) { return answer, nil }))
			var a *AnswerError
			if !errors.As(err, &a) || !bytes.Equal(a.Answer, answer) {
				t.Errorf("%s, answer %X: %v", name, answer, err)
				continue
			}
			if got, want := errors.Is(err, errors.ErrUnsupported), bytes.Equal(answer, []byte{0x6A, 0x81}); got != want {
				t.Errorf("%s, answer %X: unsupported %v", name, answer, got)
			}
			if len(err.Error()) > 250 || strings.ContainsRune(err.Error(), 0x1b) {
				t.Errorf("%s: %q", name, err)
			}
		}
		lost := errors.New("lost")
		if err := call(New(func(context.Context, []byte) ([]byte, error) { return nil, lost })); !errors.Is(err, lost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := with(t, func(r *Reader) error { return r.SetParameter(ctx, 0x41) }, "FF 00 51 41 00", "90 FF"); err == nil {
		t.Error("a parameter that was not taken is believed")
	}
}

// What cannot be said in a command is not sent.
func TestBounds(t *testing.T) {
	ctx := t.Context()
	r := New(func(_ context.Context, command []byte) ([]byte, error) {
		t.Errorf("sent %X", command)
		return nil, nil
	})
	for i, s := range []Signal{
		{First: 150 * time.Millisecond}, {Second: 25600 * time.Millisecond}, {First: -100 * time.Millisecond}, {Times: 256}, {Times: -1}, {Buzzer: 4},
		{First: time.Second, Second: time.Second, Times: 13},
	} {
		if _, err := r.Signal(ctx, s); err == nil {
			t.Errorf("signal %d", i)
		}
	}
	for _, d := range []time.Duration{-5 * time.Second, time.Second, 1275 * time.Second} {
		if err := r.SetTimeout(ctx, d); err == nil {
			t.Errorf("time-out %v", d)
		}
	}
	for _, err := range []error{r.Beep(ctx, 0, 1), r.Beep(ctx, time.Second, 0), r.Beep(ctx, 20*time.Second, 2)} {
		if err == nil {
			t.Error("a beep that is none")
		}
	}
}

func TestParameterString(t *testing.T) {
	for p, want := range map[Parameter]string{0: "nothing", DESFire: "type A, ATS, polling", 0xFF: "type A, type B, Topaz, FeliCa 212, FeliCa 424, every 250 ms, ATS, polling"} {
		if got := fmt.Sprint(p); got != want {
			t.Errorf("%02X: %s", byte(p), got)
		}
	}
}
