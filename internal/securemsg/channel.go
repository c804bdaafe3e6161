// Package securemsg is DESFire secure messaging behind two verbs: Seal an
// outgoing message, Open an incoming one. One file holds one generation, both
// sides of it.
package securemsg

import "github.com/go-desfire/desfire/wire"

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
}

// Info describes a channel. It has no secrets.
type Info struct {
	Scheme  wire.Scheme
	Method  string // the authenticate command: "D40", "ISO", "AES", "EV2", "LRP"
	KeyNo   wire.KeyNo
	TI      [4]byte // transaction identifier, EV2 and LRP
	Counter uint16  // command counter, EV2 and LRP
}

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
