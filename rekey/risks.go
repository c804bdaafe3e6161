package rekey

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// RiskError is a change that could lock somebody out. Force overrides it.
type RiskError struct {
	Risks []string
}

func (e *RiskError) Error() string {
	return "rekey: this key change is refused unless forced: " + strings.Join(e.Risks, "; ")
}

// BudgetError means that the finding out stopped because one more failed attempt
// would have been more than the budget.
type BudgetError struct {
	Budget int
	Tried  string // type, version and check value of the key that was refused
	Other  string // of the key that was not tried
	Err    error
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("rekey: the card does not hold the key (%s); trying (%s) could cost another failed attempt, which the budget of %d does not allow: %v", e.Tried, e.Other, e.Budget, e.Err)
}

// Unwrap returns the refusal.
func (e *BudgetError) Unwrap() error { return e.Err }

// Risks selects the application and lists what about a key change could lock
// somebody out. It asks only what is free to ask and begins no authentication;
// what the card says in clear may be forged, so an empty list promises nothing.
func Risks(ctx context.Context, card *desfire.Card, ch *Change) (risks []string, err error) {
	if ch.Old == nil || ch.New == nil {
		return nil, errBothKeys
	}
	if err := card.Select(ctx, ch.Place); err != nil {
		return nil, err
	}
	risks = ch.riskyKeys()
	if card.Generation().FixedName() != nil {
		if stated := ch.stated(); ch.No != 0 && stated != 0 {
			risks = append(risks, fmt.Sprintf("key %d is changed with key 0 here, not with key %d", ch.No, stated))
		}
		return risks, nil
	}
	settings, err := card.KeySettings(ctx)
	switch {
	case errors.As(err, new(*desfire.CommandError)), errors.Is(err, errors.ErrUnsupported):
		return risks, nil // not free to read: the card will judge
	case err != nil:
		return nil, err
	}
	return append(risks, ch.riskySettings(settings.KS1)...), nil
}

// riskyKeys is what the two keys alone show.
func (ch *Change) riskyKeys() (risks []string) {
	before, after := ch.Old, ch.New
	switch {
	case before.Type().Wire() == after.Type().Wire():
	case ch.masterOfCard():
		risks = append(risks, fmt.Sprintf("the PICC master key becomes %v instead of %v: readers that know only the old kind are locked out", after.Type(), before.Type()))
	default:
		risks = append(risks, fmt.Sprintf("a key of type %v cannot replace one of type %v: the card would refuse it or keep an unusable key", after.Type(), before.Type()))
	}
	switch sameVersion := before.Version() == after.Version(); {
	case sameVersion && before.Type() == after.Type() && before.CheckValue() == after.CheckValue():
		risks = append(risks, "old and new key are the same")
	case sameVersion:
		risks = append(risks, fmt.Sprintf("old and new key have the same version %02X: after a lost card only failed attempts could tell them apart", after.Version()))
	}
	return risks
}

// riskySettings is what key setting 1 says about the change.
func (ch *Change) riskySettings(s wire.KeySett1) (risks []string) {
	if ch.No == 0 && s&wire.SettMasterChangeable == 0 {
		risks = append(risks, "the master key is frozen and can never be changed")
	}
	need, frozen := Changer(s, ch.No)
	switch stated := ch.stated(); {
	case Special(ch.No) && ch.No > wire.KeyVCConfig && stated == wire.KeyVCConfig: // it changes those of its kind
	case frozen:
		risks = append(risks, "all keys but the master key are frozen")
	case stated != need:
		risks = append(risks, fmt.Sprintf("key %d is changed with key %d here, not with key %d", ch.No, need, stated))
	}
	return risks
}

// stated is the key that authenticates the change, by ch.
func (ch *Change) stated() wire.KeyNo {
	if ch.With != nil {
		return ch.WithNo
	}
	return ch.No
}

// Changer is the key that must authenticate the change of key no where key
// setting 1 is s; frozen means that nobody may change it (command reference 3.2,
// 3.3).
func Changer(s wire.KeySett1, no wire.KeyNo) (need wire.KeyNo, frozen bool) {
	switch right := s.ChangeKey(); {
	case no == 0 || no >= wire.MaxKeys: // master key; keys for special purposes
		return 0, false
	case right == wire.Never:
		return 0, true
	case right == wire.Free:
		return no, false
	case wire.KeyNo(right) == no: // the key that changes the others
		return 0, false
	default:
		return wire.KeyNo(right), false
	}
}

// SettingsRisks lists what of new key settings could not be undone, or would
// never work, at the level of the card or in an application. now is what is set.
func SettingsRisks(now *wire.KeySettings, next wire.KeySett1, card bool) (risks []string) {
	lost := func(flag wire.KeySett1) bool { return now.KS1.Has(flag) && !next.Has(flag) }
	if lost(wire.SettMasterChangeable) {
		risks = append(risks, "the master key could never be changed again")
	}
	if lost(wire.SettChangeable) {
		risks = append(risks, "these settings could never be changed again")
	}
	right := next.ChangeKey()
	switch {
	case card:
		if right != 0 {
			risks = append(risks, "bits 4 to 7 are reserved at the level of the card")
		}
	case right == now.KS1.ChangeKey():
	case right == wire.Never:
		risks = append(risks, "no key but the master key could be changed")
	case right != wire.Free && int(right) >= now.KS2.Keys():
		risks = append(risks, fmt.Sprintf("key %d, which would change the other keys, does not exist", uint8(right)))
	}
	return risks
}
