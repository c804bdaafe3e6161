package desfire

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// KeepState is what Keep is doing.
type KeepState uint8

// States of Keep.
const (
	KeepWaiting   KeepState = iota + 1 // no card yet
	KeepHolding                        // the card is here and steps run
	KeepLost                           // the card is gone; waiting for it to return
	KeepBack                           // the same card is here again
	KeepOther                          // another card was presented and left alone
	KeepRetrying                       // the link failed, the card is still there: connecting anew
	KeepNoService                      // reader or service lost; waiting
	KeepDone                           // the step said done
)

func (s KeepState) String() string {
	names := [...]string{"", "waiting", "holding", "lost", "back", "other", "retrying", "no-service", "done"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}

// KeepChange is one change of state.
type KeepChange struct {
	State  KeepState
	Card   *Card  // the card, in states that have one; do not use it, only name it
	ID     string // what identifies the card that is kept
	Reader string
	Err    error // why, for KeepLost, KeepOther, KeepRetrying, KeepNoService
}

// KeepConfig adjusts Keep. The zero value, and nil, are sensible.
type KeepConfig struct {
	Config *Config

	// Every is the interval from the start of one step to the next. 0 means
	// one after the other.
	Every time.Duration

	// Accept decides whether a presented card is the kind of card to keep; nil
	// takes the first one. An error explains why not, and Keep waits for
	// another card, unless the error is a GiveUp, which ends Keep.
	Accept func(ctx context.Context, card *Card) error

	// Identify tells what makes the card recognisable. nil takes the UID that
	// GetVersion tells, which a card with a random identifier does not have.
	Identify func(ctx context.Context, card *Card) (string, error)

	// OnChange is called on every change of state, by the goroutine of Keep.
	OnChange func(KeepChange)

	// After is the clock, time.After if nil.
	After func(time.Duration) <-chan time.Time
}

// Step is one step of Keep. It works on the card from SelectApplication on and
// says whether all is done. It is called again after every loss, so it must find
// out for itself what an earlier step achieved.
type Step func(ctx context.Context, card *Card) (done bool, err error)

// A card that stays on the reader but fails is tried anew, at first at once.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = time.Second
)

// Keep holds on to one card and calls step at an interval until it is done.
// When the card, the reader or the service is lost, it waits, proves that what
// returns is the same card, and goes on.
//
// An error of a step that came from a broken link, from an answer that cannot
// be trusted, or that leaves open what happened, counts as a loss. If such an
// error carries a status, which may have been forged, it counts as a loss once
// for as long as the card lies there. Any other error of a step ends Keep with
// that error, and so does the second such status. The end of ctx ends Keep with
// ctx's error. When Keep returns, the source is no longer in use.
func Keep(ctx context.Context, source Source, conf *KeepConfig, step Step) error {
	k := &keeper{step: step}
	if conf != nil {
		k.conf = *conf
	}
	if k.conf.Identify == nil {
		k.conf.Identify = identifyByUID
	}
	if k.conf.After == nil {
		k.conf.After = time.After
	}
	k.conf.Config = k.conf.Config.sharing()
	q := watch(ctx, source)
	defer q.stop()
	k.report(KeepChange{State: KeepWaiting})
	for {
		it, ok := q.next(ctx)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !ok:
			return q.end
		case it.err != nil:
			k.report(KeepChange{State: KeepNoService, ID: k.id, Reader: it.ev.Reader, Err: it.err})
		case it.card != nil:
			if done, err := k.hold(ctx, it.card); done || err != nil {
				return err
			}
		}
	}
}

func identifyByUID(_ context.Context, card *Card) (string, error) {
	if uid := card.UID(); uid != nil {
		return fmt.Sprintf("%X", uid), nil
	}
	return "", errNoIdentity
}

type keeper struct {
	conf KeepConfig
	step Step
	id   string // the card that is kept, once there is one
	kept bool
	last *presented // where it was held last
}

func (k *keeper) report(c KeepChange) {
	if k.conf.OnChange != nil {
		k.conf.OnChange(c)
	}
}

// hold works with one presented card until it is done, lost, or not ours.
func (k *keeper) hold(ctx context.Context, p *presented) (done bool, err error) {
	wait := firstRetry
	for {
		progress, done, err := k.attempt(ctx, p)
		switch {
		case err == nil:
			return done, nil
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		}
		if progress {
			wait = firstRetry
		}
		var final *stepError
		var giveUp *GiveUp
		switch {
		case errors.As(err, &giveUp):
			return false, giveUp.Err
		case errors.As(err, &final):
			return false, final.err
		case errors.As(err, new(*CommandError)):
			if p.refusals++; p.refusals > 1 {
				return false, err
			}
		}
		if p.ctx.Err() != nil {
			k.report(KeepChange{State: KeepLost, ID: k.id, Reader: p.ev.Reader, Err: err})
			return false, nil
		}
		// The card may still lie there: a reset by another program, a weak
		// field. Give a removal the time to be noticed.
		k.report(KeepChange{State: KeepRetrying, ID: k.id, Reader: p.ev.Reader, Err: err})
		select {
		case <-p.ctx.Done():
			if ctx.Err() != nil {
				return false, context.Cause(ctx)
			}
			k.report(KeepChange{State: KeepLost, ID: k.id, Reader: p.ev.Reader, Err: err})
			return false, nil
		case <-k.conf.After(wait):
			wait = min(2*wait, lastRetry)
		}
	}
}

// GiveUp is an error of Accept, Identify or a Step that ends Keep with Err.
type GiveUp struct{ Err error }

func (e *GiveUp) Error() string { return e.Err.Error() }

// Unwrap returns why.
func (e *GiveUp) Unwrap() error { return e.Err }

// stepError is an error that ends Keep.
type stepError struct{ err error }

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// attempt connects once and runs steps until something ends it. progress tells
// that at least one step succeeded.
func (k *keeper) attempt(ctx context.Context, p *presented) (progress, done bool, err error) {
	card, err := p.connect(k.conf.Config)
	if err != nil {
		if errors.As(err, new(*NotDESFireError)) || p.refusals > 0 && errors.As(err, new(*CommandError)) {
			k.report(KeepChange{State: KeepOther, ID: k.id, Reader: p.ev.Reader, Err: err})
			return false, false, nil
		}
		return false, false, err
	}
	defer card.Close()
	ours, err := k.recognise(p.ctx, card, p)
	if err != nil || !ours {
		return false, false, err
	}
	for {
		next := k.conf.After(k.conf.Every)
		done, err := k.step(p.ctx, card)
		switch {
		case done && err == nil:
			k.report(KeepChange{State: KeepDone, Card: card, ID: k.id, Reader: p.ev.Reader})
			return true, true, nil
		case err != nil:
			if p.ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return progress, false, errRemoved // the step noticed it first
			}
			return progress, false, stepOutcome(err)
		}
		progress = true
		if k.conf.Every <= 0 {
			if p.ctx.Err() != nil {
				return progress, false, context.Cause(p.ctx)
			}
			continue
		}
		select {
		case <-next:
		case <-p.ctx.Done():
			return progress, false, errRemoved
		}
	}
}

var errRemoved = errors.New("desfire: the card was removed")

// stepOutcome tells errors that a return of the card can mend from those that
// end the job.
func stepOutcome(err error) error {
	if Lost(err) {
		return err
	}
	return &stepError{err}
}

// Lost reports whether the card may give another answer when it is back: the
// link broke, an answer cannot be trusted, or what happened is open. Keep counts
// such an error of a step as a loss. It is not SafeToRetry: a step finds out
// for itself what was done.
func Lost(err error) bool {
	return errors.As(err, new(*OutcomeUnknownError)) || errors.As(err, new(*TransportError)) ||
		errors.As(err, new(*IntegrityError)) || errors.As(err, new(*BrokenError)) || errors.Is(err, ErrClosed)
}

// mayMend reports whether it is worth while to connect anew to a card that is
// not recognised yet: not where it refuses what it refused before.
func mayMend(err error, p *presented) bool {
	return Lost(err) && (p.refusals == 0 || !errors.As(err, new(*CommandError)))
}

// recognise decides whether card is the one to keep.
func (k *keeper) recognise(ctx context.Context, card *Card, p *presented) (bool, error) {
	if !k.kept && k.conf.Accept != nil {
		if err := k.conf.Accept(ctx, card); err != nil {
			if mayMend(err, p) || errors.As(err, new(*GiveUp)) {
				return false, err
			}
			k.report(KeepChange{State: KeepOther, Card: card, Reader: p.ev.Reader, Err: err})
			return false, nil
		}
	}
	id, err := k.conf.Identify(ctx, card)
	switch {
	case errors.Is(err, errNoIdentity) && (!k.kept || k.last == p):
		// As long as it stays it is the same card. Should it leave, nothing
		// can prove that what returns is it.
		id = k.id
	case err != nil && (mayMend(err, p) || errors.As(err, new(*GiveUp))):
		return false, err
	case err != nil:
		k.report(KeepChange{State: KeepOther, Card: card, ID: k.id, Reader: p.ev.Reader, Err: err})
		return false, nil
	case k.kept && id != k.id:
		k.report(KeepChange{State: KeepOther, Card: card, ID: k.id, Reader: p.ev.Reader,
			Err: fmt.Errorf("desfire: this is card %s, not %s", id, k.id)})
		return false, nil
	}
	state := KeepHolding
	if k.kept {
		state = KeepBack
	}
	k.id, k.kept, k.last = id, true, p
	k.report(KeepChange{State: state, Card: card, ID: id, Reader: p.ev.Reader})
	return true, nil
}
