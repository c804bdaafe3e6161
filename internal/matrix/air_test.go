package matrix_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
)

// airError is what a transport says of a broken exchange.
type airError struct {
	text string
	sent bool
	err  error
}

func (e *airError) Error() string { return e.text }
func (e *airError) Sent() bool    { return e.sent }
func (e *airError) Unwrap() error { return e.err }

// exchange is one frame each way.
type exchange struct{ command, answer []byte }

// air lies between a reader and a card and does what a fault says.
type air struct {
	picc  *sim.Card
	act   *sim.Activation
	fault *fault // nil for none
	at    int    // exchange of the fault, from 1
	clean []exchange

	n      int  // exchanges so far
	dead   bool // the connection is finished
	late   []byte
	cancel context.CancelCauseFunc
	forge  func(command []byte) []byte // answers instead of the card

	told []shown // what the reader saw

	replay     []shown // show these, while the card goes its own way
	spare      int     // the exchange that does not reach it; 0 for none
	free       bool    // answers with data carry no MAC either
	impossible bool    // nobody could have made these answers

	log  []exchange // without a fault
	seen hash.Hash  // what went to the reader and came from it
}

var _ desfire.Transport = (*air)(nil)

func (a *air) Limits() (command, response int, framing desfire.Framing) {
	return 60, 258, desfire.FramingWrapped
}

func (a *air) Reconnect(ctx context.Context) error {
	a.dead = false
	return a.act.Reconnect(ctx)
}

func (a *air) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if a.forge != nil {
		return a.forge(command), nil
	}
	answer, err := a.transmit(ctx, command)
	if a.seen != nil {
		a.told = append(a.told, shown{bytes.Clone(answer), err})
		fmt.Fprintf(a.seen, "%X > %X", command, answer)
		if err != nil {
			var s interface{ Sent() bool }
			fmt.Fprintf(a.seen, "error, sent %v", errors.As(err, &s) && s.Sent())
		}
	}
	return answer, err
}

func (a *air) transmit(ctx context.Context, command []byte) ([]byte, error) {
	switch {
	case ctx.Err() != nil:
		a.dead = true
		return nil, &airError{ctx.Err().Error(), false, ctx.Err()}
	case a.dead:
		return nil, &airError{text: "the connection is finished"}
	}
	a.n++
	if a.n <= len(a.replay) {
		var real []byte
		if a.n != a.spare {
			real, _ = a.act.Transmit(ctx, command)
		}
		x := a.replay[a.n-1]
		if a.n != a.at && x.err == nil && !bytes.Equal(x.answer, real) && len(x.answer) > 2 && !a.free {
			a.impossible = true
		}
		return x.answer, x.err
	}
	if a.fault == nil || a.n != a.at {
		answer, err := a.act.Transmit(ctx, command)
		if err == nil && a.fault == nil {
			a.log = append(a.log, exchange{append([]byte(nil), command...), append([]byte(nil), answer...)})
		}
		if a.fault != nil && a.fault.cancelBefore && a.n == a.at-1 {
			a.cancel(context.Canceled)
		}
		return answer, err
	}
	var real []byte
	var err error
	switch a.fault.truth {
	case withheld:
		real = a.clean[a.at-1].answer
	case late:
		a.late = append([]byte(nil), command...)
	case powerBefore:
		a.picc.TearBefore(1)
	case powerAfter:
		a.picc.TearAfter(1)
	case wornOut:
		a.picc.Inject(sim.Fault{Exchange: 1, Kind: sim.FailWrite})
	}
	if a.fault.truth != withheld && a.fault.truth != late {
		real, err = a.act.Transmit(ctx, command)
		if err != nil && a.fault.truth == done {
			return nil, err
		}
		real = append([]byte(nil), real...)
	}
	return a.fault.shown(a, real)
}

// deliverLate gives the card the command that was held back.
func (a *air) deliverLate() {
	if a.late != nil {
		_, _ = a.act.Transmit(context.Background(), a.late)
		a.late = nil
	}
}

// record makes what the reader sees a name for all runs in which it sees the same.
func (a *air) record() { a.seen = sha256.New() }
