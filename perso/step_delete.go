package perso

import (
	"context"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// stillEmpty looks again at a value file that held nothing.
func (r *runner) stillEmpty(ctx context.Context, place wire.Place, f *inspect.File) error {
	value, reason, err := r.valueOf(ctx, place, f)
	if err == nil && (reason != "" || value != 0) {
		err = r.changed("%v held nothing, and may hold a value now", at(place).file(f.No))
	}
	return err
}

// deleteApplication deletes an application as a master key, once its value files were
// seen to hold nothing.
func (r *runner) deleteApplication(ctx context.Context, place wire.Place, as slot, empty []*inspect.File) error {
	for _, f := range empty {
		if err := r.stillEmpty(ctx, place, f); err != nil {
			return err
		}
	}
	if err := r.enter(ctx, as.place, as.no); err != nil {
		return err
	}
	defer r.forget()
	return r.card.DeleteApplication(ctx, place.AID)
}

// deleteFile deletes a file, which must be what the plan has seen.
func (r *runner) deleteFile(ctx context.Context, place wire.Place, f *inspect.File, as who, named bool) error {
	if f.Settings != nil && f.Settings.Type == wire.FileValue && !named {
		if err := r.stillEmpty(ctx, place, f); err != nil {
			return err
		}
	}
	if err := r.as(ctx, place, as, true); err != nil {
		return err
	}
	_, session := r.card.Session()
	switch told, err := r.card.FileSettings(ctx, f.No); {
	case err != nil && (session || !inspect.Refused(err)):
		return err // the master key may ask
	case err != nil:
		r.forget()
		if err := r.as(ctx, place, as, true); err != nil {
			return err
		}
	case f.Settings != nil && told.Type != f.Settings.Type:
		return r.changed("%v is not what it was", at(place).file(f.No))
	}
	return r.card.DeleteFile(ctx, f.No)
}
