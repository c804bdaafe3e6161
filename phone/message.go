package phone

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/go-desfire/desfire/internal/visible"
)

// Protocol is the WebSocket subprotocol, which has the version in it.
const Protocol = "desfire-phone.v1"

// Path is where the computer answers.
const Path = "/desfire-phone"

// DefaultPort is the port of a computer that was given no other.
const DefaultPort = "9467"

// Bounds of what is said.
const (
	// MaxFrame is the longest command or answer.
	MaxFrame    = 0xFFFF
	maxText     = 4096 // of a message in JSON
	maxBinary   = 1 + 8 + 8 + MaxFrame
	maxATR      = 64
	maxReason   = 200 // bytes of an explanation
	maxWaiting  = 64  // messages that wait to be sent
	maxOpen     = 16  // requests that were given up and have no answer yet
	maxAddress  = 8
	maxHostPort = 261
)

// message is all that is said in JSON.
type message struct {
	Type string `json:"type"`

	Name       string   `json:"name,omitempty"`       // pair: of the phone; nonce, welcome: of the computer
	As         string   `json:"as,omitempty"`         // paired, welcome: what the computer calls the phone
	Commitment octets   `json:"commitment,omitempty"` // pair
	Nonce      octets   `json:"nonce,omitempty"`      // nonce, reveal
	Addresses  []string `json:"addresses,omitempty"`  // paired, welcome: HOST:PORT where the computer listens

	N        uint64 `json:"n,omitempty"`        // of a request, its answer, or a ping
	Card     uint64 `json:"card,omitempty"`     // card, gone, activate
	ATR      octets `json:"atr,omitempty"`      // card, active
	Command  int    `json:"command,omitempty"`  // active: longest frames, 0 if not known
	Response int    `json:"response,omitempty"` // active
	Framing  string `json:"framing,omitempty"`  // active: native, wrapped, or nothing
	Removed  bool   `json:"removed,omitempty"`  // failed: the card has left

	Code string `json:"code,omitempty"` // bye
	Text string `json:"text,omitempty"` // failed, bye: for people

	raw []byte // as it came
}

// Types of messages. Which end sends what, and when, is in docs/phone.md.
const (
	typePair      = "pair"
	typeNonce     = "nonce"
	typeReveal    = "reveal"
	typePaired    = "paired"
	typeConfirmed = "confirmed"
	typeDenied    = "denied"
	typeHello     = "hello"
	typeWelcome   = "welcome"
	typeCard      = "card"
	typeGone      = "gone"
	typeActivate  = "activate"
	typeActive    = "active"
	typeRelease   = "release"
	typeFailed    = "failed"
	typePing      = "ping"
	typePong      = "pong"
	typeBye       = "bye"
)

// Binary messages begin with one of these.
const (
	binCommand = 1 // activation, number, command
	binAnswer  = 2 // number, answer
)

// octets are bytes, in hexadecimal digits.
type octets []byte

// MarshalText implements encoding.TextMarshaler.
func (o octets) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(o)), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *octets) UnmarshalText(b []byte) error {
	raw, err := hex.DecodeString(string(b))
	*o = raw
	return err
}

func (m *message) encode() []byte {
	b, err := json.Marshal(m)
	if err != nil { // no value of a message cannot be encoded
		return []byte(`{"type":"bye"}`)
	}
	return b
}

// parseMessage reads a message in JSON.
func parseMessage(text []byte) (*message, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("a message of %d bytes, at most are %d", len(text), maxText)
	}
	m := new(message)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("a message that is no JSON of this protocol: %s", bounded(err.Error()))
	}
	if len(m.ATR) > maxATR {
		return nil, fmt.Errorf("an answer to reset of %d bytes, at most are %d", len(m.ATR), maxATR)
	}
	m.Text = bounded(m.Text)
	return m, nil
}

// bounded is text of the other end, for people.
func bounded(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason] + "..."
	}
	return visible.Text(s)
}

func encodeCommand(activation, n uint64, command []byte) []byte {
	b := make([]byte, 1, 17+len(command))
	b[0] = binCommand
	b = binary.BigEndian.AppendUint64(b, activation)
	b = binary.BigEndian.AppendUint64(b, n)
	return append(b, command...)
}

// parseCommand's command is a part of b.
func parseCommand(b []byte) (activation, n uint64, command []byte, err error) {
	if len(b) < 17 || b[0] != binCommand {
		return 0, 0, nil, fmt.Errorf("a binary message that is no command, of %d bytes", len(b))
	}
	return binary.BigEndian.Uint64(b[1:]), binary.BigEndian.Uint64(b[9:]), b[17:], nil
}

func encodeAnswer(n uint64, answer []byte) []byte {
	b := make([]byte, 1, 9+len(answer))
	b[0] = binAnswer
	b = binary.BigEndian.AppendUint64(b, n)
	return append(b, answer...)
}

// parseAnswer's answer is a part of b.
func parseAnswer(b []byte) (n uint64, answer []byte, err error) {
	switch {
	case len(b) < 9 || b[0] != binAnswer:
		return 0, nil, fmt.Errorf("a binary message that is no answer, of %d bytes", len(b))
	case len(b) > 9+MaxFrame:
		return 0, nil, fmt.Errorf("an answer of %d bytes, at most are %d", len(b)-9, MaxFrame)
	}
	return binary.BigEndian.Uint64(b[1:]), b[9:], nil
}
