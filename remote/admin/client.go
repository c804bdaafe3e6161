package admin

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote"
)

// Client asks the centre. Its methods may be called from several goroutines. Their errors
// are ErrAway, ErrSilent, a *RefusedError, and those of messages.
type Client struct {
	Conn  *nats.Conn
	Fleet string
}

var _ fleet.Operator = (*Client)(nil)

// Snapshot is the fleet as the centre knows it.
func (c *Client) Snapshot(ctx context.Context) (*fleet.Snapshot, error) {
	var whole []byte
	var q question
	for {
		a, part, err := c.ask(ctx, askSnapshot, q)
		if err != nil {
			return nil, err
		}
		if q.ID != "" && a.ID != q.ID || a.Parts < 1 || a.Parts > maxParts {
			return nil, fmt.Errorf("%w: a snapshot of %d parts", remote.ErrMessage, a.Parts)
		}
		whole = append(whole, part...)
		if q.ID, q.Part = a.ID, q.Part+1; q.Part >= a.Parts {
			break
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(whole))
	if err != nil {
		return nil, fmt.Errorf("%w: snapshot: %w", remote.ErrMessage, err)
	}
	s := new(fleet.Snapshot)
	if err := json.NewDecoder(io.LimitReader(z, maxUnzip)).Decode(s); err != nil {
		return nil, fmt.Errorf("%w: snapshot: %w", remote.ErrMessage, err)
	}
	return s, nil
}

// Ledger looks into the ledger. One answer has at most 500 lines.
func (c *Client) Ledger(ctx context.Context, q fleet.LedgerQuery) (*fleet.LedgerPage, error) {
	p := new(fleet.LedgerPage)
	return p, c.into(ctx, askLedger, question{Ledger: &q}, p)
}

// KeyUses looks into the uses of keys. One answer has at most 500.
func (c *Client) KeyUses(ctx context.Context, q fleet.KeyQuery) (*fleet.KeyPage, error) {
	p := new(fleet.KeyPage)
	return p, c.into(ctx, askKeys, question{Keys: &q}, p)
}

// Invite makes a token with which an agent of that name joins.
func (c *Client) Invite(ctx context.Context, agent string) (*fleet.Invitation, error) {
	i := new(fleet.Invitation)
	return i, c.into(ctx, askInvite, question{Agent: agent}, i)
}

// Revoke takes part in the fleet from an agent.
func (c *Client) Revoke(ctx context.Context, agent string) error {
	return c.into(ctx, askRevoke, question{Agent: agent}, new(struct{}))
}

// Drain has an agent end what it does and take nothing new.
func (c *Client) Drain(ctx context.Context, agent string) error {
	return c.into(ctx, askDrain, question{Agent: agent}, new(struct{}))
}

// Ask asks a question that Config.More answers, by the last part of its subject: in as JSON,
// the result into out.
func (c *Client) Ask(ctx context.Context, what string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, payload, err := c.askWith(ctx, what, question{}, b)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(payload, out); err != nil {
		return fmt.Errorf("%w: %w", remote.ErrMessage, err)
	}
	return nil
}

func (c *Client) into(ctx context.Context, what string, q question, to any) error {
	_, payload, err := c.ask(ctx, what, q)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(payload, to); err != nil {
		return fmt.Errorf("%w: %w", remote.ErrMessage, err)
	}
	return nil
}

func (c *Client) ask(ctx context.Context, what string, q question) (a answer, payload []byte, err error) {
	return c.askWith(ctx, what, q, nil)
}

func (c *Client) askWith(ctx context.Context, what string, q question, in []byte) (a answer, payload []byte, err error) {
	q.V = remote.Version
	b, err := remote.Encode(q, in)
	if err != nil {
		return a, nil, err
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m, err := c.Conn.RequestWithContext(within, remote.Subjects{Fleet: c.Fleet}.Admin(what), b)
	switch {
	case ctx.Err() != nil:
		return a, nil, context.Cause(ctx)
	case errors.Is(err, nats.ErrNoResponders):
		return a, nil, ErrAway
	case errors.Is(err, context.DeadlineExceeded) && !c.Conn.IsConnected():
		return a, nil, ErrAway
	case errors.Is(err, context.DeadlineExceeded):
		return a, nil, ErrSilent
	case err != nil:
		return a, nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	if payload, err = remote.Decode(m.Data, &a); err != nil {
		return a, nil, err
	}
	if a.Failed != "" {
		return a, nil, &RefusedError{a.Failed}
	}
	return a, payload, nil
}
