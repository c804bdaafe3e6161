package desfire

import (
	"context"
	"errors"
	"fmt"
	"github.com/go-desfire/desfire/wire"

	"github.com/go-desfire/desfire/internal/frame"
)

// Transport carries commands to one card and its answers back:
//
//	Transmit(ctx context.Context, command []byte) (response []byte, err error)
//
// Transmit does not keep command after it returns. The response is valid until
// the next call. A Transport that may return before its exchange ends copies
// both first. When ctx ends, Transmit returns at once and the connection is
// finished: later calls fail. Transmit is called by one goroutine at a time.
//
// A Transport may have any of these as well:
//
//	Close() error                   from any goroutine, never blocks on an exchange
//	ATR() []byte                    answer to reset, or the ATS in its form, a copy
//	Limits() (command, response int, framing Framing)
//	                                bytes of a whole frame it can carry each way,
//	                                zero for the default, and the framing it wants
//	Shared() bool                   other programs may use the card in between
//	ResetOnClose(bool)              whether Close leaves the card reset
//	String() string                 a name for people
//	Reconnect(context.Context) error
//	                                a new activation of the same card; an error that
//	                                is errors.ErrUnsupported says that nothing was
//	                                done, and is as good as no such method
//	Unwrap() Transport              what it wraps
//
// Whatever a wrapper lacks is asked of what it wraps, Close included, so a
// wrapper needs no methods only to pass them on. Reconnect is the exception: a
// wrapper must know of each activation, so only its own is called, and one
// without it cannot reconnect.
//
// An error of Transmit may have Sent() bool: false means that no byte of the
// command has left. Without it, assume that the card saw the command. It may
// have Removed() bool: true means that the card has left, and InUse() bool: true
// means that another program or client has it.
//
// Package transporttest tests all this.
type Transport = frame.Transmitter

// Framing is how native commands travel.
type Framing = wire.Framing

// Framings. Auto means the transport's own, else wrapped.
const (
	FramingAuto    = wire.FramingAuto
	FramingNative  = wire.FramingNative  // INS and data; status first in the answer
	FramingWrapped = wire.FramingWrapped // 90 INS 00 00 Lc data 00; 91 and status last
)

// What a Transport may have besides.
type (
	limiter = interface {
		Limits() (command, response int, framing Framing)
	}
	sharer      = interface{ Shared() bool }
	resetter    = interface{ ResetOnClose(bool) }
	atrHolder   = interface{ ATR() []byte }
	reconnecter = interface{ Reconnect(context.Context) error }
)

// reconnect activates the card behind t anew. Nothing was done if the error is
// errors.ErrUnsupported.
func reconnect(ctx context.Context, t Transport) error {
	if r, ok := t.(reconnecter); ok {
		return r.Reconnect(ctx)
	}
	return fmt.Errorf("%v has no Reconnect: %w", t, errors.ErrUnsupported)
}

// Ability finds an optional method of a transport, T being its interface: that
// of t itself, else of the first that has it among those that t wraps.
//
//	closer, ok := desfire.Ability[io.Closer](t)
func Ability[T any](t Transport) (ability T, ok bool) { return frame.Ability[T](t) }
