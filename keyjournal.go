package desfire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

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
	Name  string    `json:"name,omitempty"` // DF name, hexadecimal, where App is not known
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
	Ref     string         `json:"ref,omitempty"` // where the key is kept
}

// FactsOf are the facts of a key that is kept where ref says.
func FactsOf(k key.Key, ref string) KeyFacts {
	return KeyFacts{k.Type().String(), k.Version(), k.CheckValue(), ref}
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
	return "desfire: this key change is refused unless forced: " + strings.Join(e.Risks, "; ")
}

// BudgetError means that FindKey stopped because one more failed attempt would
// have been more than its budget.
type BudgetError struct {
	Budget int
	Tried  string // type, version and check value of the key the card refused
	Other  string // of the key that was not tried
	Err    error
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("desfire: the card does not hold the key (%s); trying (%s) could cost another failed attempt, which the budget of %d does not allow: %v", e.Tried, e.Other, e.Budget, e.Err)
}

// Unwrap returns the card's refusal.
func (e *BudgetError) Unwrap() error { return e.Err }

// KeyChangeRisks selects the application and lists what about a key change
// could lock somebody out. It asks only what is free to ask and begins no
// authentication.
func (c *Card) KeyChangeRisks(ctx context.Context, kc *KeyChange) (risks []string, err error) {
	if kc.Old == nil || kc.New == nil {
		return nil, &ArgumentError{"KeyChangeRisks", errors.New("both the old and the new key are needed")}
	}
	if err := c.selectFor(ctx, kc); err != nil {
		return nil, err
	}
	add := func(format string, args ...any) { risks = append(risks, fmt.Sprintf(format, args...)) }
	sameKey := kc.Old.CheckValue() == kc.New.CheckValue() && kc.Old.Type() == kc.New.Type()
	if kc.Old.Type().Wire() != kc.New.Type().Wire() {
		if kc.masterOfCard() {
			add("the PICC master key becomes %v instead of %v: readers that know only the old kind are locked out", kc.New.Type(), kc.Old.Type())
		} else {
			add("a key of type %v cannot replace one of type %v: the card would refuse it or keep an unusable key", kc.New.Type(), kc.Old.Type())
		}
	}
	switch sameVersion := kc.Old.Version() == kc.New.Version(); {
	case sameKey && sameVersion:
		add("old and new key are the same")
	case sameVersion:
		add("old and new key have the same version %02X: after a lost card only failed attempts could tell them apart", kc.New.Version())
	}
	if stated := kc.stated(); fixedFiles(c.gen) && kc.No != 0 && stated != 0 {
		add("key %d is changed with key 0 here, not with key %d", kc.No, stated)
	}
	settings, err := c.KeySettings(ctx)
	if errors.As(err, new(*CommandError)) || errors.Is(err, errors.ErrUnsupported) {
		return risks, nil // not free to read: the card will judge
	}
	if err != nil {
		return nil, err
	}
	if kc.No == 0 && settings.KS1&wire.SettMasterChangeable == 0 {
		add("the master key is frozen and can never be changed")
	}
	need, frozen := changer(settings.KS1, kc.No)
	switch stated := kc.stated(); {
	case frozen:
		add("all keys but the master key are frozen")
	case stated != need:
		add("key %d is changed with key %d here, not with key %d", kc.No, need, stated)
	}
	return risks, nil
}

// stated is the key that authenticates the change, by kc.
func (kc *KeyChange) stated() KeyNo {
	if kc.With != nil {
		return kc.WithNo
	}
	return kc.No
}

// changer is the key that must authenticate the change of key no (command
// reference 3.2, 3.3).
func changer(s wire.KeySett1, no KeyNo) (need KeyNo, frozen bool) {
	switch right := s.ChangeKey(); {
	case no == 0 || no >= wire.MaxKeys: // master key; keys for special purposes
		return 0, false
	case right == wire.Never:
		return 0, true
	case right == wire.Free:
		return no, false
	case KeyNo(right) == no: // the key that changes the others
		return 0, false
	default:
		return KeyNo(right), false
	}
}
