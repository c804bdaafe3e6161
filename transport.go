package desfire

import (
	"context"

	"github.com/go-desfire/desfire/internal/frame"
)

// Transport carries commands to one card and its answers back.
//
// Transmit does not keep command after it returns. The response is valid until
// the next call. A Transport that may return before its exchange ends copies
// both first. When ctx ends, Transmit returns at once and the connection is
// finished: later calls fail. Transmit is called by one goroutine at a time.
//
// A Transport may have any of these as well:
//
//	io.Closer                       Close: from any goroutine, never blocks on an exchange
//	Reconnect(context.Context) error  a new activation of the same card
//	ATR() []byte                    answer to reset, or the ATS in its form
//	Limits() (command, response int, framing Framing)
//	                                bytes of a whole frame it can carry each way,
//	                                zero for the default, and the framing it wants
//	String() string                 a name for people
//
// An error of Transmit may have Sent() bool: false means that no byte of the
// command has left. Without it, assume that the card saw the command.
type Transport interface {
	Transmit(ctx context.Context, command []byte) (response []byte, err error)
}

// Framing is how native commands travel.
type Framing = frame.Framing

// Framings. Auto means the transport's own, else wrapped.
const (
	FramingAuto    = frame.Auto
	FramingNative  = frame.Native  // INS and data; status first in the answer
	FramingWrapped = frame.Wrapped // 90 INS 00 00 Lc data 00; 91 and status last
)
