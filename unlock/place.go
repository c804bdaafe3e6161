package unlock

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// Need is what is to be done with an application, or the card.
type Need uint8

// Needs, besides those of ChangeKey.
const (
	// List is the list of files of an application, or of applications of the
	// card, and key settings.
	List Need = iota
	// Create is a file in an application, or an application on the card.
	Create
	// ChangeSettings is key setting 1.
	ChangeSettings
	// Delete is of files of an application, or of applications of the card. An
	// application can be deleted from inside as well: that is Master.
	Delete
	// Master is whatever needs the master key.
	Master

	needChangeKey Need = 0x80
)

// ChangeKey is the change of a key.
func ChangeKey(no wire.KeyNo) Need { return needChangeKey | Need(no) }

// changesKey is the key that is to be changed.
func (n Need) changesKey() (wire.KeyNo, bool) {
	return wire.KeyNo(n &^ needChangeKey), n >= needChangeKey
}

// Place selects an application, or the card, and opens a session with a key that
// may do what is needed there. Where the key settings are not free to read, that
// is the master key; for ChangeKey it reads them, and where another key is the
// one, that opens the session.
func (o *Opener) Place(ctx context.Context, card *desfire.Card, p wire.Place, need Need) error {
	j, err := o.begin(ctx, card, p)
	if err != nil {
		return err
	}
	t := need.task(p)
	clear := j.settings
	_, changesKey := need.changesKey()
	if fixed := !card.Generation().Has(wire.FeatureClassic); clear == nil && !fixed {
		if err := j.open(ctx, t, []wire.KeyNo{masterKey}); err != nil || !changesKey {
			return err
		}
		told, err := card.KeySettings(ctx)
		if err != nil {
			return err
		}
		a, err := need.allowed(j, told)
		if err != nil || slices.Contains(a.keys, masterKey) {
			return err
		}
		return j.open(ctx, t, a.keys)
	}
	a, err := need.allowed(j, clear)
	if err != nil {
		return err
	}
	if a.free {
		err = j.free(ctx, t, a.keys, o.Plain)
	} else {
		err = j.open(ctx, t, a.keys)
	}
	if err != nil || j.opened == nil || clear == nil {
		return err
	}
	if !changesKey && slices.Contains(a.keys, j.opened.No) {
		return nil // the master key, whatever the settings say
	}
	told, err := card.KeySettings(ctx)
	if desfire.Refusal(err) != nil {
		return &ContradictionError{Act: t.act, Key: j.opened.No, Clear: clear.KS1.String(), Err: err}
	}
	if err != nil {
		return err
	}
	if a, err = need.allowed(j, told); err != nil || !a.free && !slices.Contains(a.keys, j.opened.No) {
		return &ContradictionError{Act: t.act, Key: j.opened.No, Clear: clear.KS1.String(), Session: told.KS1.String()}
	}
	return nil
}

// allowance is who may do it.
type allowance struct {
	keys []wire.KeyNo
	free bool
}

// allowed finds who may do it by key settings, nil for the cards that have none
// (command reference 3.2, 3.3).
func (n Need) allowed(j *job, ks *wire.KeySettings) (allowance, error) {
	a := allowance{keys: []wire.KeyNo{masterKey}}
	ks1 := wire.SettDefault &^ wire.SettFreeCreate
	if ks != nil {
		ks1 = ks.KS1
	}
	never := &NeverError{Act: n.task(j.place).act, Rights: ks1.String()}
	no, changesKey := n.changesKey()
	switch {
	case n == List:
		a.free = ks1.Has(wire.SettFreeDirectory)
	case n == Create, n == Delete && !j.place.IsCard():
		a.free = ks1.Has(wire.SettFreeCreate)
	case n == ChangeSettings && !ks1.Has(wire.SettChangeable):
		return a, never
	case !changesKey:
	case no > wire.KeyVCConfig:
		a.keys = []wire.KeyNo{wire.KeyVCConfig, masterKey}
	default:
		need, frozen := rekey.Changer(ks1, no)
		if frozen || no == masterKey && !ks1.Has(wire.SettMasterChangeable) {
			return a, never
		}
		a.keys = []wire.KeyNo{need}
	}
	return a, nil
}

func (n Need) task(p wire.Place) task {
	at := short(p)
	if no, ok := n.changesKey(); ok {
		return task{fmt.Sprintf("change key %v of %s", no, at), fmt.Sprintf("key %v of %s is changed with", no, at)}
	}
	what, in := "file", "in"
	if p.IsCard() {
		what, in = "application", "on"
	}
	switch n {
	case List:
		return task{fmt.Sprintf("list the %ss %s %s", what, in, at), fmt.Sprintf("the %ss %s %s are listed with", what, in, at)}
	case Create:
		return task{fmt.Sprintf("create %s %s %s %s", article(what), what, in, at), fmt.Sprintf("%ss %s %s are created with", what, in, at)}
	case Delete:
		return task{fmt.Sprintf("delete %s %s %s %s", article(what), what, in, at), fmt.Sprintf("%ss %s %s are deleted with", what, in, at)}
	case ChangeSettings:
		return task{"change the key settings of " + at, "the key settings of " + at + " are changed with"}
	}
	return task{act: "use the master key of " + at}
}

func article(noun string) string {
	if noun == "application" {
		return "an"
	}
	return "a"
}
