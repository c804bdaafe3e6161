package gate

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
)

// job is one change at one reader.
type job struct {
	*Gate
	once   purse.Once
	accept func(ctx context.Context, card *desfire.Card) error

	reader, trace, uid string
	known              bool  // whatever others left open on the card was looked at
	why                error // why there is no card, or not the right one
}

// traced is a transport that knows the trace id of the presentation.
type traced interface{ Trace() string }

// run makes the change with the card that source presents. When ctx ends it ends the
// step under way first. A refusal before anything was begun may be forged, or an
// accident: it counts when it came twice.
func (j *job) run(ctx context.Context, source desfire.Source) error {
	err := j.try(ctx, source)
	if errors.As(err, new(*desfire.CommandError)) && j.once.Receipt == nil && j.once.Open() == nil && !errors.As(err, new(*purse.DidNotError)) && !errors.As(err, new(*purse.InDoubtError)) && ctx.Err() == nil {
		j.once = purse.Once{Order: j.once.Order}
		err = j.try(ctx, source)
	}
	return err
}

func (j *job) try(ctx context.Context, source desfire.Source) error {
	j.once.OnSettled = func(r *purse.Receipt) { j.tell(Event{Kind: Settled, Reader: j.reader, Trace: j.trace, Receipt: r}) }
	return j.once.Run(ctx, func(held context.Context, _ desfire.Step) error {
		return desfire.Keep(held, source, &desfire.KeepConfig{Config: j.conf.Card, Accept: j.begin, OnChange: j.changed, After: j.conf.after}, j.step)
	})
}

// begin takes a card, or says why not.
func (j *job) begin(ctx context.Context, card *desfire.Card) error {
	j.reader = card.Reader()
	if t, ok := desfire.Ability[traced](card.Transport()); ok {
		j.trace = t.Trace()
	}
	j.uid = ""
	if uid := card.UID(); uid != nil {
		j.uid = fmt.Sprintf("%X", uid)
	}
	if j.accept != nil {
		if err := j.accept(ctx, card); err != nil {
			return err
		}
	}
	p, err := purse.Open(j.conf.Purse)
	if err != nil {
		return &desfire.GiveUp{Err: err}
	}
	j.once.Purse, j.known = p, false
	return nil
}

func (j *job) changed(c desfire.KeepChange) {
	switch c.State {
	case desfire.KeepLost, desfire.KeepOther, desfire.KeepRetrying, desfire.KeepNoService:
		if j.why = c.Err; c.Reader != "" {
			j.reader = c.Reader
		}
	}
}

func (j *job) step(ctx context.Context, card *desfire.Card) (done bool, err error) {
	if !j.known && j.conf.Foreign != nil && j.uid != "" {
		found, err := j.conf.Foreign(ctx, card, j.once.Purse, j.cardApp(j.uid))
		for _, r := range found {
			j.tell(Event{Kind: Settled, Reader: j.reader, Trace: j.trace, Receipt: r})
		}
		switch {
		case err != nil && (ctx.Err() != nil || desfire.Lost(err)):
			return false, err
		case err != nil:
			j.conf.Logger.Warn("what other gates left open on the card is not settled", "reader", j.reader, "trace", j.trace, "uid", j.uid, "err", err)
		}
	}
	j.known = true
	return j.once.Step(ctx, card)
}

// outcome is what became of the change: a receipt without an error exactly if it
// happened.
func (j *job) outcome(ctx context.Context, err error) (*purse.Receipt, error) {
	var doubt *purse.InDoubtError
	var not *purse.DidNotError
	switch r := j.once.Receipt; {
	case r != nil:
		return r, err // with an error, the journal could not write it
	case errors.As(err, &doubt):
		return doubt.Receipt, err
	case errors.As(err, &not):
		return not.Receipt, err
	}
	e := j.once.Open()
	if e == nil && j.once.Order.ID != "" { // an earlier run may have begun it
		before, failed := j.conf.Purse.Journal.Request(context.WithoutCancel(ctx), j.once.Order.ID)
		if failed == nil && before != nil && before.IsOpen() {
			e = before
		}
	}
	if e != nil {
		r := &purse.Receipt{Entry: *e}
		return r, &purse.InDoubtError{Receipt: r, Err: err}
	}
	return nil, err
}

// kindOf is what an error of a change means for who wants to pass.
func kindOf(err error) Kind {
	switch {
	case err == nil:
		return Paid
	case errors.As(err, new(*purse.InDoubtError)), errors.As(err, new(*purse.OpenEntryError)):
		return Open
	case errors.As(err, new(*purse.DidNotError)), errors.As(err, new(*purse.LimitError)), errors.As(err, new(*purse.BlockedError)), errors.As(err, new(*purse.OtherCardError)):
		return Refused
	case errors.As(err, new(*NoCardError)):
		return Left
	}
	return Failed
}
