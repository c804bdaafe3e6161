package pcsc

import (
	"bytes"
	"testing"
)

// What a library or a reader writes is parsed without a panic, and nothing is
// read that was not there.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte("Virtual PCD 00 00\x00Virtual PCD 00 01\x00\x00"))
	f.Add([]byte{0x12, 4, 0x42, 0x33, 0, 0x12, 0x0A, 4, 0, 8, 0, 0})
	f.Add([]byte{0xD5, 0x43, 0x00, 0xAF, 0x04, 0x01, 0x90, 0x00})
	f.Add([]byte{0xD5, 0x41, 0x27, 0x90, 0x00})
	f.Add([]byte{0x63, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, l := range allLayouts {
			for _, s := range l.strings(b) {
				if s == "" {
					t.Errorf("%s: an empty name", name)
				}
			}
			block := append(alignedBytes(0), b...)
			if n := len(block) / l.readerState(); n > 0 {
				states := make([]readerState, n)
				l.readStates(block, states)
				for _, s := range states {
					if len(s.atr) > l.atr {
						t.Errorf("%s: ATR of %d bytes", name, len(s.atr))
					}
				}
			}
		}
		for tag := range 256 {
			if v, ok := findTLV(b, byte(tag)); ok && !bytes.Contains(b, v) {
				t.Errorf("tag %02X: %X", tag, v)
			}
		}
		for _, c := range []carrier{inCommunicateThru, inDataExchange} {
			if v, err := c.parse(b); err == nil && len(v) != len(b)-len(c.answer)-3 {
				t.Errorf("%X: %X", b, v)
			}
			if w, err := c.appendCommand(nil, b); err == nil && (len(w) != 5+int(w[4]) || !isAPDU(w)) {
				t.Errorf("%X becomes %X", b, w)
			}
		}
		isAPDU(b)
		contactlessATR(b)
		ignoredReader(string(b))
	})
}
