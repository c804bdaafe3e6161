package keyring

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// slot is one of the keys of a Ref: what a cell holds, or what is made of it.
type slot struct {
	ring   *Ring
	master *cell
	recipe keystore.Recipe // Master is empty for a key that stands there itself
}

// facts is what is known of the key without asking anybody.
func (s *slot) facts(ctx context.Context, r keystore.Ref) keystore.Facts {
	master, f := s.master.look(ctx)
	// A derivation where the master key is may take long, and more than a look.
	if _, here := master.(*key.Secret); here || master != nil && s.recipe.Diversify == nil {
		if _, made, err := s.recipe.Make(ctx, r, master, f); err == nil {
			return s.sourced(made)
		}
	}
	return s.sourced(s.recipe.Facts(f))
}

func (s *slot) sourced(f keystore.Facts) keystore.Facts {
	if s.recipe.Master != "" {
		f.Source = s.ring.name + " " + s.recipe.Master
		if s.recipe.Diversify != nil {
			f.Source += ", AN10922"
		}
	}
	return f
}

// key makes the key, whatever it takes.
func (s *slot) key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	if s.recipe.NeedsUID() && r.UID == "" {
		return nil, fmt.Errorf("keyring: %s: %w", r.Words(), ErrNoUID) // before anybody is asked
	}
	master, f, err := s.master.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", s.master.what, err)
	}
	k, _, err := s.recipe.Make(ctx, r, master, f)
	if err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", r.Words(), err)
	}
	return k, nil
}
