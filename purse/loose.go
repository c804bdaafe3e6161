package purse

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Kind is a kind of change.
type Kind uint8

// Kinds of change.
const (
	Debit         Kind = iota // take
	Credit                    // add
	LimitedCredit             // give back what the last transaction took
)

func (k Kind) String() string {
	names := [...]string{"Debit", "Credit", "LimitedCredit"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Change is one change of a value.
type Change struct {
	Kind   Kind
	Amount int32 // 1 or more
}

// After is the value that a change makes of another, which may be more than a
// card can hold.
func (c Change) After(before int32) int64 {
	if c.Kind == Debit {
		return int64(before) - int64(c.Amount)
	}
	return int64(before) + int64(c.Amount)
}

// Result is what became of a change that was open.
type Result uint8

// Outcomes.
const (
	Certain Result = iota // nothing was open
	Done
	NotDone
	Unknown // the value is neither the old nor the new one: another program changed it
)

func (o Result) String() string {
	names := [...]string{"certain", "done", "not-done", "unknown"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("Result(%d)", uint8(o))
}

// Pending is a change that was begun and of which it is not certain whether it was
// done. It may be stored.
type Pending struct {
	Change Change
	Before int32 // the value before it
	// Sent: the commit may have reached the card. Refused: the card refused
	// something, as it seems. Without both it is not done, by the policy of
	// honest faults.
	Sent, Refused bool
}

// Doubtful reports whether nobody can say that the change was not done.
func (o *Pending) Doubtful() bool { return o != nil && (o.Sent || o.Refused) }

// Loose is one value file of one card. Whoever uses it sees to it that the card
// is the same each time, as desfire.Keep does. It belongs to one goroutine.
type Loose struct {
	Place wire.Place
	File  wire.FileNo

	// Key opens a session; nil for none.
	Key   key.Key
	KeyNo wire.KeyNo
	// Enter selects Place and authenticates, instead of what Key says. It has to
	// send a selection each time.
	Enter func(ctx context.Context, card *desfire.Card) error
	// BeforeCommit may add to each transaction, CommitReaderID for example.
	BeforeCommit func(ctx context.Context, card *desfire.Card) error

	// Lower and Upper are the limits of the value, once Find was called.
	Lower, Upper int32
	// Settings are those of the file, once Find was called; nil where the card
	// does not tell them.
	Settings *wire.FileSettings
	// Open is the change that the next Look settles; nil if there is none.
	Open *Pending

	refusals int // in a row
}

// Look is what a look at the card found.
type Look struct {
	Value   int32
	Outcome Result   // of the change that was open
	Was     *Pending // that change; nil if there was none
	// Refusal is why a Change was not done.
	Refusal *desfire.CommandError
}

// Find enters the application and sees that the file is a value file. Where
// the card does not show its settings to everybody, the limits are those of any
// value. A missing file is a *NoFileError, another type a *TypeError.
func (p *Loose) Find(ctx context.Context, card *desfire.Card) error {
	p.Lower, p.Upper, p.Settings = 0, math.MaxInt32, nil
	if err := p.enter(ctx, card); err != nil {
		return err
	}
	fs, err := card.FileSettings(ctx, p.File)
	_, session := card.Session()
	switch {
	case errors.Is(err, wire.StatusFileNotFound) || errors.Is(err, wire.StatusParameterError):
		return &NoFileError{p.Place, p.File, err}
	case refused(err) && !session: // a refused change will tell where the limits are
		return p.enter(ctx, card)
	case err != nil:
		return err
	case fs.Type != wire.FileValue:
		return &TypeError{p.Place, p.File, fs.Type}
	}
	p.Lower, p.Upper, p.Settings = fs.Lower, fs.Upper, fs
	return nil
}

// refused reports whether the card is there and says no.
func refused(err error) bool {
	return !desfire.Lost(err) && (errors.As(err, new(*desfire.CommandError)) || errors.Is(err, errors.ErrUnsupported))
}

func (p *Loose) enter(ctx context.Context, card *desfire.Card) error {
	if p.Enter != nil {
		return p.Enter(ctx, card)
	}
	if err := card.Select(ctx, p.Place); err != nil || p.Key == nil {
		return err
	}
	return card.Authenticate(ctx, p.KeyNo, p.Key)
}

// Look enters the application, reads the value and settles what is open. While
// something doubtful is open, a refusal comes as a *desfire.OutcomeUnknownError.
func (p *Loose) Look(ctx context.Context, card *desfire.Card) (Look, error) {
	err := p.enter(ctx, card)
	var value int32
	if err == nil {
		value, err = card.Value(ctx, p.File)
	}
	if err != nil {
		if p.Open.Doubtful() && !desfire.Lost(err) && errors.As(err, new(*desfire.CommandError)) {
			err = &desfire.OutcomeUnknownError{Command: p.Open.Change.Kind.String(), Err: err}
		}
		return Look{}, err
	}
	look := Look{Value: value, Was: p.Open}
	p.Open = nil
	if open := look.Was; open != nil {
		switch {
		case int64(value) == open.Change.After(open.Before):
			look.Outcome = Done
		case !open.Doubtful():
			look.Was = nil
		case value == open.Before:
			look.Outcome = NotDone
		default:
			look.Outcome = Unknown
		}
	}
	return look, nil
}

// Change makes a change and commits it, right after a Look that told the value
// before and left nothing open. If the card seems to refuse, Change looks at it
// again. Without an error the outcome is certain: Done, with a Was if it took
// that second look, or NotDone with a Refusal, or Unknown. With an error
// the change may be open, and the next Look settles it.
func (p *Loose) Change(ctx context.Context, card *desfire.Card, before int32, c Change) (Look, error) {
	after := c.After(before)
	if after < math.MinInt32 || after > math.MaxInt32 || c.Amount <= 0 {
		return Look{}, fmt.Errorf("%v of %d from %d: no value file can hold that", c.Kind, c.Amount, before)
	}
	err := p.change(ctx, card, before, c)
	var refusal *desfire.CommandError
	switch {
	case err == nil:
		p.Open, p.refusals = nil, 0
		return Look{Value: int32(after), Outcome: Done}, nil
	case errors.As(err, new(*desfire.IntegrityError)) || errors.As(err, new(*desfire.TransportError)) || !errors.As(err, &refusal):
		return Look{}, err
	}
	p.Open.Refused = true
	look, err := p.Look(ctx, card)
	if err != nil {
		return Look{}, err
	}
	if look.Refusal = nil; look.Outcome == NotDone {
		look.Refusal = refusal
		p.refusals++
	} else {
		p.refusals = 0
	}
	return look, nil
}

// change sends the change and its commit, and keeps account of what is open.
func (p *Loose) change(ctx context.Context, card *desfire.Card, before int32, c Change) (err error) {
	p.Open = &Pending{Change: c, Before: before}
	switch c.Kind {
	case Credit:
		err = card.Credit(ctx, p.File, c.Amount)
	case LimitedCredit:
		err = card.LimitedCredit(ctx, p.File, c.Amount)
	default:
		err = card.Debit(ctx, p.File, c.Amount)
	}
	switch {
	case err != nil:
	case p.BeforeCommit != nil:
		err = p.BeforeCommit(ctx, card)
	}
	if err == nil {
		if err = card.Commit(ctx); errors.As(err, new(*desfire.OutcomeUnknownError)) {
			p.Open.Sent = true
		}
	}
	if err != nil && !desfire.Lost(err) && !errors.As(err, new(*desfire.CommandError)) {
		_ = card.Abort(ctx) // something was not sent at all; the next selection drops the rest, too
		p.Open = nil
	}
	return err
}

// again reports whether a change that was refused is worth another attempt: a
// refusal that came once may be forged or an accident.
func (p *Loose) again() bool { return p.refusals < 2 }
