// Package securemsg is DESFire secure messaging behind two verbs: Seal an
// outgoing message, Open an incoming one. One file holds one generation, both
// sides of it.
package securemsg

import (
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Padding says how enciphered data is filled up to whole blocks.
type Padding uint8

// Paddings.
const (
	PadDefault Padding = iota // what the scheme does when the length is known
	Pad80                     // 80 then zeros
	PadNone
)

// Message is one logical message, frames already joined.
type Message struct {
	Code   byte          // INS, or the status byte on the way back
	Head   []byte        // the clear part
	Data   []byte        // the part to protect
	Marks  []int         // frame marks, offsets into Head followed by Data
	Mode   wire.CommMode // plain, MAC, full, own
	Len    int           // plain length Open shall find; -1 = search for the CRC
	Pad    Padding
	NewKey []byte // ChangeKey of another key only: the channel places the second CRC
	OldKey []byte // the same on the card's side: the key to be replaced, for Open
}

// Format prints nothing of the data.
func (m Message) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "message %02X, %v, head %d bytes, data %d bytes", m.Code, m.Mode, len(m.Head), len(m.Data))
}

// Side is an end of a channel.
type Side uint8

// Sides.
const (
	PCD  Side = iota // the reader
	PICC             // the card
)

func (s Side) String() string {
	if s == PICC {
		return "PICC"
	}
	return "PCD"
}

// Info describes a channel. It has no secrets.
type Info struct {
	Scheme  wire.Scheme
	Method  string // the authenticate command: "D40", "ISO", "AES", "EV2", "LRP"
	KeyNo   wire.KeyNo
	TI      [4]byte // transaction identifier, EV2 and LRP
	Counter uint16  // command counter, EV2 and LRP
}

// Which of Len count where: only D40 and EV1 need it, in full and own mode; an
// EV2 or LRP message tells its own length. Own mode on the card's side wants
// the length of key and version together.
//
// The status of an error is never authenticated: such an answer is not shown to
// the channel. Nor is the answer to a change of the session's own key, or to
// RollKeySet: the session is over.

// Channel protects the messages of one session. The side, reader or card, is
// fixed at construction. It sees every logical message of the session, plain
// ones too, except handshakes and those of wire.RulePlain. After an error of
// Open the channel is dead. Nothing unchecked is ever returned.
type Channel interface {
	// Seal protects an outgoing message and appends Head and what the data
	// became to dst.
	Seal(dst []byte, m Message) ([]byte, error)
	// Open checks and strips an incoming message, whose Data is as received
	// and whose Head is not part of Data, and appends the plain data to dst.
	Open(dst []byte, m Message) ([]byte, error)
	Info() Info
}

// Method and side of every channel of this package.
type channel interface {
	Channel
	side() Side
	usable(m Message) error
	clone() channel
	wipe()
	// wrapRequest tells a key.Wrapper what to cipher m's new key with, and
	// sealWrapped seals m with the cryptogram it made.
	wrapRequest(m Message) key.WrapRequest
	sealWrapped(dst []byte, m Message, cryptogram []byte) ([]byte, error)
}

// Clone copies a channel with its state, so that one can try what a message is
// and go back. It panics for channels that this package did not make.
func Clone(c Channel) Channel { return c.(channel).clone() }

// Foresee takes note, on the reader's side, of an answer that has not come yet, of
// m.Len plain bytes, as Open does of one that has: what goes out behind it can be sealed then,
// on a Clone. It reports whether that is known. Only EV2 and LRP sessions can be foreseen,
// whose messages do not hang on the content of those before.
func Foresee(c Channel, m Message) bool {
	e, ok := c.(*ev2)
	if !ok {
		return false
	}
	s, counts := e.suite.(*lrpSuite)
	if !counts || m.Mode != wire.CommFull {
		return true
	}
	switch {
	case m.Len < 0:
		return false
	case m.Pad == PadNone:
		s.skip(m.Len / 16)
	case m.Len > 0: // nothing is never enciphered
		s.skip(m.Len/16 + 1)
	}
	return true
}

// Wipe ends a session: the channel refuses everything from then on, and its keys,
// subkeys and running values are overwritten. Info stays. What lies in the ciphers
// of the standard library is let go; only the garbage collector ends it. Channels
// that this package did not make, and nil, are left alone.
func Wipe(c Channel) {
	if c, ok := c.(channel); ok {
		c.wipe()
	}
}
