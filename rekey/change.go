package rekey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Change is a change of one key that survives a lost card.
type Change struct {
	Place wire.Place // where the key is; zero is the card itself
	No    wire.KeyNo
	Old   key.Key // what the card holds now
	New   key.Key

	// OldSource and NewSource say where the keys come from, for the journal:
	// the name of a file or a variable, never the key.
	OldSource, NewSource string

	// With is the key that authenticates the change, where the settings name
	// another one than the key itself: often the master key, number 0. A Special
	// key always needs one.
	With   key.Key
	WithNo wire.KeyNo

	// Journal gets an entry before the card is touched and another when the
	// outcome is known. It is required: without one, a card that is lost in
	// the middle leaves nobody knowing which key it holds.
	Journal Journal

	// Budget is how many failed authentications finding out may cost, before
	// and after the change together. EV3 and DESFire Light can count them. 0
	// means 1.
	Budget int

	// DryRun stops before the change; OnStep tells what was found.
	DryRun bool

	// Force goes on where the change would freeze or lock something, and where
	// the card does not prove its identifier.
	Force bool

	// OnStep, if there is one, is told each step that is done.
	OnStep func(Step)
}

// Step is a step of Run.
type Step uint8

// Steps, in their order. A change has either the first or the second one, and
// at its end one of the last two, or neither if nothing could be proved.
const (
	FoundOld Step = iota + 1
	FoundNew
	MayChange
	Recorded
	Accepted
	ProvedNew
	ProvedOld
)

func (s Step) String() string {
	if s < FoundOld || s > ProvedOld {
		return fmt.Sprintf("Step(%d)", uint8(s))
	}
	return [...]string{
		"the card holds the old key",
		"the card holds the new key already",
		"the session that changes keys is open",
		"the journal is written",
		"the card accepted the change",
		"the new key is proved",
		"the old key is proved: nothing was changed",
	}[s-1]
}

// Outcome is what became of a change.
type Outcome string

// Outcomes. Done, Undone and InDoubt are in the journal as Changed, Unchanged
// and Unknown.
const (
	Untouched Outcome = ""          // it ended before it was known which key the card holds
	Possible  Outcome = "possible"  // of a dry run: nothing stands in the way
	Already   Outcome = "already"   // the card held the new key before
	Done      Outcome = "changed"   // proved
	Undone    Outcome = "unchanged" // nothing was sent that changes the key, or the old key was proved after it
	InDoubt   Outcome = "unknown"   // the card holds the old or the new key
)

// Run changes a key so that at every moment it can be found out which key the
// card holds: it proves the old key, writes the journal, changes, selects again
// and proves which key is there, whatever the card answered. A journal entry
// stays at Begun only if this program dies.
//
// The outcome is InDoubt where neither key could be proved afterwards: the error
// is then a *desfire.OutcomeUnknownError. Present the card again and call Find,
// or Run again: it finds out first. An error can come with Done as well, when
// the key was changed and proved, yet something else is wrong: it could not be
// recorded, or the card tells another version.
//
// Once the change was sent, the end of ctx no longer stops the finding out.
func Run(ctx context.Context, card *desfire.Card, ch *Change) (Outcome, error) {
	if err := ch.check(); err != nil {
		return Untouched, err
	}
	risks, err := Risks(ctx, card, ch)
	if err != nil {
		return Untouched, err
	}
	if len(risks) > 0 && !ch.Force {
		return Untouched, &RiskError{risks}
	}
	p, err := newProver(card, ch)
	if err != nil {
		return Untouched, err
	}
	if Special(ch.No) {
		return p.runSpecial(ctx)
	}
	isNew, err := p.find(ctx, byVersion)
	if err != nil {
		return Untouched, err
	}
	if isNew {
		ch.step(FoundNew)
	} else {
		ch.step(FoundOld)
	}
	if !ch.DryRun {
		if err := p.identify(ctx); err != nil {
			return undone(isNew), fmt.Errorf("rekey: nothing was changed: %w", err)
		}
	}
	if isNew {
		if ch.DryRun {
			return Already, nil
		}
		return Already, ch.settle(ctx, p.id, Changed, nil)
	}
	if err := p.enter(ctx); err != nil {
		return Undone, err
	}
	if ch.DryRun {
		return Possible, nil
	}
	if err := ch.record(ctx, p.id, Begun); err != nil {
		return Undone, fmt.Errorf("rekey: nothing was changed: the journal cannot be written: %w", err)
	}
	ch.step(Recorded)
	return p.change(ctx)
}

func undone(isNew bool) Outcome {
	if isNew {
		return Already
	}
	return Undone
}

// enter opens the session that changes the key.
func (p *prover) enter(ctx context.Context) error {
	ch := p.ch
	if ch.With != nil {
		if err := p.authenticate(ctx, ch.WithNo, ch.With); err != nil {
			return fmt.Errorf("rekey: the key that is to authenticate the change: %w", err)
		}
		ch.step(MayChange)
		return nil
	}
	if _, ok := p.card.Session(); ok {
		return nil
	}
	// The card would not tell its identifier, and ended the session.
	if err := p.card.Select(ctx, ch.Place); err != nil {
		return err
	}
	return p.authenticate(ctx, ch.No, ch.Old)
}

// change changes the key and proves what came of it.
func (p *prover) change(ctx context.Context) (Outcome, error) {
	var old key.Key
	if p.ch.With != nil {
		old = p.ch.Old
	}
	return p.sent(ctx, old, func(ctx context.Context, said error) (isNew bool, err error) {
		if said == nil {
			return p.proveAgain(ctx, newFirst)
		}
		return p.proveAgain(ctx, byVersion)
	})
}

// sent sends the change, and tells the journal which key the card holds then, as found
// finds out. said is what ChangeKey returned.
func (p *prover) sent(ctx context.Context, old key.Key, found func(ctx context.Context, said error) (isNew bool, err error)) (Outcome, error) {
	ch := p.ch
	said := p.card.ChangeKey(ctx, ch.No, ch.New, old)
	if errors.As(said, new(*desfire.ArgumentError)) { // nothing was sent
		return Undone, ch.settle(ctx, p.id, Unchanged, said)
	}
	if said == nil {
		ch.step(Accepted)
	}
	ctx = context.WithoutCancel(ctx)
	isNew, err := found(ctx, said)
	switch {
	case err != nil:
		return InDoubt, ch.settle(ctx, p.id, Unknown, inDoubt(said, err))
	case !isNew:
		ch.step(ProvedOld)
		return Undone, ch.settle(ctx, p.id, Unchanged, notChanged(said))
	}
	ch.step(ProvedNew)
	return Done, ch.settle(ctx, p.id, Changed, p.checkVersion(ctx))
}

// inDoubt is the error of a change after which no key could be proved. said is
// what ChangeKey returned.
func inDoubt(said, proof error) error {
	err := fmt.Errorf("which key the card holds could not be proved: %w", proof)
	switch {
	case said == nil:
		err = fmt.Errorf("the card accepted the change, yet %w", err)
	default:
		err = fmt.Errorf("%w; %w", said, err)
	}
	if errors.As(said, new(*desfire.OutcomeUnknownError)) {
		return err
	}
	return &desfire.OutcomeUnknownError{Command: "ChangeKey", Err: err}
}

// notChanged is the error of a change after which the old key was proved.
func notChanged(said error) error {
	if said == nil {
		return errors.New("rekey: the card, or somebody in its name, accepted the change, yet it holds the old key: nothing was changed")
	}
	return &UnchangedError{said}
}

// UnchangedError is a change that did not happen: after it, the card proved
// that it holds the old key.
type UnchangedError struct {
	Err error // what ChangeKey returned; it may call the outcome unknown
}

func (e *UnchangedError) Error() string {
	return fmt.Sprintf("rekey: nothing was changed, the card proved the old key: %v", e.Err)
}

// Unwrap returns what the change was answered with.
func (e *UnchangedError) Unwrap() error { return e.Err }

// checkVersion complains about a card that tells another version than that of
// the new key, which is proved.
func (p *prover) checkVersion(ctx context.Context) error {
	want := p.ch.New.Version()
	if v, err := p.card.KeyVersion(ctx, p.ch.No); err == nil && v != want {
		return fmt.Errorf("rekey: the key was changed and proved, yet the card says that it has version %02X and not %02X", v, want)
	}
	return nil
}

func (ch *Change) step(s Step) {
	if ch.OnStep != nil {
		ch.OnStep(s)
	}
}

func (ch *Change) check() error {
	switch {
	case ch.Old == nil || ch.New == nil:
		return errBothKeys
	case ch.Journal == nil && !ch.DryRun:
		return errors.New("rekey: a journal is needed")
	case Special(ch.No):
		if err := ch.checkSpecial(); err != nil {
			return err
		}
	}
	// A key in a safe takes part in no change. Better now than half way.
	change := securemsg.KeyChange{New: ch.New}
	if ch.With != nil {
		change.Old = ch.Old
	}
	var opaque *key.OpaqueError
	if errors.As(change.Check(), &opaque) {
		return fmt.Errorf("rekey: nothing was changed: %w", opaque)
	}
	return nil
}

var errBothKeys = errors.New("rekey: both the old and the new key are needed")

// entry is what the journal gets, for a card by its identifier.
func (ch *Change) entry(id cardID, state State) Entry {
	return Entry{
		Time: time.Now().UTC(), Card: id.uid, App: id.at.AID, Name: fmt.Sprintf("%X", id.at.Name), No: ch.No,
		Old: keystore.FactsOf(ch.Old, ch.OldSource), New: keystore.FactsOf(ch.New, ch.NewSource), State: state,
	}
}

// record writes an entry into the journal.
func (ch *Change) record(ctx context.Context, id cardID, state State) error {
	return ch.Journal.Record(ctx, ch.entry(id, state))
}

// settle records the outcome and adds to err, which may be nil, that it could
// not be recorded.
func (ch *Change) settle(ctx context.Context, id cardID, state State, err error) error {
	e := ch.record(context.WithoutCancel(ctx), id, state)
	switch {
	case e == nil:
		return err
	case err == nil:
		return fmt.Errorf("rekey: the card holds the new key, but the journal does not say so: %w", e)
	}
	return errors.Join(err, fmt.Errorf("rekey: the journal does not say %q: %w", state, e))
}
