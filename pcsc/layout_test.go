package pcsc

import (
	"bytes"
	"slices"
	"testing"
)

// Sizes and offsets as a C compiler gives them for winscard.h, pcsclite.h and
// wintypes.h of each system.
func TestLayouts(t *testing.T) {
	for _, test := range []struct {
		name                                                 string
		layout                                               layout
		current, event, atrLength, atr, readerState, request int
	}{
		// DWORD is unsigned long.
		{"linux 64", linuxLayout(8), 16, 24, 32, 40, 80, 16},
		{"linux 32", linuxLayout(4), 8, 12, 16, 20, 56, 8},
		// DWORD is uint32_t, #pragma pack(1).
		{"darwin 64", darwinLayout(8), 16, 20, 24, 28, 61, 8},
		// DWORD is 32 bits; rgbAtr has 36 bytes.
		{"windows 64", windowsLayout(8), 16, 20, 24, 28, 64, 8},
		{"windows 32", windowsLayout(4), 8, 12, 16, 20, 56, 8},
	} {
		l := test.layout
		got := []int{l.currentState(), l.eventState(), l.atrLength(), l.atrBytes(), l.readerState(), l.ioRequest()}
		want := []int{test.current, test.event, test.atrLength, test.atr, test.readerState, test.request}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", test.name, got, want)
		}
	}
}

var allLayouts = map[string]layout{
	"linux 64": linuxLayout(8), "linux 32": linuxLayout(4), "darwin 64": darwinLayout(8),
	"windows 64": windowsLayout(8), "windows 32": windowsLayout(4),
}

// A library that follows the pointers finds the names, and we find its answers.
func TestReaderStates(t *testing.T) {
	names := []string{"A", "Leser für Karten 00 00", `\\?PnP?\Notification`}
	for name, l := range allLayouts {
		const base = 0x10000000
		states := make([]readerState, len(names))
		for i := range states {
			states[i] = readerState{reader: names[i], current: 0x00010010 + uint32(i)}
		}
		block := l.readerStates(states, func([]byte) uintptr { return base })
		for i, want := range names {
			b := block[i*l.readerState():]
			at := int(l.get(b, l.pointer)) - base
			if at < len(names)*l.readerState() || at >= len(block) {
				t.Fatalf("%s: name %d is at %d of %d", name, i, at, len(block))
			}
			if l.wide && at%2 != 0 {
				t.Errorf("%s: UTF-16 at an odd address", name)
			}
			if got, _ := l.string(block[at:]); got != want {
				t.Errorf("%s: name %d is %q, want %q", name, i, got, want)
			}
			if got := l.getDWORD(b[l.currentState():]); got != 0x00010010+uint32(i) {
				t.Errorf("%s: current state %08X", name, got)
			}
			// The library's answer; the last claims more than there is room for.
			l.putDWORD(b[l.eventState():], 0x00070022)
			l.putDWORD(b[l.atrLength():], uint32(6+i*50))
			copy(b[l.atrBytes():], []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80})
		}
		l.readStates(block, states)
		for i, s := range states {
			if s.event != 0x00070022 || len(s.atr) != min(6+i*50, l.atr) || !bytes.HasPrefix(s.atr, []byte{0x3B, 0x81}) {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

func TestStrings(t *testing.T) {
	want := []string{"Virtual PCD 00 00", "Läser 😀 01"}
	for name, l := range allLayouts {
		var b []byte
		for _, s := range want {
			b = l.appendString(b, s)
		}
		b = l.appendString(b, "")
		if got := l.strings(b); !slices.Equal(got, want) {
			t.Errorf("%s: %q", name, got)
		}
		if got := l.strings(b[:len(b)-2*l.char()]); !slices.Equal(got, want) {
			t.Errorf("%s: without the last NULs: %q", name, got)
		}
		if got := l.strings(nil); got != nil {
			t.Errorf("%s: nothing: %q", name, got)
		}
		if got := l.appendString(nil, "a\x00b"); len(got) != 2*l.char() {
			t.Errorf("%s: a NUL within: %X", name, got)
		}
	}
}

func TestIORequest(t *testing.T) {
	for name, l := range allLayouts {
		b := make([]byte, 16)
		l.putIORequest(b, protocolT1)
		if l.getDWORD(b) != protocolT1 || int(l.getDWORD(b[l.dword:])) != l.ioRequest() {
			t.Errorf("%s: %X", name, b)
		}
	}
}

func TestControlCodes(t *testing.T) {
	if got := controlCode(3400); got != 0x42000D48 {
		t.Errorf("pcsc-lite: %08X", got)
	}
	if got := controlCodeWindows(3400); got != 0x00313520 {
		t.Errorf("Windows: %08X", got)
	}
	if got := controlCodeWindows(3500); got != 0x003136B0 {
		t.Errorf("Windows, escape: %08X", got)
	}
}
