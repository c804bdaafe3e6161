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
	No  KeyNo
	Old key.Key // what the card holds now
	New key.Key

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

	// DryRun stops before the change and tells what was found.
	DryRun bool

	// Force goes on where the change would freeze or lock something.
	Force bool
}

// KeyJournal remembers key changes that have begun. Record returns once the
// entry is safe on disk.
type KeyJournal interface {
	Record(ctx context.Context, e KeyJournalEntry) error
}

// KeyJournalEntry never has key bytes.
type KeyJournalEntry struct {
	Time  time.Time `json:"time"`
	Card  string    `json:"card"` // UID
	App   AID       `json:"app"`
	No    KeyNo     `json:"key"`
	Old   KeyFacts  `json:"old"`
	New   KeyFacts  `json:"new"`
	State string    `json:"state"` // "begun", "changed", "unchanged", "unknown"
}

// KeyFacts tell keys apart without giving them away.
type KeyFacts struct {
	Type    string         `json:"type"`
	Version byte           `json:"version"`
	Check   key.CheckValue `json:"check"`
}

func factsOf(k key.Key) KeyFacts {
	return KeyFacts{k.Type().String(), k.Version(), k.CheckValue()}
}

// States of a key change in the journal.
const (
	KeyChangeBegun     = "begun"
	KeyChangeDone      = "changed"
	KeyChangeUndone    = "unchanged"
	KeyChangeUncertain = "unknown"
)

// RiskError is a change that could lock somebody out. Force overrides it.
type RiskError struct {
	Risks []string
}

func (e *RiskError) Error() string {
	s := "desfire: this key change is refused unless forced:"
	for i, r := range e.Risks {
		if i > 0 {
			s += ";"
		}
		s += " " + r
	}
	return s
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
	if err := c.SelectApplication(ctx, kc.App); err != nil {
		return err
	}
	risks, err := c.risks(ctx, kc)
	if err != nil {
		return err
	}
	if len(risks) > 0 && !kc.Force {
		return &RiskError{risks}
	}
	holds, err := c.FindKey(ctx, kc)
	if err != nil {
		return err
	}
	if holds == kc.New {
		return c.journal(ctx, kc, KeyChangeDone)
	}
	withNo, with := kc.WithNo, kc.With
	if with == nil {
		withNo, with = kc.No, kc.Old
	}
	if err := c.authenticateForChange(ctx, kc, withNo, with); err != nil {
		return err
	}
	if kc.DryRun {
		return nil
	}
	if err := c.journal(ctx, kc, KeyChangeBegun); err != nil {
		return fmt.Errorf("desfire: nothing was changed: the journal cannot be written: %w", err)
	}
	var old key.Key
	if kc.With != nil {
		old = kc.Old
	}
	changeErr := c.ChangeKey(ctx, kc.No, kc.New, old)
	var unknown *OutcomeUnknownError
	switch {
	case changeErr == nil:
	case errors.As(changeErr, &unknown):
		return errors.Join(changeErr, c.journal(context.WithoutCancel(ctx), kc, KeyChangeUncertain))
	default:
		return errors.Join(changeErr, c.journal(context.WithoutCancel(ctx), kc, KeyChangeUndone))
	}
	if err := c.proveKey(ctx, kc, kc.New); err != nil {
		return errors.Join(fmt.Errorf("desfire: the card accepted the change, yet the new key could not be proved: %w", err),
			c.journal(context.WithoutCancel(ctx), kc, KeyChangeUncertain))
	}
	return c.journal(ctx, kc, KeyChangeDone)
}

// FindKey tells which of the two keys of a change the card holds, kc.Old or
// kc.New, and leaves a session with it. The key version, which is free to read,
// says which to try first; at most kc.Budget attempts may fail.
func (c *Card) FindKey(ctx context.Context, kc *KeyChange) (key.Key, error) {
	if err := c.SelectApplication(ctx, kc.App); err != nil {
		return nil, err
	}
	order := []key.Key{kc.Old, kc.New}
	if v, err := c.KeyVersion(ctx, kc.No); err == nil && v == kc.New.Version() && v != kc.Old.Version() {
		order = []key.Key{kc.New, kc.Old}
	} else if err != nil && !errors.As(err, new(*CommandError)) {
		return nil, err
	}
	budget := max(kc.Budget, 1)
	for i, k := range order {
		err := c.proveKey(ctx, kc, k)
		if err == nil {
			return k, nil
		}
		if !errors.Is(err, wire.StatusAuthenticationError) && !errors.Is(err, wire.StatusIllegalCommand) {
			return nil, err
		}
		if i+1 == budget && i+1 < len(order) {
			return nil, fmt.Errorf("desfire: the card does not hold the key (%s); trying the other one could cost another failed attempt, which the budget of %d does not allow: %w", key.String(k), budget, err)
		}
	}
	return nil, fmt.Errorf("desfire: key %d of application %v is neither (%s) nor (%s): %w", kc.No, kc.App, key.String(kc.Old), key.String(kc.New), wire.StatusAuthenticationError)
}

// proveKey authenticates with the key itself.
func (c *Card) proveKey(ctx context.Context, kc *KeyChange, k key.Key) error {
	return c.authenticateForChange(ctx, kc, kc.No, k)
}

// authenticateForChange opens a session that can carry the change: the type of
// the PICC master key cannot change in an EV2 session (command reference 7.3).
func (c *Card) authenticateForChange(ctx context.Context, kc *KeyChange, no KeyNo, k key.Key) error {
	method := c.strongest(k.Type())
	if method == key.MethodEV2First && kc.App == wire.PICC && kc.No == 0 && kc.Old.Type().Wire() != kc.New.Type().Wire() {
		method = key.MethodAES
	}
	return c.AuthenticateWith(ctx, method, no, k)
}

func (c *Card) journal(ctx context.Context, kc *KeyChange, state string) error {
	e := KeyJournalEntry{Time: time.Now().UTC(), App: kc.App, No: kc.No, Old: factsOf(kc.Old), New: factsOf(kc.New), State: state}
	if uid := c.UID(); uid != nil {
		e.Card = fmt.Sprintf("%X", uid)
	}
	return kc.Journal.Record(ctx, e)
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

// risks lists what could lock somebody out. It asks only what is free to ask.
func (c *Card) risks(ctx context.Context, kc *KeyChange) (risks []string, err error) {
	add := func(format string, args ...any) { risks = append(risks, fmt.Sprintf(format, args...)) }
	if kc.Old.Type().Wire() != kc.New.Type().Wire() {
		if kc.App == wire.PICC && kc.No == 0 {
			add("the PICC master key becomes %v instead of %v: readers that know only the old kind are locked out", kc.New.Type(), kc.Old.Type())
		} else {
			add("a %v key cannot replace a %v key: the card would refuse or keep an unusable key", kc.New.Type(), kc.Old.Type())
		}
	}
	if kc.Old.CheckValue() != kc.New.CheckValue() && kc.Old.Version() == kc.New.Version() {
		add("old and new key have the same version %02X: after a lost card only failed attempts could tell them apart", kc.New.Version())
	}
	settings, err := c.KeySettings(ctx)
	if errors.As(err, new(*CommandError)) || errors.Is(err, errors.ErrUnsupported) {
		return risks, nil // not free to read: the card will judge
	}
	if err != nil {
		return nil, err
	}
	if kc.No == 0 && settings.KS1&1 == 0 {
		add("the master key is frozen and can never be changed")
	}
	if kc.App != wire.PICC && kc.No != 0 {
		switch right := settings.KS1.ChangeKey(); {
		case right == wire.Never:
			add("all keys but the master key are frozen")
		case right == wire.Free && kc.With != nil:
			add("in this application each key changes itself: authenticate with key %d, not %d", kc.No, kc.WithNo)
		case right != wire.Free && (kc.With == nil || kc.WithNo != KeyNo(right)) && KeyNo(right) != kc.No:
			add("in this application key %d changes keys, not the one stated", right)
		}
	}
	return risks, nil
}
