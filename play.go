package desfire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/wire"
)

// play sends a script and then runs its commands, whose frames meet the answers that came. It
// returns how many are done: fewer than the script has steps if an answer stopped it that
// is no failure, as the first frame of a long answer does.
func (c *Card) play(ctx context.Context, s *Script, q []queued) (done int, err error) {
	q = q[:len(s.Steps)]
	p, err := c.give(ctx, s, q)
	if err != nil {
		*q[0].err = err
		skip(q[1:], err)
		return 0, err
	}
	if p == nil { // the transport carries no scripts after all
		return 0, nil
	}
	c.link.T = p
	defer func() { c.link.T = c.t }()
	kept := context.WithoutCancel(ctx) // what was sent is looked at
	for i := range q {
		x := &q[i]
		p.asked = false
		if changes(q[i+1 : max(i+1, p.left)]) {
			c.state.changed = true
		}
		err := c.runQueued(kept, x)
		if err != nil {
			if !p.asked {
				*x.err = c.unseen(x, err)
			}
			return i, c.behind(q, i, p.left)
		}
		if p.err == nil && p.next == len(p.answers) {
			return i + 1, nil
		}
	}
	return len(q), nil
}

// give sends a script; nil if the transport carries none.
func (c *Card) give(ctx context.Context, s *Script, q []queued) (*played, error) {
	var timeout time.Duration
	soils := false
	for i := range q {
		timeout += c.timeout(q[i].cmd.Spec())
		soils = soils || q[i].soils
	}
	if soils {
		if err := c.soil(); err != nil {
			return nil, err
		}
	}
	p, err := c.giveIn(ctx, timeout, s)
	if p == nil && err == nil {
		c.noScripts = true
	}
	return p, err
}

// giveIn is give within a time.
func (c *Card) giveIn(ctx context.Context, timeout time.Duration, s *Script) (*played, error) {
	within, err := c.clock.start(ctx, timeout, c.conf.ExchangeTimeout > 0)
	if err != nil {
		return nil, &TransportError{Command: "script", Err: notSent{err}, Changed: c.state.changed}
	}
	defer c.clock.stop()
	began := time.Now()
	answers, err := PassScript(within, c.t, s)
	if len(answers) == 0 && errors.Is(err, errors.ErrUnsupported) {
		return nil, nil
	}
	c.spent = time.Since(began)
	p := &played{t: c.t, ctx: ctx, steps: s.Steps, answers: answers, left: len(s.Steps)}
	switch {
	case err == nil:
	case len(answers) == 0 && !sent(err):
		p.err, p.left = blame(within, err), 0
	default:
		// Frames have left: how many, whoever is at the other end may say what he likes.
		p.err = mayBeSent{blame(within, err)}
	}
	return p, nil
}

// mayBeSent marks an error of a frame of a script that was given away.
type mayBeSent struct{ error }

func (mayBeSent) Sent() bool      { return true }
func (e mayBeSent) Unwrap() error { return e.error }

// changes reports whether one of the commands changes the card at once, or commits.
func changes(q []queued) bool {
	for i := range q {
		if q[i].changes() {
			return true
		}
	}
	return false
}

func (x *queued) changes() bool {
	return failure{effect: x.cmd.Spec().EffectOn(x.ftype), whole: true}.done()
}

// unseen is the error of a command that was sent, and whose answer was not looked at since
// the Card was closed meanwhile.
func (c *Card) unseen(x *queued, err error) error {
	spec := x.cmd.Spec()
	f := failure{command: spec.Name, effect: spec.EffectOn(x.ftype), whole: true, changed: c.state.changed}
	c.state.forget(spec.Name + " was sent, and its answer not looked at")
	return f.classify(err)
}

// behind judges what was given away behind the command that failed, of which no answer
// proves anything, and returns the error of the whole.
func (c *Card) behind(q []queued, failed, left int) error {
	why := *q[failed].err
	out := why
	open := errors.As(why, new(*OutcomeUnknownError))
	here := c.state.place
	for i := failed + 1; i < len(q); i++ {
		x := &q[i]
		spec := x.cmd.Spec()
		if i >= left {
			*x.err = &SkippedError{Command: spec.Name, Err: why}
			continue
		}
		c.state.place = x.place
		c.outdate(x.cmd)
		if x.pending && (mayPend(x.cmd, x.ftype) || spec.EffectOn(x.ftype) == wire.EffectCommit) {
			c.state.pending = false
			c.state.unsettled = fmt.Sprintf("%s was given to the transport behind %s, which failed: a change may still be pending", spec.Name, q[failed].cmd.Spec().Name)
		}
		if !x.changes() {
			*x.err = &SkippedError{Command: spec.Name, Err: why, given: true}
			continue
		}
		*x.err = &OutcomeUnknownError{Command: spec.Name, Err: why}
		if !open {
			open, out = true, *x.err
		}
	}
	c.state.place = here
	return out
}

// played is a transport while the commands of a script that was sent are run: it gives
// them the answers that came. What they send besides, such as the call for the next frame of
// an answer, goes to the transport itself.
type played struct {
	t       Transport
	ctx     context.Context // of the caller
	steps   []ScriptStep
	answers [][]byte
	next    int
	err     error // about step len(answers)
	left    int   // how many steps may have left
	asked   bool  // the command that is run has sent its frame
}

func (p *played) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	p.asked = true
	switch n := p.next; {
	case n < len(p.answers) && bytes.Equal(command, p.steps[n].Command):
		p.next++
		return p.answers[n], nil
	case n < len(p.answers):
		return nil, errors.New("another frame was to be sent than the script had")
	case p.err != nil:
		return nil, p.err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.ctx, func() { cancel(context.Cause(p.ctx)) })()
	if p.ctx.Err() != nil {
		return nil, notSent{p.ctx.Err()}
	}
	return p.t.Transmit(ctx, command)
}
