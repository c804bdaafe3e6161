package unlock

import (
	"context"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// One is a store of one key, for one-off use: key no of some places, of every
// place if none is named, on every card. source says for people where it is from.
//
// A key of version 0 counts as one whose version nobody stated.
func One(no wire.KeyNo, k key.Key, source string, places ...wire.Place) keystore.Store {
	f := keystore.FactsOf(k, source)
	f.NoVersion = f.Version == 0
	return &one{keystore.Number(no), k, f, places}
}

type one struct {
	id     keystore.ID
	key    key.Key
	facts  keystore.Facts
	places []wire.Place
}

func (s *one) has(r keystore.Ref) bool {
	if r.Key != s.id {
		return false
	}
	for _, p := range s.places {
		if p == r.Place {
			return true
		}
	}
	return len(s.places) == 0
}

// Has implements keystore.Store.
func (s *one) Has(_ context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	if !s.has(r) {
		return keystore.Facts{}, false, nil
	}
	return s.facts, true, nil
}

// Key implements keystore.Store.
func (s *one) Key(_ context.Context, r keystore.Ref) (key.Key, error) {
	if !s.has(r) {
		return nil, &keystore.NotFoundError{Ref: r, Store: s.facts.Source}
	}
	return s.key, nil
}
