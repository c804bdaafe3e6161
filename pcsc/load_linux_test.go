package pcsc

import (
	"errors"
	"strings"
	"testing"
)

func TestMissingLibrary(t *testing.T) {
	err := newNative(linuxLayout(8), platform{}).open("SCardControl", "libpcsclite-missing.so.1", "libpcsclite-missing.so")
	if err == nil || !strings.Contains(err.Error(), "libpcsclite-missing.so.1") {
		t.Fatalf("missing library: %v", err)
	}
	if err = unavailable("linux", err); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "apt install") {
		t.Error(err)
	}
	err = newNative(linuxLayout(8), platform{}).open("SCardControl", "libc.so.6")
	if err == nil || !strings.Contains(err.Error(), "lacks SCardEstablishContext") {
		t.Errorf("another library: %v", err)
	}
}
