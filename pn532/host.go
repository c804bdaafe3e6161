package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// How long the chip may take. A chip acknowledges within 15 ms; a busy machine
// and an adapter on USB need more.
const (
	ackTime    = time.Second
	answerTime = 2 * time.Second // commands that need no card, and activation
	resyncTime = 500 * time.Millisecond
	// idleTime is after how long the chip is woken before a command.
	idleTime = time.Second
	// tries is how often a command is sent whose repetition changes nothing.
	tries = 3
)

// host is this end of a line: it has one command under way at a time.
type host struct {
	line line
	dec  decoder
	out  []byte
	used time.Time // when the chip was last heard

	// lost: a command was given up, or its answer was. What comes next may
	// belong to it.
	lost bool
	// exchanged is the body of the last answer to InDataExchange, to know it
	// again.
	exchanged []byte
	// card: the last command was one for the card, and was answered.
	card bool
	// twice: the chip has taken such a command twice, after its answer. Until the
	// card is activated anew, nobody knows what it has done.
	twice bool
}

// Causes of LineError.Err where bytes went wrong.
var (
	errNoACK       = errors.New("no acknowledgement")
	errNoAnswer    = errors.New("no answer after the acknowledgement")
	errNoFrame     = errors.New("bytes that are no frame")
	errNotAnswered = errors.New("an answer to something else")
	errSyntax      = errors.New("the chip does not know the command")
)

// silence is a wait that ended, as a problem.
type silence struct {
	err    error
	heard  bool // bytes came
	within time.Duration
	saw    error // what the line showed meanwhile, if it can tell
}

func (s *silence) Error() string {
	text := s.err.Error()
	if s.within > 0 {
		text += fmt.Sprintf(" within %v", s.within)
	}
	if s.saw != nil {
		text += "; " + s.saw.Error()
	}
	return text
}
func (s *silence) Unwrap() error { return s.err }

// command sends one command once and waits for its answer's data, which is
// valid until the next. sent says whether any byte may have left.
func (h *host) command(ctx context.Context, wait time.Duration, code byte, data ...[]byte) (answer []byte, sent bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	if time.Since(h.used) > idleTime {
		if err := h.line.wake(ctx); err != nil {
			return nil, false, err
		}
		h.used = time.Now()
	}
	h.leftOver()
	if h.twice && code == cmdInDataExchange {
		return nil, false, &silence{err: ErrTwice, heard: true}
	}
	h.out = appendFrame(h.out[:0], fromHost, code, data...)
	h.lost, h.card = true, false
	if err := h.line.write(ctx, h.out); err != nil {
		return nil, true, err
	}
	if err := h.acknowledged(ctx); err != nil {
		return nil, true, err
	}
	answer, err = h.answer(ctx, wait, code)
	if err != nil && !errors.Is(err, errSyntax) {
		return nil, true, err
	}
	h.lost, h.card = false, code == cmdInDataExchange
	if h.card && h.acknowledgedAgain() {
		return nil, true, &silence{err: ErrTwice, heard: true}
	}
	return answer, true, err
}

// leftOver looks through what came after the last answer, and throws it away. An
// acknowledgement among it is that of a command which the line has doubled: the chip
// has had it twice, and the card perhaps as well.
func (h *host) leftOver() {
	more := h.line.discard()
	if h.card {
		h.dec.feed(more)
		h.twice = h.acknowledgedAgain() || h.twice
	}
	h.dec.reset()
}

// acknowledgedAgain reports whether there is an acknowledgement among what has come.
func (h *host) acknowledgedAgain() bool {
	for {
		f, ok := h.dec.next()
		if !ok || f.kind == frameACK {
			return ok
		}
	}
}

// acknowledged waits for the chip to say that it has the command. An answer
// that comes before is one from earlier.
func (h *host) acknowledged(ctx context.Context) error {
	return h.frames(ctx, ackTime, errNoACK, func(f frame) (bool, error) { return f.kind == frameACK, nil })
}

// answer waits for the answer to a command that was acknowledged. One that
// came broken is asked for again: the chip repeats its last answer upon a NACK
// and executes nothing (user manual, 6.2.1.4).
func (h *host) answer(ctx context.Context, wait time.Duration, code byte) (answer []byte, err error) {
	asked := false
	err = h.frames(ctx, wait, errNoAnswer, func(f frame) (bool, error) {
		switch {
		case f.kind == frameSyntaxError:
			return true, errSyntax
		case f.kind == frameACK: // a new command ends the one before it, whatever the card has done by then
			return true, &silence{err: ErrTwice, heard: true}
		case f.kind == frameBroken && !asked:
			asked = true
			return false, h.line.write(ctx, nackFrame)
		case f.kind != frameInfo || f.body[0] != fromChip || f.body[1] != code+1:
			return false, nil
		case asked && bytes.Equal(f.body, h.exchanged):
			// Perhaps the answer before this one: what was broken may have been noise
			// while the card still worked.
			return true, &silence{errNotAnswered, true, wait, nil}
		}
		answer = f.body[2:]
		if code == cmdInDataExchange {
			h.exchanged = append(h.exchanged[:0], f.body...)
		}
		return true, nil
	})
	return answer, err
}

// frames gives what comes to take, until it is done or the time is over.
func (h *host) frames(ctx context.Context, wait time.Duration, missing error, take func(frame) (done bool, err error)) error {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	heard := false
	for {
		for {
			f, ok := h.dec.next()
			if !ok {
				break
			}
			h.used = time.Now()
			if done, err := take(f); done || err != nil {
				return err
			}
		}
		p, err := h.line.read(limited)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case limited.Err() != nil:
			if h.dec.noise {
				return &silence{errNoFrame, true, wait, nil}
			}
			quiet := &silence{missing, heard, wait, nil}
			if e := (*sawError)(nil); errors.As(err, &e) {
				quiet.saw = e.saw
			}
			return quiet
		case err != nil:
			return err
		}
		heard = heard || len(p) > 0
		h.dec.feed(p)
	}
}

// ask is command for what may be sent again: whatever sets the chip or asks it.
func (h *host) ask(ctx context.Context, wait time.Duration, code byte, data ...[]byte) (answer []byte, err error) {
	for range tries {
		if h.lost {
			if err = h.resync(ctx); err != nil {
				return nil, err
			}
		}
		answer, _, err = h.command(ctx, wait, code, data...)
		if s := (*silence)(nil); err == nil || !errors.As(err, &s) {
			return answer, err
		}
	}
	return nil, err
}

// resync ends whatever the chip does, and finds out where its answers to what
// was given up end: it gives back a number that it was never given before.
func (h *host) resync(ctx context.Context) (err error) {
	for range tries {
		if err = h.line.write(ctx, ackFrame); err != nil { // ends a command (user manual, 6.2.1.3)
			return err
		}
		if err = h.echo(ctx); err == nil {
			h.lost = false
			return nil
		}
		if s := (*silence)(nil); !errors.As(err, &s) {
			return err
		}
		if err := h.line.wake(ctx); err != nil {
			return err
		}
	}
	return err
}

// echo has the chip give back a number.
func (h *host) echo(ctx context.Context) error {
	number := make([]byte, 8)
	for i := range number {
		number[i] = byte(rand.Uint32())
	}
	h.leftOver()
	h.card = false
	h.out = appendFrame(h.out[:0], fromHost, cmdDiagnose, []byte{diagnoseLine}, number)
	if err := h.line.write(ctx, h.out); err != nil {
		return err
	}
	want := append([]byte{fromChip, cmdDiagnose + 1, diagnoseLine}, number...)
	return h.frames(ctx, resyncTime, errNoAnswer, func(f frame) (bool, error) {
		return f.kind == frameInfo && bytes.Equal(f.body, want), nil
	})
}
