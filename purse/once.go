package purse

import (
	"context"

	"github.com/go-desfire/desfire"
)

// Once makes one change, whatever happens to the card meanwhile. Its Step is for
// desfire.Keep, with Loose.Find to accept a card.
type Once struct {
	Purse  *Loose
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
	if _, err := p.Try(look.Value, o.Change); err != nil {
		return false, err
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

// Try is what the value would be after a change, within the limits that Find has
// found; a *LimitError if it is not. How much LimitedCredit may give back is not
// looked at.
func (p *Loose) Try(value int32, c Change) (after int32, err error) {
	switch after := c.After(value); {
	case after < int64(p.Lower):
		return 0, &LimitError{c, value, p.Lower}
	case after > int64(p.Upper):
		return 0, &LimitError{c, value, p.Upper}
	default:
		return int32(after), nil
	}
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
