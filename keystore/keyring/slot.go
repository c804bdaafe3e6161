package keyring

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// slot is one of the keys of a Ref: what a cell holds, or what is made of it.
type slot struct {
	ring      *Ring
	master    *cell
	name      string     // of the master key; empty for a key that stands there itself
	diversify *diversify // nil: the key as it is
	typ       key.Type
	typed     bool
	version   byte
	versioned bool
}

// facts is what is known of the key without asking anybody.
func (s *slot) facts(ctx context.Context, r keystore.Ref) keystore.Facts {
	master, f := s.master.look(ctx)
	if master != nil {
		if _, made, err := s.made(ctx, r, master, f); err == nil {
			return made
		}
	}
	if s.diversify != nil {
		f.Check = key.CheckValue{}
		if f.Type == key.TypeDES.String() {
			f.Type = key.Type2K3DES.String()
		}
	}
	return s.stated(f)
}

// stated puts in what the slot itself says.
func (s *slot) stated(f keystore.Facts) keystore.Facts {
	if s.typed && f.Type == "" {
		f.Type = s.typ.String()
	}
	if s.versioned {
		f.Version, f.NoVersion = s.version, false
	}
	if s.name != "" {
		f.Source = s.ring.name + " " + s.name
		if s.diversify != nil {
			f.Source += ", AN10922"
		}
	}
	return f
}

// key makes the key, whatever it takes.
func (s *slot) key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	if s.diversify != nil && s.diversify.uid && r.UID == "" {
		return nil, fmt.Errorf("keyring: %s: %w", r.Words(), ErrNoUID) // before anybody is asked
	}
	master, f, err := s.master.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", s.master.what, err)
	}
	k, _, err := s.made(ctx, r, master, f)
	if err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", r.Words(), err)
	}
	return k, nil
}

// made is the key of what the cell holds.
func (s *slot) made(ctx context.Context, r keystore.Ref, master *key.Secret, f keystore.Facts) (*key.Secret, keystore.Facts, error) {
	if s.typed && !alike(master.Type().String(), s.typ.String()) {
		return nil, f, fmt.Errorf("the keyring says type %v, and the master key %s is of type %v", s.typ, s.name, master.Type())
	}
	k := master
	if s.diversify != nil {
		input, err := s.diversify.input(r)
		if err != nil {
			return nil, f, err
		}
		if k, err = an10922.Key(ctx, master, input); err != nil {
			return nil, f, err
		}
	}
	if s.versioned && k.Version() != s.version {
		k = k.WithVersion(s.version)
	}
	made := keystore.FactsOf(k, f.Source)
	made.NoVersion = f.NoVersion
	return k, s.stated(made), nil
}

// input is what the key is derived from, in the order of AN10922.
func (d *diversify) input(r keystore.Ref) ([]byte, error) {
	var in []byte
	if d.uid {
		if r.UID == "" {
			return nil, ErrNoUID
		}
		in = append(in, r.UID...)
	}
	if d.aid {
		in = an10922.Input(in, r.Place.AID, "")
	}
	return append(in, d.system...), nil
}

// alike reports whether keys of two types may be one: DES and 2K3DES share theirs
// on cards.
func alike(a, b string) bool {
	return a == b || oneOfDES(a) && oneOfDES(b)
}

func oneOfDES(t string) bool { return t == key.TypeDES.String() || t == key.Type2K3DES.String() }
