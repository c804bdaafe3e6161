package remote

import (
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// spot is a card that an agent has reported.
type spot struct {
	agent, reader string
	name          string // of the reader, for people
	boot          string
	card          uint64
}

func (s *spot) String() string { return s.agent + "/" + s.reader }

const (
	acquiring = 15 * time.Second // an agent may take so long to grant or refuse
	renewing  = 5 * time.Second
	releasing = time.Second
)

// holding is a lease that we have, from the grant on.
type holding struct {
	client *Client
	spot   *spot
	grant  *Grant
	key    *LeaseKey
	atr    []byte
	ctx    context.Context // ends with the lease
	end    context.CancelCauseFunc
	cut    chan struct{} // has a token when the connection broke

	mu    sync.Mutex
	until time.Time // as we can be sure of
	seq   uint64

	renewals uint64 // the renewing goroutine's
}

// acquire asks for a lease. old is one that is given up for it, or nil.
func (c *Client) acquire(ctx context.Context, at *spot, old *holding) (*holding, error) {
	fail := func(err error, removed bool) error {
		return &Error{Op: "connect", Reader: at.String(), Err: err, removed: removed}
	}
	secret, err := NewSecret()
	if err != nil {
		return nil, fail(err, false)
	}
	r := &LeaseRequest{Op: Acquire, Boot: at.boot, Card: at.card, ID: newID(), Public: secret.Public(), Holder: c.holder}
	var key *LeaseKey
	if old != nil {
		r.Counter, key = old.grant.Counter, old.key
	}
	m, err := r.Encode(key)
	if err != nil {
		return nil, fail(err, false)
	}
	asking, cancel := context.WithTimeoutCause(ctx, acquiring, ErrNoAnswer)
	defer cancel()
	from := time.Now()
	answer, sent, err := c.request(asking, c.subject.Lease(at.agent, at.reader), m)
	if err != nil {
		if sent {
			go c.takeBack(at, r.ID)
		}
		return nil, fail(err, errors.Is(err, ErrNoAgent))
	}
	g, err := DecodeGrant(answer)
	switch {
	case err != nil:
		return nil, fail(err, false)
	case g.Refusal != nil:
		return nil, fail(&RefusedError{*g.Refusal}, g.Refusal.Removed || g.Refusal.Code == RefusedBoot || g.Refusal.Code == RefusedReader)
	case g.Boot != at.boot || g.Card != at.card || g.Counter == 0 || g.Counter <= r.Counter || g.TTL == 0:
		return nil, fail(errForeign, false)
	}
	if key, err = secret.Key(g.Public, g.Boot, at.reader, g.Counter); err != nil {
		return nil, fail(err, false)
	}
	if !key.Verify(FromAgent, answer) {
		return nil, fail(errForeign, false)
	}
	h := &holding{client: c, spot: at, grant: g, key: key, until: from.Add(ms(g.TTL)), cut: make(chan struct{}, 1)}
	h.atr, _ = hex.DecodeString(g.ATR)
	h.ctx, h.end = context.WithCancelCause(context.Background())
	go h.renew()
	return h, nil
}

var errForeign = errors.New("the answer is of somebody else, or of another request")

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// takeBack gives a lease back that may have been granted, when nobody listened any more.
func (c *Client) takeBack(at *spot, id string) {
	r := &LeaseRequest{Op: Release, Boot: at.boot, Card: at.card, ID: id}
	if m, err := r.Encode(nil); err == nil {
		_ = c.conn.Publish(c.subject.Lease(at.agent, at.reader), m)
	}
}

// renew keeps the lease until it ends.
func (h *holding) renew() {
	status := h.client.conn.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	defer h.client.conn.RemoveStatusListener(status)
	every := ms(h.grant.TTL) / 3
	next := time.NewTimer(every)
	defer next.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case s := <-status:
			select {
			case h.cut <- struct{}{}:
			default:
			}
			if s == nats.CLOSED {
				h.end(ErrLease)
				return
			}
		case <-next.C:
			if err := h.renewOnce(); err != nil {
				h.end(err)
				return
			}
			if h.sure() {
				next.Reset(every)
			} else {
				h.end(ErrLease)
				return
			}
		}
	}
}

// sure reports whether the lease is ours, by our clock.
func (h *holding) sure() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return time.Now().Before(h.until)
}

// renewOnce returns an error if the lease is over. While nobody answers it may go on.
func (h *holding) renewOnce() error {
	h.renewals++
	m, err := (&LeaseRequest{Op: Renew, Boot: h.grant.Boot, Card: h.grant.Card, Counter: h.grant.Counter, Number: h.renewals}).Encode(h.key)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(h.ctx, min(renewing, ms(h.grant.TTL)/3))
	defer cancel()
	from := time.Now()
	answer, _, err := h.client.request(ctx, h.client.subject.Lease(h.spot.agent, h.spot.reader), m)
	if err != nil {
		return nil
	}
	g, err := DecodeGrant(answer)
	signed := h.key.Verify(FromAgent, answer)
	switch {
	case err != nil, g.Boot != h.grant.Boot && (g.Refusal == nil || g.Refusal.Code != RefusedBoot):
		return nil
	case g.Refusal != nil && (signed || g.Refusal.Code == RefusedBoot || g.Refusal.Code == RefusedLease || g.Refusal.Code == RefusedReader):
		return &RefusedError{*g.Refusal}
	case g.Refusal == nil && signed && g.Counter == h.grant.Counter && g.Number == h.renewals:
		h.mu.Lock()
		h.until = from.Add(ms(g.TTL))
		h.mu.Unlock()
	}
	return nil
}

// release gives the lease back; with wait it returns when the card is reset, or soon.
func (h *holding) release(wait bool) {
	m, err := (&LeaseRequest{Op: Release, Boot: h.grant.Boot, Card: h.grant.Card, Counter: h.grant.Counter}).Encode(h.key)
	if err != nil {
		return
	}
	subject := h.client.subject.Lease(h.spot.agent, h.spot.reader)
	if !wait {
		if h.client.conn.IsConnected() {
			_ = h.client.conn.Publish(subject, m)
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releasing)
	defer cancel()
	_, _, _ = h.client.request(ctx, subject, m)
}
