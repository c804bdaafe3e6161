package desfire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// KeyChange is a change of one key that survives a lost card.
type KeyChange struct {
	App AID
	// Name is the DF name of the application where cards select by name only,
	// DESFire Light and NTAG 424 DNA; App is zero then. Nil is the name that
	// they are delivered with.
	Name []byte
	No   KeyNo
	Old  key.Key // what the card holds now
	New  key.Key

	// OldRef and NewRef say where the keys come from, for the journal: the name
	// of a file or a variable, never the key.
	OldRef, NewRef string

	// With is the key that authenticates the change, where the settings name
	// another one than the key itself: often the master key, number 0.
	With   key.Key
	WithNo KeyNo

	// Journal gets an entry before the card is touched and another when the
	// outcome is known. It is required: without one, a card that is lost in
	// the middle leaves nobody knowing which key it holds.
	Journal KeyJournal

	// Budget is how many failed authentications finding out may cost. EV3 and
	// DESFire Light can count them. 0 means 1.
	Budget int

	// DryRun stops before the change; OnStep tells what was found.
	DryRun bool

	// Force goes on where the change would freeze or lock something.
	Force bool

	// OnStep, if there is one, is told each step that is done.
	OnStep func(KeyStep)
}

// KeyStep is a step of ChangeKeySafely.
type KeyStep uint8

// Steps, in their order. A change has either the first or the second one.
const (
	KeyFoundOld KeyStep = iota + 1
	KeyFoundNew
	KeyMayChange
	KeyBegun
	KeyChanged
	KeyProved
)

func (s KeyStep) String() string {
	if s < KeyFoundOld || s > KeyProved {
		return fmt.Sprintf("KeyStep(%d)", uint8(s))
	}
	return [...]string{
		"the card holds the old key",
		"the card holds the new key already",
		"the session that changes keys is open",
		"the journal is written",
		"the card accepted the change",
		"the new key is proved",
	}[s-1]
}

func (kc *KeyChange) step(s KeyStep) {
	if kc.OnStep != nil {
		kc.OnStep(s)
	}
}

// ChangeKeySafely changes a key so that at every moment it can be found out
// which key the card holds: it proves the old key, writes the journal,
// changes, proves the new key and reads its version. A journal entry stays at
// "begun" only if this program dies; FindKey then tells where the card is.
//
// If the card is lost in the middle, present it again and call FindKey, or
// ChangeKeySafely again: it finds out first.
func (c *Card) ChangeKeySafely(ctx context.Context, kc *KeyChange) error {
	if err := kc.check(); err != nil {
		return err
	}
	risks, err := c.KeyChangeRisks(ctx, kc)
	if err != nil {
		return err
	}
	if len(risks) > 0 && !kc.Force {
		return &RiskError{risks}
	}
	isNew, err := c.findKey(ctx, kc)
	if err != nil {
		return err
	}
	if isNew {
		kc.step(KeyFoundNew)
		if kc.DryRun {
			return nil
		}
		return c.settle(ctx, kc, c.cardID(ctx), KeyChangeDone, nil)
	}
	kc.step(KeyFoundOld)
	if kc.With != nil {
		if err := c.authenticateForChange(ctx, kc, kc.WithNo, kc.With); err != nil {
			return fmt.Errorf("desfire: the key that is to authenticate the change: %w", err)
		}
		kc.step(KeyMayChange)
	}
	if kc.DryRun {
		return nil
	}
	return c.changeProved(ctx, kc)
}

// changeProved changes a key in a session that may do it.
func (c *Card) changeProved(ctx context.Context, kc *KeyChange) error {
	id := c.cardID(ctx)
	if _, ok := c.Session(); !ok { // the card would not tell its identifier
		no, k := kc.No, kc.Old
		if kc.With != nil {
			no, k = kc.WithNo, kc.With
		}
		if err := c.authenticateForChange(ctx, kc, no, k); err != nil {
			return err
		}
	}
	if err := c.record(ctx, kc, id, KeyChangeBegun); err != nil {
		return fmt.Errorf("desfire: nothing was changed: the journal cannot be written: %w", err)
	}
	kc.step(KeyBegun)
	var old key.Key
	if kc.With != nil {
		old = kc.Old
	}
	err := c.ChangeKey(ctx, kc.No, kc.New, old)
	var unknown *OutcomeUnknownError
	switch {
	case errors.As(err, &unknown):
		return c.settle(ctx, kc, id, KeyChangeUncertain, err)
	case err != nil:
		return c.settle(ctx, kc, id, KeyChangeUndone, err)
	}
	kc.step(KeyChanged)
	if err := c.proveKey(ctx, kc, kc.New); err != nil {
		return c.settle(ctx, kc, id, KeyChangeUncertain, fmt.Errorf("desfire: the card accepted the change, yet the new key could not be proved: %w", err))
	}
	kc.step(KeyProved)
	err = nil
	if v, e := c.KeyVersion(ctx, kc.No); e == nil && v != kc.New.Version() {
		err = fmt.Errorf("desfire: the key was changed and proved, yet the card says that it has version %02X and not %02X", v, kc.New.Version())
	}
	return c.settle(ctx, kc, id, KeyChangeDone, err)
}

// FindKey tells which of the two keys of a change the card holds, kc.Old or
// kc.New, and leaves a session with it. The key version, which is free to read,
// says which to try first; at most kc.Budget attempts may fail, and a
// *BudgetError says that they were not enough.
func (c *Card) FindKey(ctx context.Context, kc *KeyChange) (key.Key, error) {
	if kc.Old == nil || kc.New == nil {
		return nil, &ArgumentError{"FindKey", errors.New("both the old and the new key are needed")}
	}
	isNew, err := c.findKey(ctx, kc)
	switch {
	case err != nil:
		return nil, err
	case isNew:
		return kc.New, nil
	}
	return kc.Old, nil
}

func (c *Card) findKey(ctx context.Context, kc *KeyChange) (isNew bool, err error) {
	if err := c.selectFor(ctx, kc); err != nil {
		return false, err
	}
	order := [...]bool{false, true}
	var refused *CommandError
	switch v, err := c.KeyVersion(ctx, kc.No); {
	case err == nil && v == kc.New.Version() && v != kc.Old.Version():
		order = [...]bool{true, false}
	case err != nil && !errors.As(err, &refused):
		return false, err
	}
	budget := max(kc.Budget, 1)
	for i, isNew := range order {
		k, other := kc.Old, kc.New
		if isNew {
			k, other = other, k
		}
		err := c.proveKey(ctx, kc, k)
		switch {
		case err == nil:
			return isNew, nil
		case !isOtherKey(err):
			return false, err
		case i == 0 && budget < 2:
			return false, &BudgetError{Budget: budget, Tried: key.String(k), Other: key.String(other), Err: err}
		}
	}
	return false, fmt.Errorf("desfire: key %d of %s is neither (%s) nor (%s): %w", kc.No, kc.where(), key.String(kc.Old), key.String(kc.New), wire.StatusAuthenticationError)
}

// isOtherKey reports whether an authentication failed because the card holds
// another key or, the challenge then has another length, one of another type.
func isOtherKey(err error) bool {
	return errors.Is(err, wire.StatusAuthenticationError) || errors.Is(err, wire.StatusIllegalCommand) || errors.As(err, new(*ArgumentError))
}

// proveKey authenticates with the key itself.
func (c *Card) proveKey(ctx context.Context, kc *KeyChange, k key.Key) error {
	return c.authenticateForChange(ctx, kc, kc.No, k)
}

// authenticateForChange opens a session that can carry the change: the type of
// the PICC master key cannot change in an EV2 session (command reference 7.3).
func (c *Card) authenticateForChange(ctx context.Context, kc *KeyChange, no KeyNo, k key.Key) error {
	method := c.strongest(k.Type())
	if method == key.MethodEV2First && kc.masterOfCard() && kc.Old.Type().Wire() != kc.New.Type().Wire() && c.gen.Has(wire.FeatureEV1Auth) {
		method = key.MethodAES
	}
	return c.AuthenticateWith(ctx, method, no, k)
}

// masterOfCard reports whether the PICC master key changes.
func (kc *KeyChange) masterOfCard() bool { return kc.App == wire.PICC && kc.Name == nil && kc.No == 0 }

// where names the level of the key.
func (kc *KeyChange) where() string {
	switch {
	case kc.Name != nil:
		return fmt.Sprintf("application %X", kc.Name)
	case kc.App == wire.PICC:
		return "the card"
	}
	return "application " + kc.App.String()
}

// dfName is the DF name that selects where the key is, nil where App does.
func (c *Card) dfName(kc *KeyChange) []byte {
	switch {
	case kc.Name != nil || kc.App != wire.PICC:
		return kc.Name
	case c.gen == wire.Light:
		return wire.LightName[:]
	case c.gen == wire.NTAG424:
		return wire.NDEFName[:]
	}
	return nil
}

// selectFor selects where the key is.
func (c *Card) selectFor(ctx context.Context, kc *KeyChange) error {
	name := c.dfName(kc)
	if name == nil {
		return c.SelectApplication(ctx, kc.App)
	}
	_, err := Do(ctx, c, &wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectNoData})
	return err
}

// cardID is what the journal calls the card. A card with a random identifier
// tells its own in a session; if it refuses, the session is over.
func (c *Card) cardID(ctx context.Context) string {
	if uid := c.UID(); uid != nil {
		return fmt.Sprintf("%X", uid)
	}
	if uid, err := c.CardUID(ctx); err == nil {
		return fmt.Sprintf("%X", uid)
	}
	return ""
}

func (kc *KeyChange) check() error {
	switch {
	case kc.Old == nil || kc.New == nil:
		return &ArgumentError{"ChangeKeySafely", errors.New("both the old and the new key are needed")}
	case kc.Journal == nil && !kc.DryRun:
		return &ArgumentError{"ChangeKeySafely", errors.New("a journal is needed")}
	}
	return nil
}

// record writes an entry into the journal.
func (c *Card) record(ctx context.Context, kc *KeyChange, id, state string) error {
	return kc.Journal.Record(ctx, KeyJournalEntry{
		Time: time.Now().UTC(), Card: id, App: kc.App, Name: fmt.Sprintf("%X", c.dfName(kc)), No: kc.No,
		Old: FactsOf(kc.Old, kc.OldRef), New: FactsOf(kc.New, kc.NewRef), State: state,
	})
}

// settle records the outcome and adds to err, which may be nil, that it could
// not be recorded.
func (c *Card) settle(ctx context.Context, kc *KeyChange, id, state string, err error) error {
	e := c.record(context.WithoutCancel(ctx), kc, id, state)
	switch {
	case e == nil:
		return err
	case err == nil:
		return fmt.Errorf("desfire: the card holds the new key, but the journal does not say so: %w", e)
	}
	return errors.Join(err, fmt.Errorf("desfire: the journal does not say %q: %w", state, e))
}
