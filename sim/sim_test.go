package sim

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// unhex reads hexadecimal digits; spaces do not count.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// testRand is reproducible randomness.
func testRand() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{1}) }

// newCard is a fresh card of a generation.
func newCard(t testing.TB, g wire.Generation, change ...func(*Config)) *Card {
	t.Helper()
	cfg := &Config{Generation: g, UID: unhex(t, "04112233445580"), Rand: testRand()}
	for _, f := range change {
		f(cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// send sends a native frame and returns the answer in hexadecimal.
func send(t testing.TB, a *Activation, cmd string) string {
	t.Helper()
	rsp, err := a.Transmit(t.Context(), unhex(t, cmd))
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return hex.EncodeToString(rsp)
}

// script sends frames and compares the answers: lines of "command answer",
// spaces inside them left out. What follows # is a comment.
func script(t testing.TB, a *Activation, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		line, _, _ = strings.Cut(line, "#")
		cmd, want, ok := strings.Cut(strings.ToLower(strings.ReplaceAll(strings.TrimSpace(line), " ", "")), "<")
		if !ok {
			if cmd != "" {
				t.Fatalf("no answer in line %q", line)
			}
			continue
		}
		if got := send(t, a, cmd); got != want {
			t.Fatalf("%s\n got %s\nwant %s", cmd, got, want)
		}
	}
}

// image is the card's memory as JSON.
func image(c *Card) []byte { return c.Image().Encode() }

func sameImage(t testing.TB, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("the memory has changed:\n%s\nwas\n%s", got, want)
	}
}
