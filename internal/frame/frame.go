// Package frame cuts logical DESFire messages into frames and joins them:
// additional-frame chaining, the reader's side.
package frame

// Frame sizes that every card takes (command reference 2.3).
const (
	MaxFrame       = 60    // a whole native frame or wrapped command with the default FSC of 64
	MaxShort       = 261   // a whole short command APDU: header, Lc, 255 bytes, Le
	wrappedExtra   = 6     // header, Lc, Le
	nativeExtra    = 1     // INS
	extendedHeader = 4 + 3 // header, 00 and two bytes of Lc
)
