package perso

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// setOption makes a setting with the master key of the card, or of the application of
// DESFire Light and NTAG 424 DNA.
func (r *runner) setOption(ctx context.Context, place wire.Place, setting wire.Setting) error {
	if err := r.enter(ctx, place, 0); err != nil {
		return err
	}
	err := r.card.SetConfiguration(ctx, setting)
	if _, ends := setting.(*wire.Capabilities); ends || err != nil {
		r.forget()
	}
	if err != nil {
		return err
	}
	if picc, ok := setting.(*wire.PICCConfig); ok && picc.Flags&wire.PICCRandomID != 0 {
		return r.stillIs(ctx)
	}
	return nil
}

// stillIs makes sure that a card whose identifier is random now tells the real one to
// who has the key.
func (r *runner) stillIs(ctx context.Context) error {
	if _, ok := r.card.Session(); !ok {
		return nil
	}
	uid, err := r.card.CardUID(ctx)
	switch {
	case inspect.Refused(err):
		return fmt.Errorf("perso: the identifier is random now, and the card does not tell the real one under the master key: %w", err)
	case err != nil:
		return err
	}
	return r.still(uid)
}

// DiffersError means that a card is not what the layout says, so that what can never
// be undone was not done.
type DiffersError struct {
	Differences []Difference
}

func (e *DiffersError) Error() string {
	n := 0
	first := ""
	for _, d := range e.Differences {
		if d.Unproven != "" {
			continue
		}
		if n++; n == 1 {
			first = d.String()
		}
	}
	s := "perso: the card is not what the layout says, so nothing was done that can never be undone: " + first
	if n > 1 {
		s += fmt.Sprintf(", and %d more", n-1)
	}
	return s
}

// verifyAll compares all that was made, but for what was left out since nobody asked
// for it, and what comes after.
func (r *runner) verifyAll(ctx context.Context, held []Note) error {
	conf := r.conf
	conf.Budget = 1
	v := &verifier{runner: newRunner(r.card, r.layout, &conf), before: true}
	v.uid, v.prove = r.uid, true
	err := v.all(ctx)
	r.forget()
	v.list = slices.DeleteFunc(v.list, func(d Difference) bool {
		settings := d.What == whatKeySettings || d.What == whatRights
		return settings && slices.ContainsFunc(held, func(n Note) bool { return n.Where.String() == d.Where.String() })
	})
	if err == nil && Differs(v.list) {
		return &DiffersError{v.list}
	}
	return err
}

// comeNear makes the proximity check, where the layout wants cards that let nobody in
// without. Whether they do yet is not told.
func (r *runner) comeNear(ctx context.Context) error {
	if !r.wantsNear() {
		return nil
	}
	s := slot{wire.Place{}, wire.KeyVCProximity}
	list, err := r.explicit(ctx, s)
	if err != nil || len(list) == 0 {
		return err
	}
	if err := r.plain(ctx, s.place); err != nil {
		return err
	}
	v, err := r.card.KeyVersion(ctx, s.no)
	switch {
	case inspect.Refused(err) || err == nil && v == 0:
		return nil
	case err != nil:
		return err
	}
	for _, h := range list {
		if h.key.Version() != v {
			continue
		}
		_, err := r.card.CheckProximity(ctx, h.key, nil)
		r.forget()
		if err == nil || !inspect.Refused(err) && !errors.As(err, new(*desfire.IntegrityError)) {
			return err
		}
	}
	return nil
}

func (r *runner) wantsNear() bool {
	if r.layout.Card == nil || !r.card.Generation().Has(wire.FeatureProximity) {
		return false
	}
	o := find(r.layout.Card.Options, func(o *Option) bool { return o.Name == "proximity-required" })
	return o != nil && !isOff(o.Setting)
}
