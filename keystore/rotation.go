package keystore

import (
	"context"

	"github.com/go-desfire/desfire/key"
)

// Rotating is a Store that may have several keys for one Ref, since cards are
// changed from one key to the next over weeks. Has and Key are about the newest.
type Rotating interface {
	Store

	// Slots are the keys for r, the newest first, and none where the store has
	// none. As Has it never prompts, and looks for r and then for r.Everywhere.
	Slots(ctx context.Context, r Ref) ([]Slot, error)
}

// Slot is one of the keys that a store has for a Ref.
type Slot struct {
	Facts Facts
	// Key gives this key, as Store.Key does.
	Key func(ctx context.Context) (key.Key, error)
}

// Slots are the keys that any store has for r, the newest first: those of a
// Rotating one, the one of another.
func Slots(ctx context.Context, s Store, r Ref) ([]Slot, error) {
	if rot, ok := s.(Rotating); ok {
		return rot.Slots(ctx, r)
	}
	facts, ok, err := s.Has(ctx, r)
	if err != nil || !ok {
		return nil, err
	}
	return []Slot{{facts, func(ctx context.Context) (key.Key, error) { return s.Key(ctx, r) }}}, nil
}

// Slots implements Rotating: those of the first store that has any.
func (c Chain) Slots(ctx context.Context, r Ref) ([]Slot, error) {
	for _, s := range c {
		slots, err := Slots(ctx, s, r)
		if err != nil || len(slots) > 0 {
			return slots, err
		}
	}
	return nil, nil
}
