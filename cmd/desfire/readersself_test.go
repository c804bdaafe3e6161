package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/pcsc/acr122"
	"github.com/go-desfire/desfire/place"
)

// itself is a place whose readers answer commands as the ACR122U's manual says.
func itself(answers map[string]string, names ...string) *place.Place {
	return &place.Place{
		Name: "a reader",
		List: func(context.Context) ([]place.Reader, error) {
			list := []place.Reader{{Name: "ACS ACR1281 [SAM] 00 02", Ignored: "a slot for a security module (SAM)"}}
			for _, n := range names {
				list = append(list, place.Reader{Name: n})
			}
			return list, nil
		},
		Control: func(_ context.Context, reader string, command []byte) ([]byte, error) {
			if !strings.Contains(reader, "ACR122") {
				return nil, fmt.Errorf("%s: %w", reader, errors.ErrUnsupported)
			}
			answer, ok := answers[hex.EncodeToString(command)]
			if !ok {
				return []byte{0x63, 0x00}, nil
			}
			return hex.DecodeString(answer)
		},
	}
}

// What the verbs ask of a reader, and what they print of its answers.
func TestReaderItself(t *testing.T) {
	const reader = "ACS ACR122U PICC Interface 00 00"
	polling := map[string]string{"ff00500000": "907f", "ff0051ff00": "90ff"}
	for _, test := range []struct {
		args       []string
		answers    map[string]string
		text, json string
	}{
		{[]string{"firmware"}, map[string]string{"ff00480000": "41435231323255323031"}, "ACR122U201\n", `{"reader":"` + reader + `","firmware":"ACR122U201"}` + "\n"},
		{[]string{"led"}, map[string]string{"ff0040000400000000": "9002"}, "red off, green on\n", `{"reader":"` + reader + `","red":false,"green":true}` + "\n"},
		{[]string{"led", "red"}, map[string]string{"ff00400d0400000000": "9001"}, "red on, green off\n", ""},
		{[]string{"led", "off"}, map[string]string{"ff00400c0400000000": "9000"}, "red off, green off\n", ""},
		{[]string{"led", "both", "--blink", "3"}, map[string]string{"ff0040f00405050300": "9003"}, "red on, green on\n", ""},
		{[]string{"led", "green", "--blink", "25"}, map[string]string{"ff0040a00405051900": "9000"}, "red off, green off\n", ""},
		{[]string{"beep"}, map[string]string{"ff0040000402000101": "9000"}, "", `{"reader":"` + reader + `","times":1}` + "\n"},
		{[]string{"beep", "--times", "3", "--length", "100ms"}, map[string]string{"ff0040000401010301": "9000"}, "", ""},
		{[]string{"beep", "off"}, map[string]string{"ff00520000": "9000"}, "a card that is detected: buzzer off\n", `{"reader":"` + reader + `","cards":false}` + "\n"},
		{[]string{"beep", "on"}, map[string]string{"ff0052ff00": "9000"}, "a card that is detected: buzzer on\n", `{"reader":"` + reader + `","cards":true}` + "\n"},
		{[]string{"polling"}, polling, "polling off (7F: type A, type B, Topaz, FeliCa 212, FeliCa 424, every 250 ms, ATS)\n", `{"reader":"` + reader + `","polling":false,"parameter":"7F"}` + "\n"},
	} {
		for _, json := range []bool{false, true} {
			var out, errs bytes.Buffer
			a := newApp(nil, &out, &errs)
			a.given = itself(test.answers, reader)
			root := a.rootCommand()
			args := append([]string{"readers"}, test.args...)
			want := test.text
			if json {
				args, want = append(args, "--json"), test.json
			}
			root.SetArgs(args)
			if err := root.ExecuteContext(t.Context()); err != nil {
				t.Errorf("%q: %v", args, err)
			}
			if out.String() != want && (want != "" || !json) {
				t.Errorf("%q prints %q, want %q", args, out.String(), want)
			}
		}
	}
}

// What a verb refuses, and with which exit code.
func TestReaderItselfRefused(t *testing.T) {
	const reader = "ACS ACR122U PICC Interface 00 00"
	for _, test := range []struct {
		args []string
		at   *place.Place
		code int
		word string
	}{
		{[]string{"beep"}, itself(nil, reader), exitRefused, "says that it failed"},
		{[]string{"beep"}, itself(nil, "Identiv uTrust 3700 F 00 00"), exitImpossible, "Identiv"},
		{[]string{"led", "red"}, itself(nil, reader, "Identiv uTrust 3700 F 00 00"), exitNoCard, "several readers"},
		{[]string{"firmware"}, itself(nil), exitNoCard, "no reader"},
		{[]string{"polling", "on"}, &place.Place{Name: "a card at localhost:9000"}, exitImpossible, "pcsc:PART"},
		{[]string{"led", "blue"}, itself(nil, reader), exitUsage, "red, green, both, off"},
		{[]string{"led", "--blink", "3"}, itself(nil, reader), exitUsage, "--blink"},
		{[]string{"led", "red", "--blink", "26"}, itself(nil, reader), exitUsage, "26s"},
		{[]string{"led", "red", "--blink", "-1"}, itself(nil, reader), exitUsage, "-1"},
		{[]string{"beep", "--length", "150ms"}, itself(nil, reader), exitUsage, "100ms"},
		{[]string{"beep", "--times", "0"}, itself(nil, reader), exitUsage, "--times"},
		{[]string{"beep", "--times", "255", "--length", "1s"}, itself(nil, reader), exitUsage, "25s"},
		{[]string{"beep", "off", "--times", "2"}, itself(nil, reader), exitUsage, "for a sound now"},
		{[]string{"polling", "maybe"}, itself(nil, reader), exitUsage, "on, off"},
		{[]string{"polling", "on", "off"}, itself(nil, reader), exitUsage, "too many"},
	} {
		var out, errs bytes.Buffer
		a := newApp(nil, &out, &errs)
		a.given = test.at
		root := a.rootCommand()
		root.SetArgs(append([]string{"readers"}, test.args...))
		err := root.ExecuteContext(t.Context())
		if code := a.report(t.Context(), err); code != test.code || !strings.Contains(errs.String(), test.word) {
			t.Errorf("%q: exit code %d, want %d, says %q, want %q in it", test.args, code, test.code, errs.String(), test.word)
		}
	}
}

// A reader that says anything at all is shown as text.
func TestReaderItselfHostile(t *testing.T) {
	for _, answer := range []string{"", "1b5b324a", "41435231323255321b5b", strings.Repeat("90", 300)} {
		var out bytes.Buffer
		a := newApp(nil, &out, &out)
		p := itself(map[string]string{"ff00480000": answer}, "ACR122\x1b[2J")
		name, r, err := readerItself(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		err = a.readerFirmware(t.Context(), name, r)
		if !errors.As(err, new(*acr122.AnswerError)) {
			t.Errorf("answer %s: %v", answer, err)
		}
		a.report(t.Context(), err)
		if bytes.ContainsRune(out.Bytes(), 0x1b) {
			t.Errorf("answer %s: %q", answer, out.String())
		}
	}
}
