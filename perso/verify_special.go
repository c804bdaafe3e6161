package perso

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// specialKeys compares the keys of delegation and of virtual cards that the layout
// lists: by their versions, and by what proves each of them where anything does.
func (v *verifier) specialKeys(ctx context.Context, place wire.Place, list []KeyWant) error {
	for i := range list {
		if !rekey.Special(list[i].No) {
			continue
		}
		if err := v.special(ctx, slot{place, list[i].No}, &list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) special(ctx context.Context, s slot, layout *KeyWant) error {
	w := s.where()
	if reason := specialLack(v.is.Generation, s.no); reason != "" {
		v.differ(w, "key", "none: "+reason, "there")
		return nil
	}
	told, err := v.versionIn(ctx, s)
	if err != nil {
		return err
	}
	v.version[s] = told
	want, ok, err := v.want(ctx, s)
	switch {
	case err != nil:
		return err
	case !ok && layout.Version != nil && told != *layout.Version:
		v.differ(w, "key version", fmt.Sprintf("%02X", told), fmt.Sprintf("%02X", *layout.Version))
		return nil
	case !ok:
		v.unproven(w, "key", fmt.Sprintf("the key store does not have it; its version is %02X", told))
		return nil
	case told != want.key.Version():
		v.differ(w, "key version", fmt.Sprintf("%02X", told), fmt.Sprintf("%02X", want.key.Version()))
		return nil
	}
	switch s.no {
	case wire.KeyDAMAuth, wire.KeyVCConfig:
		return v.proveKey(ctx, s, want)
	case wire.KeyVCProximity:
		return v.proveProximity(ctx, s, want)
	case wire.KeyDAMMAC, wire.KeyDAMEnc:
		v.unproven(w, "key", "nobody can authenticate with it: its version is right, and the next application that is delegated proves it")
	default:
		v.unproven(w, "key", "nobody can authenticate with it: its version is right, and selecting the card as a virtual one proves it")
	}
	return nil
}

// proveProximity lets the card make a MAC with its proximity key.
func (v *verifier) proveProximity(ctx context.Context, s slot, want held) error {
	if err := v.plain(ctx, s.place); err != nil {
		return err
	}
	_, err := v.card.CheckProximity(ctx, want.key, nil)
	v.forget()
	switch {
	case err == nil:
		v.proved[s] = want
		return nil
	case inspect.Refused(err) || errors.As(err, new(*desfire.IntegrityError)):
		// No recorded check of a card's could be recomputed: it may be the layout.
		v.unproven(s.where(), "key", fmt.Sprintf("its version is right, and the proximity check failed, as with another key: %v", err))
		return nil
	}
	return err
}
