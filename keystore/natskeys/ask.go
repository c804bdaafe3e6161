package natskeys

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
	"github.com/nats-io/nats.go"
)

// ask asks one question. The payload of the answer is the caller's to overwrite.
func (s *Store) ask(ctx context.Context, what string, q remote.KeyRequest, payload []byte) (*remote.KeyAnswer, []byte, error) {
	q.V, q.Trace, q.Purpose = remote.Version, remote.CleanTrace(remote.Trace(ctx)), keystore.Purpose(ctx)
	m, err := remote.Encode(q, payload)
	if err != nil {
		return nil, nil, fmt.Errorf("key service: %w", err)
	}
	if !s.conn.IsConnected() { // what is asked now would be asked when nobody wants to know any more
		return nil, nil, &AwayError{Err: errors.New("no connection to the fleet")}
	}
	if _, err := s.conn.TLSConnectionState(); err != nil {
		if err := private(s.conn.ConnectedAddr()); err != nil {
			return nil, nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.conf.Timeout)
	defer cancel()
	r, err := s.conn.RequestWithContext(ctx, s.subjects.Keys(s.agent, what), m)
	if err != nil {
		return nil, nil, &AwayError{Err: err, sent: !errors.Is(err, nats.ErrNoResponders)}
	}
	a := new(remote.KeyAnswer)
	data, err := remote.Decode(r.Data, a)
	if err != nil {
		return nil, nil, fmt.Errorf("key service: %w", err)
	}
	if e := a.Error; e != nil {
		clear(data)
		return nil, nil, &AnswerError{
			Code: e.Code, Rule: visible.Text(cut(e.Rule)), Text: visible.Text(cut(e.Text)), Trace: q.Trace,
			After: time.Duration(min(max(e.After, 0), 3600) * float64(time.Second)),
		}
	}
	return a, data, nil
}

// cut bounds a text of others.
func cut(s string) string { return s[:min(len(s), 500)] }

// private is an error if others could read along on a connection without TLS: session
// keys stay on this computer then.
func private(at string) error {
	host, _, err := net.SplitHostPort(at)
	if err != nil || net.ParseIP(host).IsLoopback() { // no TCP: inside of this process
		return nil
	}
	return fmt.Errorf("key service: the connection to %s has no TLS: session keys would be readable on the way, so nothing is asked", at)
}
