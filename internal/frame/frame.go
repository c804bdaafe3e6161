// Package frame cuts logical DESFire messages into frames and joins them:
// additional-frame chaining and ISO 7816-4 wrapping, both sides.
package frame

// Framing is how native commands travel.
type Framing uint8

// Framings.
const (
	Auto    Framing = iota
	Native          // INS and data; the status comes first in the answer
	Wrapped         // 90 INS 00 00 Lc data 00; 91 and the status come last
)

func (f Framing) String() string {
	return [...]string{"auto", "native", "wrapped"}[f]
}
