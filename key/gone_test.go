package key

import (
	"bytes"
	"runtime"
	"testing"
)

// The bytes of a key that nobody has any more are overwritten; those of one that
// was made of it stay.
func TestGone(t *testing.T) {
	zero := make([]byte, 16)
	var gone [][]byte
	var kept *Secret
	func() {
		k, err := NewAES(bytes.Repeat([]byte{0xA5}, 16), 1)
		if err != nil {
			t.Fatal(err)
		}
		other := k.WithVersion(2)
		kept = other.WithVersion(3)
		gone = append(gone, k.bytes(), other.bytes())
	}()
	for _, b := range gone {
		for !bytes.Equal(b, zero) { // go test's timeout is the end
			runtime.GC()
			runtime.Gosched()
		}
	}
	if bytes.Equal(kept.Export(), zero) {
		t.Error("a key that is in use was overwritten")
	}
}
