package trace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// Transmitter carries frames to a card: a desfire.Transport.
type Transmitter = frame.Transmitter

// RecorderConfig adjusts a Recorder. The zero value is sensible.
type RecorderConfig struct {
	ID      string           // of the recording
	NoTimes bool             // leave out when each exchange was and how long it took
	Observe func(*Exchange)  // called after every exchange, with a copy of what is kept of it; nil for none
	Now     func() time.Time // time.Now if nil
	Limit   int              // exchanges to keep, the first ones; 0 for all, negative for none

	// KeepKeys keeps what carries keys. Whoever has such a recording and the
	// key that was changed away from, a default key perhaps, has the new key.
	KeepKeys bool
}

// Recorder records what passes through transports, one card after the other.
// It cuts what would tell a key, see Recording.Cut.
// Its methods may be called from any goroutine.
type Recorder struct {
	cfg RecorderConfig

	mu    sync.Mutex
	rec   Recording
	cut   cutter
	start time.Time
	reset bool // the next exchange begins a new activation
	left  int  // exchanges beyond the limit
}

// NewRecorder makes a recorder. cfg may be nil.
func NewRecorder(cfg *RecorderConfig) *Recorder {
	r := new(Recorder)
	if cfg != nil {
		r.cfg = *cfg
	}
	if r.cfg.Now == nil {
		r.cfg.Now = time.Now
	}
	r.rec.ID = r.cfg.ID
	return r
}

// Wrap returns the transport to use in place of t, which is a card that was
// just activated. It can do what t can.
func (r *Recorder) Wrap(t Transmitter) Transmitter {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reset = true
	if s, ok := frame.Ability[fmt.Stringer](t); ok {
		r.rec.Card.Reader = s.String()
	}
	if a, ok := frame.Ability[interface{ ATR() []byte }](t); ok {
		r.rec.Card.ATR = append([]byte(nil), a.ATR()...)
	}
	return &recorded{r, t}
}

type recorded struct {
	r *Recorder
	t Transmitter
}

// Unwrap is the recorded transport.
func (t *recorded) Unwrap() Transmitter { return t.t }

// Reconnect activates the card anew, if the recorded transport can.
func (t *recorded) Reconnect(ctx context.Context) error {
	c, ok := t.t.(interface{ Reconnect(context.Context) error })
	if !ok {
		return fmt.Errorf("%v has no Reconnect: %w", t, errors.ErrUnsupported)
	}
	err := c.Reconnect(ctx)
	if err == nil {
		t.r.mu.Lock()
		t.r.reset = true
		t.r.mu.Unlock()
	}
	return err
}

// Transmit passes the command on and records it with its answer.
func (t *recorded) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	e := Exchange{Command: append([]byte(nil), command...)} // the transport may change its buffer
	begin := t.r.cfg.Now()
	response, err := t.t.Transmit(ctx, command)
	e.Response = append([]byte(nil), response...)
	if err != nil {
		e.Failed = err.Error()
	}
	t.r.add(&e, begin, t.r.cfg.Now().Sub(begin))
	return response, err
}

// Script passes a script on, if the recorded transport carries them, and records each
// frame that was answered, and the one where it broke off. How long all took counts for
// the first.
func (t *recorded) Script(ctx context.Context, s *frame.Script) ([][]byte, error) {
	commands := make([][]byte, len(s.Steps))
	for i, step := range s.Steps {
		commands[i] = append([]byte(nil), step.Command...) // the transport may change its buffer
	}
	begin := t.r.cfg.Now()
	answers, err := frame.PassScript(ctx, t.t, s)
	if len(answers) == 0 && errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	took := t.r.cfg.Now().Sub(begin)
	for i, command := range commands {
		e := Exchange{Command: command}
		switch {
		case i < len(answers):
			e.Response = append([]byte(nil), answers[i]...)
		case i == len(answers) && err != nil:
			e.Failed = err.Error()
		default:
			return answers, err
		}
		t.r.add(&e, begin, took)
		begin, took = begin.Add(took), 0
	}
	return answers, err
}

func (r *Recorder) add(e *Exchange, begin time.Time, took time.Duration) {
	r.mu.Lock()
	e.Reset, r.reset = r.reset && len(r.rec.Exchanges)+r.left > 0, false
	if !r.cfg.NoTimes {
		if r.start.IsZero() {
			r.start = begin
		}
		e.At, e.Took = begin.Sub(r.start).Microseconds(), took.Microseconds()
	}
	if f := framingName(e); r.rec.Framing == "" {
		r.rec.Framing = f
	} else if f != r.rec.Framing {
		e.Framing = f
	}
	if !r.cfg.KeepKeys {
		r.cut.cut(e)
	}
	if r.cfg.Limit < 0 || r.cfg.Limit > 0 && len(r.rec.Exchanges) >= r.cfg.Limit {
		r.left++
	} else {
		r.rec.Exchanges = append(r.rec.Exchanges, *e)
	}
	r.mu.Unlock()
	if r.cfg.Observe != nil {
		seen := e.clone() // e is in the recording
		r.cfg.Observe(&seen)
	}
}

func framingName(e *Exchange) string {
	if e.framing("") == wire.FramingNative {
		return Native
	}
	return ISO
}

// String names the recorded transport.
func (t *recorded) String() string {
	if s, ok := frame.Ability[fmt.Stringer](t.t); ok {
		return s.String()
	}
	return fmt.Sprintf("recorded %T", t.t)
}

// Recording is a copy of what was recorded so far, the caller's own.
func (r *Recorder) Recording() *Recording {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.rec.clone()
	if c.Framing == "" {
		c.Framing = ISO
	}
	if r.left > 0 {
		c.Notes = plural(r.left, "further exchange") + " not kept"
	}
	return c
}

// WriteFile writes what was recorded so far, atomically.
func (r *Recorder) WriteFile(name string) error {
	rec := r.Recording()
	if len(rec.Exchanges) == 0 {
		return fmt.Errorf("trace: %s is not written, nothing was exchanged: %w", name, ErrEmpty)
	}
	return rec.WriteFile(name, FormatJSON)
}
