package perso

import (
	"context"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

func (r *runner) createApplication(ctx context.Context, a *Application, as who) error {
	if err := r.as(ctx, wire.Place{}, as, false); err != nil {
		return err
	}
	return r.card.CreateApplication(ctx, a.creation())
}

// creation is the command that makes an application, which can still be changed then.
func (a *Application) creation() *wire.CreateApplication {
	cmd := &wire.CreateApplication{
		AID: a.Place.AID, KS2: wire.NewKeySett2(a.KeyType, a.KeyCount), KS3: a.KeySett3, FID: a.ISOID, DFName: a.DFName,
	}
	if a.KeySettings != nil {
		cmd.KS1 = relaxed(*a.KeySettings, a.KeyCount)
	}
	if a.ISOFiles {
		cmd.KS2 |= wire.SettISOFiles
	}
	if a.KeySets != nil {
		cmd.KS3 |= wire.SettKeySets
		cmd.KeySetConfig = *a.KeySets
	}
	return cmd
}

// changeKeySettings changes key setting 1, unless the card says in the session
// that it is so already. Before settings that freeze something, each wanted key is
// proved.
func (r *runner) changeKeySettings(ctx context.Context, p wire.Place, want wire.KeySett1, keys int, freezes bool) error {
	if freezes {
		v := &verifier{runner: r}
		if err := v.keys(ctx, p, nil, keys); err != nil {
			return err
		}
		if Differs(v.list) {
			return &DiffersError{v.list}
		}
	}
	if err := r.enter(ctx, p, 0); err != nil {
		return err
	}
	now, err := r.card.KeySettings(ctx)
	switch {
	case err == nil && now.KS1 == want:
		return nil
	case err != nil && !inspect.Refused(err):
		return err
	case err != nil:
		r.forget()
		if err := r.enter(ctx, p, 0); err != nil {
			return err
		}
	}
	return r.card.ChangeKeySettings(ctx, want)
}
