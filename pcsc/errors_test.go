package pcsc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestErrorConditions(t *testing.T) {
	conditions := []error{ErrUnavailable, ErrNoService, ErrNoReader, ErrReaderBusy, ErrRemoved, ErrReset, ErrClosed}
	for code, want := range map[Error][]error{
		0x80100003: {ErrRemoved},
		0x80100009: {ErrNoReader, ErrRemoved},
		0x8010000B: {ErrReaderBusy},
		0x8010000C: {ErrRemoved},
		0x80100013: {ErrNoService, ErrRemoved},
		0x80100016: {ErrRemoved},
		0x80100017: {ErrNoReader, ErrRemoved},
		0x8010001D: {ErrNoService, ErrRemoved},
		0x8010001E: {ErrNoService, ErrRemoved},
		0x8010002E: {ErrNoReader, ErrRemoved},
		0x80100068: {ErrReset},
		0x80100069: {ErrRemoved},
		0x8010000A: {},
		0x80100001: {},
		0x0000045D: {ErrRemoved}, // Windows: ERROR_IO_DEVICE
		0x12345678: {},
	} {
		err := fmt.Errorf("wrapped: %w", failed("linux", "transmit", "Reader 00", code))
		for _, condition := range conditions {
			is := false
			for _, w := range want {
				is = is || w == condition
			}
			if errors.Is(err, condition) != is {
				t.Errorf("%v: is %v: %v", code, condition, !is)
			}
		}
		var op *OpError
		if !errors.As(err, &op) || op.Removed() != errors.Is(err, ErrRemoved) || op.Reset() != errors.Is(err, ErrReset) {
			t.Errorf("%v: Removed %v, Reset %v", code, op.Removed(), op.Reset())
		}
	}
}

func TestErrorText(t *testing.T) {
	seen := map[Error]bool{}
	for _, e := range errorTable {
		if seen[e.code] || e.text == "" || e.name == "" {
			t.Errorf("%s: twice, or without text", e.name)
		}
		seen[e.code] = true
	}
	if got := Error(0x80100069).Error(); got != "the card was removed (SCARD_W_REMOVED_CARD, 0x80100069)" {
		t.Error(got)
	}
	if got := Error(0x80100069).Name(); got != "SCARD_W_REMOVED_CARD" {
		t.Error(got)
	}
	if got := Error(0xDEAD).Error(); got != "PC/SC error 0x0000DEAD" {
		t.Error(got)
	}
}

// The four errors that people meet first say four different things to do.
func TestAdvice(t *testing.T) {
	for _, goos := range []string{"linux", "windows", "darwin"} {
		texts := map[string]bool{}
		for _, test := range []struct {
			err       error
			condition error
			word      map[string]string
		}{
			{unavailable(goos, errors.New("not found")), ErrUnavailable,
				map[string]string{"linux": "libpcsclite1", "windows": "part of the system", "darwin": "part of the system"}},
			{failed(goos, "connect", "", codeNoService), ErrNoService,
				map[string]string{"linux": "systemctl start pcscd.socket", "windows": "SCardSvr", "darwin": "plug the reader"}},
			{failed(goos, "list the readers", "", codeNoReaders), ErrNoReader,
				map[string]string{"linux": "libccid", "windows": "plug one in", "darwin": "plug one in"}},
			{failed(goos, "connect", "R", codeSharingViolation), ErrReaderBusy,
				map[string]string{"linux": "scdaemon", "windows": "close the program", "darwin": "close the program"}},
		} {
			text := test.err.Error()
			if !errors.Is(test.err, test.condition) || !strings.Contains(text, test.word[goos]) || texts[text] {
				t.Errorf("%s: %v: %s", goos, test.condition, text)
			}
			texts[text] = true
		}
	}
	if err := unavailable("plan9", errors.New("not supported on plan9/386")); !strings.Contains(err.Error(), "plan9/386") ||
		!strings.Contains(err.Error(), "sim:") || !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestSent(t *testing.T) {
	for _, test := range []struct {
		code           Error
		pcscLite, sent bool
	}{
		{codeResetCard, true, false}, {codeResetCard, false, false},
		{codeRemovedCard, true, false}, {codeRemovedCard, false, true},
		{codeNotTransacted, true, true}, {codeCommError, true, true}, {codeNoService, true, true},
		{codeSharingViolation, false, false},
	} {
		if got := !test.code.unsent(test.pcscLite); got != test.sent {
			t.Errorf("%v, pcsc-lite %v: sent %v", test.code, test.pcscLite, got)
		}
	}
}

func TestOpErrorContext(t *testing.T) {
	err := error(&OpError{Op: "transmit", Reader: "R", Err: context.Canceled})
	if !errors.Is(err, context.Canceled) || err.Error() != "pcsc: transmit (R): context canceled" {
		t.Error(err)
	}
}

func TestStateString(t *testing.T) {
	for state, want := range map[State]string{
		0:                                        "unaware",
		StateEmpty:                               "empty",
		StatePresent | StateInUse | StateChanged: "card present, in use",
		StatePresent | StateExclusive:            "card present, in exclusive use",
		StatePresent | StateMute:                 "card present, mute",
	} {
		if got := state.String(); got != want {
			t.Errorf("%04X: %q, want %q", uint16(state), got, want)
		}
	}
}
