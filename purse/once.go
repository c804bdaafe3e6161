package purse

import (
	"context"

	"github.com/go-desfire/desfire"
)

// Once makes one change, whatever happens to the card meanwhile. Its Step is for
// desfire.Keep, with Purse.Find to accept a card.
type Once struct {
	Purse  *Purse
	Change Change

	// OnLook is told what became of a change without an answer. It may be nil.
	OnLook func(Look)

	Before, After int32 // the values, when Step has said done
}

// Step makes the change, or finds out that it was made. A change outside the
// limits is a *LimitError, one of which nothing is known an *UnknownError. A
// refusal is an error when it came twice.
func (o *Once) Step(ctx context.Context, card *desfire.Card) (done bool, err error) {
	p := o.Purse
	look, err := p.Look(ctx, card)
	if err != nil {
		return false, err
	}
	if look.Outcome != Certain {
		if done, err = o.settled(look); done || err != nil {
			return done, err
		}
	}
	switch after := o.Change.After(look.Value); {
	case after < int64(p.Lower):
		return false, &LimitError{o.Change, look.Value, p.Lower}
	case after > int64(p.Upper):
		return false, &LimitError{o.Change, look.Value, p.Upper}
	}
	before := look.Value
	if look, err = p.Change(ctx, card, before, o.Change); err != nil {
		return false, err
	}
	if look.Was == nil {
		o.Before, o.After = before, look.Value
		return true, nil
	}
	if look.Refusal != nil && !p.again() {
		return false, look.Refusal
	}
	return o.settled(look)
}

// settled takes note of what became of a change that was open.
func (o *Once) settled(look Look) (done bool, err error) {
	if o.OnLook != nil && (look.Was.Sent || look.Outcome != NotDone) {
		o.OnLook(look)
	}
	switch look.Outcome {
	case Done:
		o.Before, o.After = look.Was.Before, look.Value
		return true, nil
	case Unknown:
		return false, &UnknownError{*look.Was, look.Value}
	}
	return false, nil
}
