package phone

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The vector in docs/phone.md, by this package and by what was written a second time.
func TestVector(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "phone.md"))
	if err != nil {
		t.Fatal(err)
	}
	value := func(name string) []byte {
		m := regexp.MustCompile(`(?m)^    ` + name + ` +(.*)$`).FindSubmatch(page)
		if m == nil {
			t.Fatalf("the page has no %s", name)
		}
		return m[1]
	}
	var kp, kc Fingerprint
	for i := range kp {
		kp[i], kc[i] = byte(i), byte(i+32)
	}
	np, nc := bytes.Repeat([]byte{0x11}, 32), bytes.Repeat([]byte{0x22}, 32)
	first, err := parseMessage(value("pair"))
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{hex.EncodeToString(commitment(kp, kc, np)), rawCommitment(kp[:], kc[:], np)} {
		if got != hex.EncodeToString(first.Commitment) {
			t.Errorf("commitment %s, the page has %x", got, first.Commitment)
		}
	}
	for _, got := range []string{
		pairingDigits(kp, kc, value("pair"), value("nonce"), np, nc),
		rawDigits(kp[:], kc[:], value("pair"), value("nonce"), np, nc),
	} {
		if got != string(value("digits")) {
			t.Errorf("digits %s, the page has %s", got, value("digits"))
		}
	}
	if second, err := parseMessage(value("nonce")); err != nil || !bytes.Equal(second.Nonce, nc) {
		t.Errorf("%v, %v", second, err)
	}
	// Each part counts.
	base := pairingDigits(kp, kc, value("pair"), value("nonce"), np, nc)
	for i, other := range []string{
		pairingDigits(kc, kp, value("pair"), value("nonce"), np, nc),
		pairingDigits(kp, kp, value("pair"), value("nonce"), np, nc),
		pairingDigits(kp, kc, append(value("pair"), ' '), value("nonce"), np, nc),
		pairingDigits(kp, kc, value("pair"), value("pair"), np, nc),
		pairingDigits(kp, kc, value("pair"), value("nonce"), nc, nc),
		pairingDigits(kp, kc, value("pair"), value("nonce"), np, np),
	} {
		if other == base {
			t.Errorf("part %d does not count", i)
		}
	}
}
