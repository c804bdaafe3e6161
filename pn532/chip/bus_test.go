package chip

import (
	"bytes"
	"context"
	"errors"
	"math/bits"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// TestI2C: an address that nobody has, a chip that sleeps, status bytes, a frame for each read.
func TestI2C(t *testing.T) {
	b := New(Simulated(newReader(t, wire.EV1), nil), nil).I2C()
	defer b.Close()
	write := func(s string) error { return b.Tx(Address, unhex(t, s), nil) }
	read := func(n int) string {
		if err := b.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := make([]byte, n)
		if err := b.Tx(Address, nil, r); err != nil {
			t.Fatal(err)
		}
		return spaced(r)
	}
	if err := b.Tx(0x25, unhex(t, getFirmwareVersion), nil); !errors.Is(err, ErrNoAcknowledge) {
		t.Errorf("another address: %v", err)
	}
	if err := write(getFirmwareVersion); !errors.Is(err, ErrNoAcknowledge) {
		t.Errorf("asleep: %v", err)
	}
	if err := write(getFirmwareVersion); err != nil {
		t.Fatal(err)
	}
	if got := read(7); got != "01 "+ack {
		t.Errorf("acknowledge: %s", got)
	}
	if got, want := read(16), "01 "+firmwareVersion+" 00 00"; got != want {
		t.Errorf("version %s, want %s", got, want)
	}
	r := []byte{1, 2, 3}
	if err := b.Tx(Address, nil, r); err != nil || !bytes.Equal(r, make([]byte, 3)) {
		t.Errorf("nothing there: %X, %v", r, err)
	}
	// The length first, then all of it again.
	write(samConfiguration)
	read(7)
	if got := read(6); got != "01 00 00 FF 02 FE" {
		t.Errorf("beginning: %s", got)
	}
	write(nack)
	if got := read(10); got != "01 "+samConfigured {
		t.Errorf("again: %s", got)
	}
	// Only the status.
	write(getFirmwareVersion)
	if got := read(1); got != "01" {
		t.Errorf("status: %s", got)
	}
	if got := read(7); got != "01 "+ack {
		t.Errorf("the status took the acknowledge away: %s", got)
	}
	// A new command before the answer was read.
	write(samConfiguration)
	if got := read(7) + read(10); got != "01 "+ack+"01 "+samConfigured {
		t.Errorf("new command: %s", got)
	}
	// Power down ends with its answer.
	write(hexOf(t, "16 80"))
	read(7)
	read(11)
	if err := write(getFirmwareVersion); !errors.Is(err, ErrNoAcknowledge) {
		t.Errorf("asleep again: %v", err)
	}
	if err := write(getFirmwareVersion); err != nil {
		t.Errorf("awake: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	read(7)
	read(14)
	cancel()
	if err := b.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for nothing: %v", err)
	}
}

func TestSPI(t *testing.T) {
	b := New(Simulated(newReader(t, wire.EV1), nil), nil).SPI()
	defer b.Close()
	tx := func(text string, n int) string {
		t.Helper()
		w := append(unhex(t, text), make([]byte, n)...)
		for i := range w {
			w[i] = bits.Reverse8(w[i])
		}
		r := make([]byte, len(w))
		if err := b.Tx(w, r); err != nil {
			t.Fatal(err)
		}
		r = r[len(r)-n:]
		for i := range r {
			r[i] = bits.Reverse8(r[i])
		}
		return spaced(r)
	}
	read := func(n int) string {
		t.Helper()
		if err := b.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := tx("02", 1); got != "01" {
			t.Errorf("status %s when something is there", got)
		}
		return tx("03", n)
	}
	tx("01"+getFirmwareVersion, 0) // wakes it up
	if got := tx("02", 1); got != "00" {
		t.Errorf("status %s when nothing is there", got)
	}
	tx("01"+getFirmwareVersion, 0)
	if got := read(6) + read(15); got != ack+firmwareVersion+" 00 00" {
		t.Errorf("version: %s", got)
	}
	if got := tx("03", 3); got != "00 00 00" {
		t.Errorf("nothing: %s", got)
	}
	tx("01"+samConfiguration, 0)
	read(6)
	read(3)
	tx("01"+nack, 0)
	if got := read(9); got != samConfigured {
		t.Errorf("again: %s", got)
	}
	tx("01"+hexOf(t, "4A 01 00"), 0)
	read(6)
	if got := read(28); !strings.Contains(got, "04 11 22 33 44 55 66 06 75 77 81 02 80") {
		t.Errorf("listed: %s", got)
	}
	if err := b.Tx([]byte{1, 2}, []byte{1}); err == nil {
		t.Error("less comes in than goes out")
	}
}

func hexOf(t *testing.T, command string) string { return frameOf(t, 0xD4, command) }

func spaced(b []byte) string {
	const digits = "0123456789ABCDEF"
	var s []string
	for _, x := range b {
		s = append(s, string([]byte{digits[x>>4], digits[x&15]}))
	}
	return strings.Join(s, " ")
}
