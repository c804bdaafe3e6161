package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Card is a card in the field from one activation to the end of it.
//
// It may be an io.Closer (the field is gone) and have ATR() []byte.
// An error of Transmit means that the card is gone, too.
type Card interface {
	Transmit(ctx context.Context, command []byte) (response []byte, err error)
}

// Present puts the card into the field: a new activation.
type Present func(ctx context.Context) (Card, error)

// CardError is what ended a session from the card's side.
type CardError struct{ Err error }

func (e *CardError) Error() string { return "card: " + e.Err.Error() }

// Unwrap gives the card's error.
func (e *CardError) Unwrap() error { return e.Err }

// Session lets the peer of a Conn talk to a card. The card is activated by the
// first thing that needs it, after each power-on and reset anew. The power
// state is not enforced: pcscd talks on after power-off without a power-on.
type Session struct {
	Conn    *Conn
	Present Present

	OnATR      func() // before each answer to reset, if not nil
	OnActivate func() // after each activation, if not nil

	// Enter is called before the first frame, and before each that needs the
	// card; command tells those that are no controls. Leave is called after the
	// answer if Enter did not fail. Both are nil where nobody else has the card.
	Enter func(ctx context.Context, command bool) error
	Leave func()

	spoken bool
	mu     sync.Mutex // guards card against Drop
	card   Card
	atr    []byte
	busy   atomic.Bool  // with a command
	last   atomic.Int64 // when it had a command, nanoseconds of the Unix epoch
}

// Run answers until the peer leaves, which is io.EOF, the card fails, which is
// a *CardError, Enter fails, or ctx ends. It closes the Conn.
func (s *Session) Run(ctx context.Context) error {
	s.Touch()
	defer context.AfterFunc(ctx, func() { s.Conn.Close() })()
	defer s.Conn.Close()
	defer s.Drop()
	var buf []byte
	for {
		frame, err := s.Conn.Read(buf)
		if err == nil {
			buf = frame
			err = s.serve(ctx, frame)
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		default:
			return err
		}
	}
}

func (s *Session) serve(ctx context.Context, frame []byte) error {
	command := !IsControl(frame)
	if s.Enter != nil && (!s.spoken || command || frame[0] == ReadATR && s.atr == nil) {
		s.spoken = true
		if err := s.Enter(ctx, command); err != nil {
			return err
		}
		defer s.Leave()
	}
	s.work(command)
	err := s.answer(ctx, frame)
	s.work(command)
	s.busy.Store(false)
	return err
}

// Idle is how long the card has had no command. Controls are none: whoever
// only asks for the answer to reset does not use the card.
func (s *Session) Idle() time.Duration {
	if s.busy.Load() {
		return 0
	}
	return time.Since(time.Unix(0, s.last.Load()))
}

func (s *Session) work(command bool) {
	if command {
		s.Touch()
		s.busy.Store(true)
	}
}

// Touch makes Idle count from now.
func (s *Session) Touch() { s.last.Store(time.Now().UnixNano()) }

func (s *Session) answer(ctx context.Context, frame []byte) error {
	if IsControl(frame) && frame[0] != ReadATR {
		s.Drop()
		return nil
	}
	response, err := s.respond(ctx, frame)
	if err != nil {
		return &CardError{err}
	}
	if ctx.Err() != nil { // the card was lifted while it worked
		return ctx.Err()
	}
	if len(response) > MaxFrame {
		return &CardError{fmt.Errorf("answer of %d bytes, the limit is %d", len(response), MaxFrame)}
	}
	_, err = s.Conn.Write(response)
	return err
}

func (s *Session) respond(ctx context.Context, frame []byte) ([]byte, error) {
	if !IsControl(frame) {
		if err := s.activate(ctx); err != nil {
			return nil, err
		}
		return s.card.Transmit(ctx, frame)
	}
	if s.OnATR != nil {
		s.OnATR()
	}
	if s.atr == nil { // later ones need no activation: pcscd asks 2.5 times a second
		if err := s.activate(ctx); err != nil {
			return nil, err
		}
	}
	return s.atr, nil
}

func (s *Session) activate(ctx context.Context) error {
	if s.card != nil {
		return nil
	}
	card, err := s.Present(ctx)
	switch {
	case err != nil:
		return err
	case card == nil:
		return errors.New("no card was presented")
	}
	s.mu.Lock()
	s.card = card
	s.mu.Unlock()
	s.atr = DESFireATR()
	if c, ok := card.(interface{ ATR() []byte }); ok {
		if atr := c.ATR(); len(atr) > 0 {
			s.atr = append([]byte(nil), atr...)
		}
	}
	if s.OnActivate != nil {
		s.OnActivate()
	}
	return nil
}

// Drop takes the field away. The next frame that needs the card activates it anew.
func (s *Session) Drop() {
	s.mu.Lock()
	card := s.card
	s.card = nil
	s.mu.Unlock()
	if c, ok := card.(io.Closer); ok {
		c.Close()
	}
}
