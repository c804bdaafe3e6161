package perso

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
)

// looks is how often Apply looks at the card again after a step that may have
// been done.
const looks = 3

// Apply makes a card what a layout says, as far as it can be: it plans, and does
// the steps. What the plan found impossible is left out; the plan tells. It can
// be repeated from anywhere. An error that ended it is a *StepError.
func Apply(ctx context.Context, card *desfire.Card, layout *Layout, conf *Config) (*Plan, error) {
	p, err := NewPlan(ctx, card, layout, conf)
	if err != nil {
		return nil, err
	}
	return p, p.Apply(ctx, card, conf)
}

// Apply does the steps of a plan, with the configuration that it was made with.
// It looks at the card again, and does what is left to do. A card that is another
// one, or that was changed since the plan was made, is a *WrongCardError and left
// alone. After an error, Apply the plan again when the card is back.
//
// A step whose outcome is unknown is looked up on the card, if it answers.
func (p *Plan) Apply(ctx context.Context, card *desfire.Card, conf *Config) error {
	if p.layout == nil {
		return errNoLayout
	}
	if conf == nil {
		conf = &Config{}
	}
	if err := p.choices.check(conf); err != nil {
		return err
	}
	for look := 1; ; look++ {
		r := newRunner(card, p.layout, conf)
		if err := r.identify(ctx); err != nil {
			return err
		}
		r.prove = true
		if err := p.sameCard(r); err != nil {
			return err
		}
		if err := r.settleJournal(ctx); err != nil {
			return err
		}
		now, err := r.plan(ctx)
		if err != nil {
			return err
		}
		if err := p.holds(now); err != nil {
			return err
		}
		err = p.run(ctx, r, now)
		var transport *desfire.TransportError
		if look < looks && ctx.Err() == nil && errors.As(err, new(*desfire.OutcomeUnknownError)) && !errors.As(err, &transport) {
			continue
		}
		if err != nil {
			return err
		}
		return p.end(&r.conf)
	}
}

// end says that all is done.
func (p *Plan) end(conf *Config) error {
	p.state = planDone
	if conf.Save == nil {
		return nil
	}
	if err := conf.Save(p); err != nil {
		return fmt.Errorf("perso: the plan is carried out, and could not be saved as done: %w", err)
	}
	return nil
}

// sameCard reports whether a plan was made for a card.
func (p *Plan) sameCard(r *runner) error {
	if string(p.UID) != string(r.uid) {
		return &WrongCardError{Want: hexText(p.UID), Is: r.uid.String()}
	}
	return nil
}

// holds reports whether a plan still holds for a card, which now is one for. Where it
// was begun, what its steps change may have moved, and nothing but its own steps is
// left.
func (p *Plan) holds(now *Plan) error {
	moved := func(reason string) error {
		return &WrongCardError{Want: hexText(p.UID), Is: hexText(p.UID), Reason: reason}
	}
	mayMove := func(w Where) bool {
		return p.state != planNew && slices.ContainsFunc(p.Steps, func(s Step) bool { return s.moves(w) })
	}
	if words := movedParts(p.parts, now.parts, mayMove); len(words) > 0 {
		return moved("the structure of the card has changed since it was made: " + strings.Join(words, ", "))
	}
	if p.state == planNew && p.Structure != now.Structure {
		return moved("the structure of the card has changed since it was made: its applications or files stand in another order")
	}
	for i := range now.Steps {
		s := &now.Steps[i]
		if !slices.ContainsFunc(p.Steps, func(o Step) bool { return s.same(&o) }) {
			return moved("it did not have to " + s.Words)
		}
	}
	return nil
}

// begin says that anything may be done from now on.
func (p *Plan) begin(conf *Config) error {
	if p.state != planNew {
		return nil
	}
	p.state = planBegun
	if conf.Save == nil {
		return nil
	}
	if err := conf.Save(p); err != nil {
		p.state = planNew
		return fmt.Errorf("perso: nothing was done, since the plan could not be saved as begun: %w", err)
	}
	return nil
}

// run does the steps of now, which is p or what is left of it.
func (p *Plan) run(ctx context.Context, r *runner, now *Plan) error {
	if len(now.Steps) == 0 {
		return nil
	}
	if err := p.begin(&r.conf); err != nil {
		return err
	}
	for i := range now.Steps {
		s := now.Steps[i]
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.conf.OnStep != nil {
			r.conf.OnStep(Progress{s, i + 1, len(now.Steps)})
		}
		if err := s.do(ctx, r); err != nil {
			r.forget()
			return &StepError{s, i + 1, len(now.Steps), err}
		}
	}
	return nil
}
