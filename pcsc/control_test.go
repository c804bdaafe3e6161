package pcsc

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// The firmware command and its answer, from the ACR122U's manual, 6.3.
var (
	getFirmware = []byte{0xFF, 0x00, 0x48, 0x00, 0x00}
	firmware    = []byte("ACR122U201")
)

// acrAnswers answers the firmware command, whoever carries it.
func acrAnswers(f *fake, escape uint32) *fake {
	f.controls = map[uint32][]byte{escape: firmware}
	f.answer = func(command []byte) ([]byte, Error) {
		if bytes.Equal(command, getFirmware) {
			return firmware, codeOK
		}
		return []byte{0x90, 0x00}, codeOK
	}
	return f
}

func TestControl(t *testing.T) {
	for _, test := range []struct {
		name    string
		system  platform
		escape  uint32 // the number that the driver takes
		present bool
		calls   string
	}{
		{"Linux, no card", linuxPlatform, 0x42000001, false, "connect 3; control FF00480000; disconnect 0"},
		{"Linux, a card", linuxPlatform, 0x42000001, true, "connect 3; control FF00480000; disconnect 0"},
		{"Windows, no card", windowsPlatform, 0x003136B0, false, "connect 3; control FF00480000; disconnect 0"},
		{"macOS, no card", darwinPlatform, 0x42000001, false, "connect 3; control FF00480000; disconnect 0"},
		{"the driver refuses, a card", linuxPlatform, 1, true, "connect 3; disconnect 0; connect 2; begin; transmit FF00480000; end 0; disconnect 0"},
	} {
		f := acrAnswers(newFake(acr122), test.escape)
		f.system = &test.system
		f.lists[0].present = test.present
		got, err := open(nil, f).Control(t.Context(), acr122, getFirmware)
		if err != nil || !bytes.Equal(got, firmware) {
			t.Errorf("%s: %q, %v", test.name, got, err)
		}
		if got := f.calls(); got != test.calls {
			t.Errorf("%s: calls %s\nwant %s", test.name, got, test.calls)
		}
		if contexts, cards := f.open(); contexts != 0 || cards != 0 {
			t.Errorf("%s: %d contexts and %d cards are left", test.name, contexts, cards)
		}
	}
}

// Nothing goes to a reader that would hand it to a card.
func TestControlOtherReaders(t *testing.T) {
	for _, test := range []struct {
		name, reader string
		config       *Config
		command      []byte
		unsupported  bool
	}{
		{"another reader", "Identiv uTrust 3700 F CL Reader [uTrust 3700 F CL Reader] 00 00", nil, getFirmware, true},
		{"another ACS", "ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] 00 00", nil, getFirmware, true},
		{"turned off", acr122, &Config{NoEscapes: true}, getFirmware, true},
		{"a command to the card", acr122, nil, []byte{0x90, 0x60, 0, 0, 0}, false},
		{"a command to the card, by the reader", acr122, nil, []byte{0xFF, 0xD6, 0, 4, 0}, false},
		{"cut", acr122, nil, getFirmware[:4], false},
		{"nothing", acr122, nil, nil, false},
		{"too long", acr122, nil, append([]byte{0xFF, 0, 0, 0, 0xFF}, make([]byte, 257)...), false},
	} {
		f := acrAnswers(newFake(test.reader), 0x42000001)
		f.insert(test.reader)
		r := open(test.config, f)
		_, err := r.Control(t.Context(), test.reader, test.command)
		if err == nil || errors.Is(err, errors.ErrUnsupported) != test.unsupported {
			t.Errorf("%s: %v", test.name, err)
		}
		wantSent(t, err, err, false)
		if got := f.calls(); got != "" {
			t.Errorf("%s: calls %s", test.name, got)
		}
		c, err := r.Connect(t.Context(), test.reader)
		if err != nil {
			t.Fatal(err)
		}
		before := f.calls()
		if _, err = c.Control(t.Context(), test.command); err == nil || errors.Is(err, errors.ErrUnsupported) != test.unsupported {
			t.Errorf("%s, connected: %v", test.name, err)
		}
		if got := f.calls(); got != before {
			t.Errorf("%s, connected: calls %s", test.name, got)
		}
		c.Close()
	}
}

func TestControlErrors(t *testing.T) {
	for _, test := range []struct {
		goos platform
		word string
	}{{linuxPlatform, "libccid_Info.plist"}, {windowsPlatform, "EscapeCommandEnable"}, {darwinPlatform, "put a card"}} {
		f := newFake(acr122)
		f.system = &test.goos
		_, err := open(nil, f).Control(t.Context(), acr122, getFirmware)
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), test.word) || errors.Is(err, ErrRemoved) {
			t.Errorf("%s: %v", test.goos.name, err)
		}
	}

	f := acrAnswers(newFake(acr122), 0x42000001)
	c := connected(t, f, nil)
	_, err := open(nil, f).Control(t.Context(), acr122, getFirmware)
	if !errors.Is(err, ErrReaderBusy) {
		t.Errorf("while somebody is connected: %v", err)
	}
	c.Close()
	if _, err = open(nil, f).Control(t.Context(), "ACS ACR122U 01", getFirmware); !errors.Is(err, ErrNoReader) {
		t.Errorf("unknown reader: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = open(nil, f).Control(ctx, acr122, getFirmware); !errors.Is(err, context.Canceled) {
		t.Errorf("over before it began: %v", err)
	}
	f.stop(codeNoService)
	if _, err = open(nil, f).Control(t.Context(), acr122, getFirmware); !errors.Is(err, ErrNoService) {
		t.Errorf("no service: %v", err)
	}
	if contexts, cards := f.open(); contexts != 0 || cards != 0 {
		t.Errorf("%d contexts and %d cards are left", contexts, cards)
	}
}

// In a session the reader answers in between; its refusal is not the card's loss.
func TestConnControl(t *testing.T) {
	f := newFake(acr122)
	f.answer = func(command []byte) ([]byte, Error) {
		switch {
		case bytes.Equal(command, getFirmware):
			return firmware, codeOK
		case bytes.HasPrefix(command, []byte{0xFF, 0x00, 0x40}):
			return []byte{0x63, 0x00}, codeOK
		}
		return []byte{0x91, 0x00}, codeOK
	}
	c := connected(t, f, nil)
	if got, err := c.Control(t.Context(), getFirmware); err != nil || !bytes.Equal(got, firmware) {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := c.Control(t.Context(), []byte{0xFF, 0, 0x40, 0, 4, 0, 0, 0, 0}); err != nil || !bytes.Equal(got, []byte{0x63, 0x00}) {
		t.Errorf("refused: %X, %v", got, err)
	}
	if _, err := c.Transmit(t.Context(), getVersion); err != nil {
		t.Errorf("the card afterwards: %v", err)
	}
	f.remove(acr122)
	_, err := c.Control(t.Context(), getFirmware)
	if !errors.Is(err, ErrRemoved) {
		t.Errorf("no card any more: %v", err)
	}
}
