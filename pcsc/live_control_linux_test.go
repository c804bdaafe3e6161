package pcsc

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/pcsctest"
)

// A driver that knows no escape commands, behind pcscd: past a card the command gets
// through, without one it is refused with what to do.
func liveControl(t *testing.T, stack *pcsctest.Stack) {
	r, p := liveOpen(t, nil), &profile{commands: true}
	_, err := r.control(p, stack.Reader(0), getFirmware)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "libccid_Info.plist") {
		t.Errorf("no card: %v", err)
	}
	inserted(t, stack, nil, func(command []byte) []byte {
		if bytes.Equal(command, getFirmware) {
			return firmware
		}
		return []byte{0x6D, 0x00}
	})
	for range 2 { // nothing of the first is in the way of the second
		if got, err := r.control(p, stack.Reader(0), getFirmware); err != nil || !bytes.Equal(got, firmware) {
			t.Errorf("past a card: %q, %v", got, err)
		}
	}
	// As it is, a virtual reader gets nothing of the kind.
	if _, err := r.Control(t.Context(), stack.Reader(0), getFirmware); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("virtual reader: %v", err)
	}
}
