package transporttest

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/internal/frame"
)

func testUnchanged(t *testing.T, f *fixture) {
	frames := [][]byte{
		{0x90, 0x60, 0, 0, 0},                      // GetVersion, wrapped
		{0x90, 0x5A, 0, 0, 3, 0x56, 0x34, 0x12, 0}, // SelectApplication, wrapped
		{0x5A, 0x56, 0x34, 0x12},                   // the same, native
		{0xAF, 0, 1, 2},
		{0x00, 0xA4, 0x04, 0x00, 7, 0xD2, 0x76, 0, 0, 0x85, 1, 0, 0}, // ISO SELECT
		{0x00, 0xB0, 0, 0, 0}, {0xFF, 0xCA, 0, 0, 0}, {0x00, 0x01}, {0x01, 0x00}, {0x02, 0x04}, {0, 0},
	}
	for b := range 256 {
		frames = append(frames, []byte{byte(b)}) // native commands without parameters
	}
	for _, command := range frames {
		if f.cfg.Reserved(command) {
			continue
		}
		var got []byte
		f.set(func(_ context.Context, command []byte) ([]byte, error) {
			got = bytes.Clone(command)
			return turned(command), nil
		})
		response := f.exchange(t, command)
		if !bytes.Equal(got, command) {
			t.Fatalf("command % X came to the card as % X", command, got)
		}
		if !bytes.Equal(response, turned(command)) {
			t.Fatalf("command % X: the card's answer % X came as % X", command, turned(command), response)
		}
	}
}

func testLengths(t *testing.T, f *fixture) {
	lengths := []int{1, 2, 5, 54, 55, 59, 60, 61, 253, 254, 255, 256, 257, 258, 261, 262, 263, 264, 265, 511, 512, 4096, 4103, 32767, 32768, 65535}
	for _, n := range append(lengths, f.cfg.MaxCommand) {
		if n <= f.cfg.MaxCommand {
			testLength(t, f, n, 2)
		}
	}
	for _, n := range append(lengths, f.cfg.MaxResponse) {
		if n <= f.cfg.MaxResponse {
			testLength(t, f, 5, n)
		}
	}
	testLength(t, f, f.cfg.MaxCommand, f.cfg.MaxResponse)
	testLength(t, f, 5, 2)
}

func testLength(t *testing.T, f *fixture, command, response int) {
	t.Helper()
	c, r := pattern(command, 3), pattern(response, 11)
	c[0] = 0x90 // never a control
	var intact bool
	f.set(func(_ context.Context, command []byte) ([]byte, error) {
		intact = bytes.Equal(command, c)
		return r, nil
	})
	got := f.exchange(t, c)
	if !intact {
		t.Fatalf("a command of %d bytes came to the card changed", command)
	}
	if !bytes.Equal(got, r) {
		t.Fatalf("an answer of %d bytes came back changed, with %d", response, len(got))
	}
}

func pattern(n int, step byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)*step + byte(i>>8)
	}
	return b
}

func testEmptyAnswer(t *testing.T, f *fixture) {
	if f.cfg.NoEmpty {
		t.Skip("this transport cannot carry an empty answer")
	}
	f.set(func(context.Context, []byte) ([]byte, error) { return nil, nil })
	if r := f.exchange(t, []byte{0x60, 1}); len(r) != 0 {
		t.Fatalf("empty answer came as % X", r)
	}
	f.set(echo)
	if r := f.exchange(t, []byte{0x60, 2}); !bytes.Equal(r, turned([]byte{0x60, 2})) {
		t.Fatalf("after an empty answer: % X", r)
	}
}

func testCommandNotKept(t *testing.T, f *fixture) {
	command := []byte{0x90, 0x3D, 0, 0, 2, 1, 2, 0}
	first := f.exchange(t, command)
	want := turned(command)
	clear(command)
	if !bytes.Equal(first, want) {
		t.Fatal("the response changes with the command")
	}
	if r := f.exchange(t, []byte{0x90, 0x60, 0, 0, 0}); !bytes.Equal(r, turned([]byte{0x90, 0x60, 0, 0, 0})) {
		t.Fatalf("the next answer is % X", r)
	}
}

// The race detector sees a transport that still reads what it was given.
func testCommandNotKeptWhenGivenUp(t *testing.T, f *fixture) {
	f.hang(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	command := pattern(min(f.cfg.MaxCommand, 4096), 7)
	command[0] = 0x90
	done := f.transmit(ctx, command)
	within(t, "command to the card", f.hung)
	cancel()
	mustFail(t, "given-up exchange", within(t, "Transmit after cancel", done))
	for i := range command {
		command[i]++
	}
}

func testCommandNotChanged(t *testing.T, f *fixture) {
	command := pattern(64, 5)
	command[0] = 0x90
	buf := append(bytes.Clone(command), 0xA5, 0xA5, 0xA5)
	f.exchange(t, buf[:64])
	if !bytes.Equal(buf, append(command, 0xA5, 0xA5, 0xA5)) {
		t.Fatal("Transmit writes to the command or behind it")
	}
}

func testResponseValid(t *testing.T, f *fixture) {
	first := []byte{0x90, 0xBD, 0, 0, 1, 7, 0}
	r := f.exchange(t, first)
	other := f.exchangeElsewhere()
	if !bytes.Equal(r, turned(first)) {
		t.Fatalf("the response changed to % X before the next call", r)
	}
	if r := f.exchange(t, other); !bytes.Equal(r, turned(other)) {
		t.Fatalf("second answer % X", r)
	}
}

// exchangeElsewhere uses all optional methods that make no exchange.
func (f *fixture) exchangeElsewhere() []byte {
	if c, ok := frame.Ability[atrHolder](f.tr); ok {
		clear(c.ATR())
	}
	if c, ok := frame.Ability[fmt.Stringer](f.tr); ok {
		_ = c.String()
	}
	return []byte{0x90, 0x6F, 0, 0, 0}
}

func testResponseWritable(t *testing.T, f *fixture) {
	for i := range 8 {
		command := []byte{0x90, byte(i), 0, 0, 0}
		r := f.exchange(t, command)
		if !bytes.Equal(r, turned(command)) {
			t.Fatalf("answer %d is % X", i, r)
		}
		_ = append(r[:0], 0xEE, 0xEE, 0xEE)
	}
}

func testMany(t *testing.T, f *fixture) {
	f.exchange(t, getVersion)
	before := f.count(&f.activations)
	for i := range 500 {
		command := pattern(5+i%50, byte(i))
		command[0], command[1] = 0x90, byte(i)
		if r := f.exchange(t, command); !bytes.Equal(r, turned(command)) {
			t.Fatalf("answer %d does not belong to its command: % X", i, r)
		}
	}
	if n := f.count(&f.activations) - before; n != 0 {
		t.Errorf("%d new activations within one connection", n)
	}
}
