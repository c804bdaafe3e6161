package pcsc

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
)

// macOS is never asked for the reader that reports readers, even where the library
// would make us believe in it: the list is read again and again.
func TestNoPnP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.system = &darwinPlatform
		e := watchEvents(t, open(nil, f))
		e.want(desfire.ReaderAdded, "A")
		time.Sleep(time.Minute)
		f.plug("B")
		e.want(desfire.ReaderAdded, "B")
		e.stop()
		if len(f.timeouts) < 30 || slices.Max(f.timeouts) != uint32(pollReaders.Milliseconds()) {
			t.Errorf("waits of %v ms in a minute, want %v each", f.timeouts, pollReaders)
		}
	})
}

// A card that macOS calls reset may be another one.
func TestChangedCard(t *testing.T) {
	for _, test := range []struct {
		system    platform
		want, not error
		sent      bool
	}{
		{linuxPlatform, ErrReset, ErrRemoved, false},
		{windowsPlatform, ErrReset, ErrRemoved, false},
		{darwinPlatform, ErrRemoved, ErrReset, true},
	} {
		f := newFake("A")
		f.system = &test.system
		f.answer = func([]byte) ([]byte, Error) { return nil, codeResetCard }
		c := connected(t, f, nil)
		_, err := c.Transmit(t.Context(), getVersion)
		wantSent(t, err, test.want, test.sent)
		if errors.Is(err, test.not) {
			t.Errorf("%s: %v", test.system.name, err)
		}
		f.answer = nil
		_, err = c.Transmit(t.Context(), getVersion)
		if removed := errors.Is(err, ErrRemoved); removed != errors.Is(test.want, ErrRemoved) {
			t.Errorf("%s: the next command: %v", test.system.name, err)
		}
	}
}

// A transaction that finds the card gone is not tried again with what lies there next.
func TestChangedBeforeTransaction(t *testing.T) {
	f := newFake("A")
	c := connected(t, f, &Config{Share: ShareShared})
	f.remove("A")
	_, err := c.Transmit(t.Context(), getVersion)
	wantSent(t, err, ErrRemoved, false)
	f.insert("A")
	_, err = c.Transmit(t.Context(), getVersion)
	wantSent(t, err, ErrRemoved, false)
	if got, want := f.calls(), "connect 2; begin"; got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
}

// What the library says of a reader that it does not know is not what we ask it for.
func TestIgnoredIsNotKept(t *testing.T) {
	s := slot{name: "A"}
	s.step(0x00030000 | uint32(StateUnknown|StateChanged|StateIgnore))
	if got := s.current(); got != 0x00030000|uint32(StateUnknown) {
		t.Errorf("current state %08X", got)
	}
}

// The codes of Windows below PC/SC, by their numbers in winerror.h.
func TestWindowsCodes(t *testing.T) {
	for code, want := range map[Error][]error{
		1722: {ErrNoService, ErrRemoved}, // RPC_S_SERVER_UNAVAILABLE
		1726: {ErrNoService, ErrRemoved}, // RPC_S_CALL_FAILED
		1727: {ErrNoService, ErrRemoved}, // RPC_S_CALL_FAILED_DNE
		109:  {ErrNoService, ErrRemoved}, // ERROR_BROKEN_PIPE
		1112: {ErrRemoved},               // ERROR_NO_MEDIA_IN_DRIVE
		1167: {ErrRemoved},               // ERROR_DEVICE_NOT_CONNECTED
		1617: {ErrRemoved},               // ERROR_DEVICE_REMOVED
		50:   {}, 1: {}, 5: {}, 87: {}, 122: {},
	} {
		for _, condition := range []error{ErrNoService, ErrRemoved, ErrNoReader, ErrReaderBusy, ErrReset} {
			if got := code.Is(condition); got != slices.Contains(want, condition) {
				t.Errorf("%v: is %v: %v", code, condition, got)
			}
		}
		if code.Name() == "" || code.unsent(false) {
			t.Errorf("%v: name %q, unsent %v", code, code.Name(), code.unsent(false))
		}
	}
}
