package pcsc

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

const acr122 = "ACS ACR122U PICC Interface 00 00"

// The reader's search for cards is off while we are connected, and on again
// whenever we leave.
func TestPolling(t *testing.T) {
	f := newFake(acr122)
	f.answer = func(command []byte) ([]byte, Error) { return []byte{0x90, command[len(command)-2]}, codeOK }
	c := connected(t, f, nil)
	if err := c.Reconnect(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if got, want := f.calls(), "connect 1; transmit FF00517F00; reconnect 1; transmit FF00517F00; transmit FF0051FF00; disconnect 0"; got != want {
		t.Errorf("calls %s\nwant  %s", got, want)
	}

	f = newFake(acr122)
	connected(t, f, &Config{NoEscapes: true}).Close()
	if got, want := f.calls(), "connect 1; disconnect 0"; got != want {
		t.Errorf("without escapes: %s", got)
	}

	f = newFake(acr122)
	f.answer = func([]byte) ([]byte, Error) { return nil, codeNotTransacted }
	connected(t, f, nil).Close()
	if got, want := f.calls(), "connect 1; transmit FF00517F00; disconnect 0"; got != want {
		t.Errorf("refused: %s", got)
	}
}

// A reader whose search was left off by a program that was killed looks for
// cards again.
func TestResumePolling(t *testing.T) {
	for _, test := range []struct {
		name, reader string
		present      bool
		controls     map[uint32][]byte
		want         string
	}{
		{"by the number of the driver", acr122, false, map[uint32][]byte{
			controlCode(3400): {0x13, 4, 0x42, 0, 0, 7}, 0x42000007: {0x90, 0xFF},
		}, "connect 3; control FF0051FF00; disconnect 0"},
		{"by the usual number", acr122, false, map[uint32][]byte{controlCode(1): {0x90, 0xFF}}, "connect 3; control FF0051FF00; disconnect 0"},
		{"refused", acr122, false, nil, "connect 3; disconnect 0"},
		{"not while a card is there", acr122, true, nil, ""},
		{"not with other readers", "A", false, nil, ""},
	} {
		f := newFake(test.reader)
		f.controls = test.controls
		f.lists[0].present = test.present
		moment(t, nil, f)
		if got := f.calls(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	f := newFake(acr122)
	moment(t, &Config{NoEscapes: true}, f)
	if got := f.calls(); got != "" {
		t.Errorf("without escapes: %s", got)
	}
}

// moment takes what a source says until it waits for changes.
func moment(t *testing.T, config *Config, f *fake) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			f.mu.Lock()
			if f.waits > 0 {
				cancel()
			}
			f.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	}()
	for range open(config, f).Events(ctx) {
	}
	if context.Cause(ctx) != context.Canceled {
		t.Error("it never waits for changes")
	}
}

// chip answers the reader's direct transmit for a PN53x that knows a command.
func chip(frames map[string][]byte) func([]byte) ([]byte, Error) {
	return func(command []byte) ([]byte, Error) {
		if bytes.HasPrefix(command, []byte{0xFF, 0x00, 0x51}) {
			return []byte{0x90, 0x00}, codeOK
		}
		if r, ok := frames[string(command)]; ok {
			return r, codeOK
		}
		return []byte{0x63, 0x00}, codeOK
	}
}

func TestNativeFrames(t *testing.T) {
	f := newFake(acr122)
	f.answer = chip(map[string][]byte{
		"\xFF\x00\x00\x00\x03\xD4\x42\x60":     {0xD5, 0x43, 0x00, 0xAF, 0x04, 0x01, 0x90, 0x00},
		"\xFF\x00\x00\x00\x04\xD4\x42\x0A\x01": {0xD5, 0x43, 0x01, 0x90, 0x00},
		"\xFF\x00\x00\x00\x03\xD4\x42\x6A":     {0xD5, 0x43},
		"\x90\x60\x00\x00\x00":                 {0x04, 0x01, 0x91, 0xAF},
	})
	c := connected(t, f, nil)
	if got, err := c.Transmit(t.Context(), []byte{0x60}); err != nil || !bytes.Equal(got, []byte{0xAF, 0x04, 0x01}) {
		t.Errorf("native: %X, %v", got, err)
	}
	if got, err := c.Transmit(t.Context(), getVersion); err != nil || !bytes.Equal(got, []byte{0x04, 0x01, 0x91, 0xAF}) {
		t.Errorf("wrapped: %X, %v", got, err)
	}
	_, err := c.Transmit(t.Context(), []byte{0x0A, 0x01})
	wantSent(t, err, ErrRemoved, true) // the chip's time-out
	if _, err = c.Transmit(t.Context(), []byte{0x6A}); err == nil || !strings.Contains(err.Error(), "D543") {
		t.Errorf("answer cut short: %v", err)
	}
	_, err = c.Transmit(t.Context(), []byte{0x90, 0xAF, 0, 0, 0}) // the reader's 6300
	wantSent(t, err, ErrRemoved, true)
	if got, err := c.Transmit(t.Context(), []byte{0x00, 0x82, 0, 0, 0}); err != nil || !bytes.Equal(got, []byte{0x63, 0x00}) {
		t.Errorf("6300 of an ISO command: %X, %v", got, err)
	}
	if _, err = c.Transmit(t.Context(), make([]byte, 254)); err == nil || !strings.Contains(err.Error(), "at most 253") {
		t.Errorf("too long: %v", err)
	}
}

// A chip that refuses one way, before anything is sent, gets the other.
func TestNativeFramesRefused(t *testing.T) {
	f := newFake(acr122)
	f.answer = chip(map[string][]byte{
		"\xFF\x00\x00\x00\x03\xD4\x42\x60":     {0xD5, 0x43, 0x27, 0x90, 0x00},
		"\xFF\x00\x00\x00\x04\xD4\x40\x01\x60": {0xD5, 0x41, 0x00, 0xAF, 0x04, 0x90, 0x00},
		"\xFF\x00\x00\x00\x04\xD4\x40\x01\xAF": {0xD5, 0x41, 0x27, 0x90, 0x00},
	})
	c := connected(t, f, nil)
	for range 2 {
		if got, err := c.Transmit(t.Context(), []byte{0x60}); err != nil || !bytes.Equal(got, []byte{0xAF, 0x04}) {
			t.Errorf("%X, %v", got, err)
		}
	}
	if got := strings.Count(f.calls(), "D44260"); got != 1 {
		t.Errorf("the refused way was tried %d times", got)
	}
	_, err := c.Transmit(t.Context(), []byte{0xAF})
	var op *OpError
	if !errors.As(err, &op) || op.Sent() || op.Removed() {
		t.Errorf("refused both ways: %v", err)
	}
}

func TestIsAPDU(t *testing.T) {
	for _, test := range []struct {
		frame string
		want  bool
	}{
		{"\x60", false}, {"\xAF\x01\x02\x03\x04", false}, {"\x0A\x00", false}, {"\x6A", false},
		{"\x90\x60\x00\x00\x00", true}, {"\x90\x5A\x00\x00\x03\x01\x02\x03\x00", true},
		{"\x90\x5A\x00\x00\x03\x01\x02\x03", true}, {"\x90\x5A\x00\x00\x04\x01\x02\x03", false},
		{"\x00\xA4\x04\x0C", true}, {"\xFF\xCA\x00\x00\x00", true},
		{"\x90\x8D\x00\x00\x00\x00\x02\x01\x02\x00\x00", true}, {"\x90\x8D\x00\x00\x00\x00\x02\x01", false},
		{"\x00\xB0\x00\x00\x00\x10\x00", true}, {"", false},
	} {
		if got := isAPDU([]byte(test.frame)); got != test.want {
			t.Errorf("%X: %v", test.frame, got)
		}
	}
}
