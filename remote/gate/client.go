package gate

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Client orders from gates elsewhere. Its methods may be called from several goroutines.
type Client struct {
	Conn  *nats.Conn
	Fleet string
}

// OrderError is why a gate did not make an order; nothing was begun.
type OrderError struct {
	Agent, Reader string
	Code          Code
	Text          string // of the gate
}

func (e *OrderError) Error() string { return fmt.Sprintf("%s/%s: %s", e.Agent, e.Reader, e.Text) }

// ErrAway says that no gate listens there. Nothing was begun.
var ErrAway = errors.New("nobody takes orders there: the agent does not run, has no purse, or its network is away")

// UnansweredError says that what became of an order is not known here. The same order
// again, with the same id, tells.
type UnansweredError struct {
	ID  string
	Err error
}

func (e *UnansweredError) Error() string {
	return fmt.Sprintf("order %q was not answered: the same one again, with the same id, tells what became of it: %v", e.ID, e.Err)
}

// Unwrap returns what went wrong.
func (e *UnansweredError) Unwrap() error { return e.Err }

// grace is how much longer than its wait an order may take.
const grace = 30 * time.Second

// Order makes an order with the card at a reader, waiting for it for some time; 0 is as
// long as that gate likes, a minute at most. The order needs an ID. The error is nil exactly if it
// happened. Others are *purse.DidNotError and *purse.InDoubtError, with what the gate's
// journal has, *OrderError, *UnansweredError and ErrAway.
func (c *Client) Order(ctx context.Context, agent, reader string, o purse.Order, wait time.Duration) (*purse.Receipt, error) {
	for _, name := range []string{agent, reader} {
		if err := remote.CheckName(name); err != nil {
			return nil, err
		}
	}
	r := &OrderRequest{ID: o.ID, Moves: o.Moves, Meta: o.Meta, UID: hex.EncodeToString(o.UID), Wait: wait.Milliseconds()}
	b, err := r.Encode()
	if err != nil {
		return nil, err
	}
	limit := wait + grace
	if wait == 0 {
		limit += time.Minute
	}
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	m, err := c.Conn.RequestWithContext(within, remote.Subjects{Fleet: c.Fleet}.Order(agent, reader), b)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, ErrAway
	case err != nil:
		return nil, &UnansweredError{o.ID, err}
	}
	a, err := DecodeOrderAnswer(m.Data)
	if err != nil {
		return nil, &UnansweredError{o.ID, err}
	}
	why := &OrderError{agent, reader, a.Code, a.Text}
	if a.Entry == nil {
		return nil, why
	}
	receipt := &purse.Receipt{Entry: *a.Entry, Stored: a.Stored, After: a.After}
	switch {
	case a.Happened:
		return receipt, nil
	case receipt.Decision() == purse.DidNot:
		return receipt, &purse.DidNotError{Receipt: receipt, Err: why}
	case receipt.Decision() == purse.InDoubt:
		return receipt, &purse.InDoubtError{Receipt: receipt, Err: why}
	}
	return receipt, why // it is known, and could not be written
}
