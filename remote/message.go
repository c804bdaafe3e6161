package remote

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// Bounds of messages.
const (
	MaxHeader  = 64 << 10 // bytes of JSON
	MaxMessage = 1 << 20  // bytes of a whole message, as NATS has it by default
)

// ErrMessage is what a message that cannot be taken apart is, for errors.Is.
var ErrMessage = errors.New("not a message of a fleet")

// Encode makes a message: the length of the header in four bytes, most significant
// first, the header as JSON with Version as "v", the payload. header is a struct
// that embeds Versioned, or a pointer to one; its V is not looked at.
func Encode(header any, payload []byte) ([]byte, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	var v Versioned
	if err := json.Unmarshal(h, &v); err != nil || v.V == 0 {
		return nil, errors.New("message: its header says no version")
	}
	if len(h) > MaxHeader || 4+len(h)+len(payload) > MaxMessage {
		return nil, fmt.Errorf("message: header of %d and payload of %d bytes: too long", len(h), len(payload))
	}
	out := make([]byte, 4, 4+len(h)+len(payload))
	binary.BigEndian.PutUint32(out, uint32(len(h)))
	return append(append(out, h...), payload...), nil
}

// Decode takes a message apart: header is a pointer to a struct that embeds Versioned,
// the payload shares memory with the message. Unknown members are ignored. The error
// is a *VersionError or wraps ErrMessage.
func Decode(message []byte, header any) (payload []byte, err error) {
	if len(message) < 4 || len(message) > MaxMessage {
		return nil, fmt.Errorf("%w: %d bytes", ErrMessage, len(message))
	}
	n := binary.BigEndian.Uint32(message)
	if n > MaxHeader || int(n) > len(message)-4 {
		return nil, fmt.Errorf("%w: a header of %d bytes in a message of %d", ErrMessage, n, len(message))
	}
	h := message[4 : 4+n]
	var v Versioned
	if err := json.Unmarshal(h, &v); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMessage, err)
	}
	if v.V != Version {
		return nil, &VersionError{v.V, Version}
	}
	if err := json.Unmarshal(h, header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMessage, err)
	}
	return message[4+n:], nil
}
