package remote

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/go-desfire/desfire"
)

// Transport is a card on a reader elsewhere, under a lease that is renewed for as long
// as it is open: a desfire.Transport with all that is optional there.
type Transport struct {
	client *Client
	spot   *spot
	busy   atomic.Bool

	mu       sync.Mutex
	closed   bool
	finished error    // why nothing goes until Reconnect
	held     *holding // the last one that we had
}

var _ desfire.Transport = (*Transport)(nil)

// open gets a lease of the card.
func (c *Client) open(ctx context.Context, at *spot) (*Transport, error) {
	h, err := c.acquire(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	return &Transport{client: c, spot: at, held: h}, nil
}

// Transmit sends a command and waits for its answer, which is valid until the next
// call. When ctx ends it returns at once and the connection is finished until Reconnect.
func (t *Transport) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answers, err := t.Script(ctx, &desfire.Script{Steps: []desfire.ScriptStep{{Command: command}}})
	switch {
	case err != nil:
		return nil, err
	case len(answers) != 1:
		return nil, t.fail(errForeign, true)
	}
	return answers[0], nil
}

// Script sends a script in one message, see desfire.Script.
func (t *Transport) Script(ctx context.Context, s *desfire.Script) ([][]byte, error) {
	if !t.busy.CompareAndSwap(false, true) {
		return nil, t.fail(ErrBusy, false)
	}
	defer t.busy.Store(false)
	if err := ctx.Err(); err != nil {
		return nil, t.fail(err, false)
	}
	h, err := t.current()
	if err != nil {
		return nil, t.fail(err, false)
	}
	answers, sent, err := h.script(ctx, s)
	if err != nil {
		removed := false
		var r *RefusedError
		if errors.As(err, &r) {
			removed = r.Refusal.Removed || r.Refusal.Code == RefusedBoot || r.Refusal.Code == RefusedReader
		}
		// Of what was refused at the card's reader, and not sent, another one may go.
		good := sent || removed || r != nil && r.Refusal.Code != RefusedCard
		if t.finish(err, good) {
			err = ErrClosed
		}
		return answers, &Error{Op: "transmit", Reader: t.spot.String(), Err: err, sent: sent, removed: removed}
	}
	return answers, nil
}

func (t *Transport) fail(err error, sent bool) error {
	return &Error{Op: "transmit", Reader: t.spot.String(), Err: err, sent: sent}
}

// current is the lease that commands go under.
func (t *Transport) current() (*holding, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, ErrClosed
	case t.finished != nil:
		return nil, t.finished
	case t.held.ctx.Err() != nil:
		return nil, context.Cause(t.held.ctx)
	case !t.held.sure():
		return nil, ErrLease
	}
	return t.held, nil
}

// finish lets nothing go any more until Reconnect, if it is for good, and reports
// whether the transport was closed.
func (t *Transport) finish(err error, good bool) (closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if good && t.finished == nil {
		t.finished = ErrFinished
		if errors.Is(err, ErrLease) {
			t.finished = err
		}
	}
	return t.closed
}

// script carries one script. sent is about the frame after the last answer.
func (h *holding) script(ctx context.Context, s *desfire.Script) (answers [][]byte, sent bool, err error) {
	if err := CheckScript(s); err != nil {
		return nil, false, err
	}
	h.mu.Lock()
	seq := h.seq + 1
	h.mu.Unlock()
	r := &ScriptRequest{Boot: h.grant.Boot, Counter: h.grant.Counter, Seq: seq, Script: *s}
	m, err := r.Encode(h.key)
	if err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	bounded, stop := context.WithTimeoutCause(ctx, ms(h.grant.Bound)+h.client.pace.late, ErrNoAnswer)
	defer stop()
	defer context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })()
	select {
	case <-h.cut: // an old one
	default:
	}
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-h.cut:
			cancel(ErrCut)
		case <-over:
		}
	}()
	answer, sent, err := h.client.request(bounded, h.client.subject.Transmit(h.spot.agent, h.spot.reader), m)
	if sent {
		h.mu.Lock()
		h.seq = seq
		h.mu.Unlock()
	}
	if err != nil {
		return nil, sent, err
	}
	return h.judge(answer, r)
}

// judge takes an answer apart if it is one to this request.
func (h *holding) judge(message []byte, r *ScriptRequest) (answers [][]byte, sent bool, err error) {
	a, err := DecodeAnswers(message)
	if err != nil {
		return nil, true, err
	}
	if !h.key.Verify(FromAgent, message) {
		// Nobody can vouch for it: whether something was sent is open.
		if a.Refusal != nil {
			return nil, true, &RefusedError{*a.Refusal}
		}
		return nil, true, errForeign
	}
	steps := r.Script.Steps
	if a.Boot != r.Boot || a.Counter != r.Counter || a.Seq != r.Seq || len(a.Frames) > len(steps) ||
		a.Refusal == nil && len(a.Frames) == 0 || a.Refusal != nil && len(a.Frames) == len(steps) {
		return nil, true, errForeign
	}
	for i, f := range a.Frames[:max(0, len(a.Frames)-1)] {
		if !r.Script.GoesOn(i, f) {
			return nil, true, errForeign // it should have stopped there
		}
	}
	if a.Refusal != nil {
		return a.Frames, a.Refusal.Sent, &RefusedError{*a.Refusal}
	}
	if last := len(a.Frames) - 1; last+1 < len(steps) && r.Script.GoesOn(last, a.Frames[last]) {
		return nil, true, errForeign // it should not have
	}
	return a.Frames, true, nil
}

// Reconnect asks for a new activation of the same card, under a lease of its own that
// takes the place of the present one. Nothing that was sent before can reach the card
// any more.
func (t *Transport) Reconnect(ctx context.Context) error {
	if !t.busy.CompareAndSwap(false, true) {
		return &Error{Op: "connect", Reader: t.spot.String(), Err: ErrBusy}
	}
	defer t.busy.Store(false)
	t.mu.Lock()
	old, closed := t.held, t.closed
	if t.finished == nil {
		t.finished = ErrFinished // unless it succeeds
	}
	t.mu.Unlock()
	if closed {
		return &Error{Op: "connect", Reader: t.spot.String(), Err: ErrClosed}
	}
	old.end(ErrFinished)
	h, err := t.client.acquire(ctx, t.spot, old)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		h.end(ErrClosed)
		h.release(false)
		return &Error{Op: "connect", Reader: t.spot.String(), Err: ErrClosed}
	}
	t.held, t.finished = h, nil
	return nil
}

// Close gives the card back, which the agent resets. An exchange that runs ends with
// ErrClosed; where none runs it waits a moment, so that whoever asks next gets the card.
func (t *Transport) Close() error {
	t.mu.Lock()
	closed, h := t.closed, t.held
	t.closed = true
	t.mu.Unlock()
	if closed {
		return nil
	}
	over := errors.Is(context.Cause(h.ctx), ErrLease)
	h.end(ErrClosed)
	if !over {
		h.release(!t.busy.Load())
	}
	return nil
}

// last is the lease that we have, or had.
func (t *Transport) last() *holding {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held
}

// ATR is a copy of the card's answer to reset, as its reader makes it up.
func (t *Transport) ATR() []byte { return bytes.Clone(t.last().atr) }

// Limits are those of the reader where the card lies.
func (t *Transport) Limits() (command, response int, f desfire.Framing) {
	g := t.last().grant
	return g.MaxCommand, g.MaxResponse, framing(g.Framing)
}

// Shared reports whether other programs may use the card at its reader.
func (t *Transport) Shared() bool { return t.last().grant.Shared }

// Trace names this presentation of the card in the logs of all who had to do with it.
func (t *Transport) Trace() string { return t.last().grant.Trace }

func (t *Transport) String() string { return "nats:" + t.spot.String() }
