package sim

import (
	"context"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// Exchange is a command on its way through a Relay. It is valid until Meet
// returns; Command may be kept.
type Exchange struct {
	Command []byte // the reader's, whole; what Pass gives the card
	INS     byte   // of the command, also of one in a frame that makes no sense
	Framing wire.Framing
	N       int  // of the exchanges through the relay, from 1
	Nth     int  // of those with this INS, from 1
	Air     *Air // of the reader's activation

	ctx context.Context
}

// look finds the INS.
func (x *Exchange) look() {
	f, _ := wire.ParseCommand(x.Command)
	x.INS, x.Framing = f.INS, f.Framing
}

// Pass gives the card the command, and returns its answer, which is the caller's.
// More than once is possible.
func (x *Exchange) Pass() ([]byte, error) { return x.Air.Tell(x.ctx, x.Command) }

// PassWith passes the command while the card has a fault. Fault.Exchange does not
// count. It fails where no simulated card is behind the relay.
func (x *Exchange) PassWith(f Fault) ([]byte, error) { return x.passWith(&airFault{Fault: f}) }

func (x *Exchange) passWith(f *airFault) ([]byte, error) {
	if x.Air.activation() == nil {
		return nil, NotSent("this fault is one of a card, and there is no simulated card behind the relay")
	}
	return x.Air.Tell(context.WithValue(x.ctx, faultOf{}, f), x.Command)
}

// airFault is what an Air gives an exchange of the card along, in its context.
type airFault struct {
	Fault
	atWrite func() disturbance
}

// faultOf is its key there.
type faultOf struct{}

// Tell gives the card a frame that the reader did not send.
func (x *Exchange) Tell(frame ...byte) ([]byte, error) { return x.Air.Tell(x.ctx, frame) }

// Hold keeps the command for a Deliver; the card does not see it now.
func (x *Exchange) Hold() { x.Air.relay.Hold(x.Command) }

// Deliver gives the card what the relay holds: see Air.Deliver.
func (x *Exchange) Deliver() int { return x.Air.Deliver(x.ctx) }

// Forge makes an answer frame in the form that the reader expects.
func (x *Exchange) Forge(status wire.Status, data ...byte) []byte {
	return wire.AppendAnswer(nil, x.Framing, data, status, false)
}

// Wait lets time pass. It fails, as an exchange that was broken off, when the
// reader's context ends, its activation is closed or the card loses its field. Where
// the activation is over already it does not wait.
func (x *Exchange) Wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	var over <-chan struct{}
	if a := x.Air.activation(); a != nil {
		if over = a.over(); over == nil {
			return nil
		}
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-x.ctx.Done():
		return &FieldError{Reason: x.ctx.Err().Error(), Err: x.ctx.Err(), sent: true}
	case <-x.Air.done:
		return &FieldError{Reason: "the activation was closed in the middle of an exchange", sent: true}
	case <-over:
		return &FieldError{Reason: "the field was lost", sent: true, gone: true}
	}
}

// over is closed when the activation ends; nil if it is over.
func (a *Activation) over() <-chan struct{} {
	f := &a.card.field
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.activation != a.number.Load() {
		return nil
	}
	return f.over
}

// NoAnswer is the error of an exchange whose command went out and whose answer
// did not come.
func NoAnswer(reason string) error { return &FieldError{Reason: reason, sent: true} }

// NotSent is the error of an exchange whose command never went out.
func NotSent(reason string) error { return &FieldError{Reason: reason} }
