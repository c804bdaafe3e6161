package keystore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-desfire/desfire/key"
)

// Store answers which key a Ref is.
//
// A card's key that is derived from its UID is asked for with the UID, one that
// is the same on every card as well: who asks need not know which it is. A store
// looks for r and then for r.Everywhere.
//
// Both methods may be called from several goroutines.
type Store interface {
	// Has tells whether the store has a key, and what is known of it without
	// touching it. It never prompts, never logs in and never asks anybody to
	// touch something: programs call it for every key that would do, to choose
	// one. false without an error means that the store is sure to have none.
	Has(ctx context.Context, r Ref) (Facts, bool, error)

	// Key gives the key as a handle, whose bytes may stay where they are, and
	// which others may have got as well: the caller does not wipe it. It
	// may prompt, log in and take long; ctx ends that. Where it has none, the
	// error is a *NotFoundError; where somebody must unlock the store first and
	// nobody is there to ask, ErrLocked.
	Key(ctx context.Context, r Ref) (key.Key, error)
}

// Prompt asks a person for what unlocks a store: a passphrase or a PIN. A store
// that needs one is made with a Prompt; nil means that nobody can be asked.
// The caller overwrites what it returns.
type Prompt func(ctx context.Context, question string) ([]byte, error)

// Errors of Store, for errors.Is.
var (
	ErrNotFound = errors.New("no such key")
	ErrLocked   = errors.New("the key store is locked, and nobody can be asked to unlock it")

	// ErrNoUID says that a key is derived from the UID of the card, and that the
	// Ref has none.
	ErrNoUID = errors.New("the key is derived from the card's UID, which is not known here")
)

// NotFoundError names the key that a store does not have. It unwraps to
// ErrNotFound.
type NotFoundError struct {
	Ref   Ref
	Store string // where it was looked for; may be empty
}

func (e *NotFoundError) Error() string {
	s := fmt.Sprintf("keystore: no key for %v, %s", e.Ref, e.Ref.Words())
	if e.Store != "" {
		s += ", in " + e.Store
	}
	return s
}

// Unwrap returns ErrNotFound.
func (e *NotFoundError) Unwrap() error { return ErrNotFound }

// Chain asks one store after the other. The first that has a key is the one that
// gives it. A store that fails ends the search: going on could find another key
// of that name, and a wrong key costs the card a failed authentication. A store
// that is merely not there, on this computer or today, should have no keys
// instead of failing.
type Chain []Store

// Has implements Store.
func (c Chain) Has(ctx context.Context, r Ref) (Facts, bool, error) {
	_, facts, err := c.first(ctx, r)
	if errors.Is(err, ErrNotFound) {
		return Facts{}, false, nil
	}
	return facts, err == nil, err
}

// Key implements Store.
func (c Chain) Key(ctx context.Context, r Ref) (key.Key, error) {
	s, _, err := c.first(ctx, r)
	if err != nil {
		return nil, err
	}
	return s.Key(ctx, r)
}

func (c Chain) first(ctx context.Context, r Ref) (Store, Facts, error) {
	for _, s := range c {
		facts, ok, err := s.Has(ctx, r)
		if err != nil {
			return nil, Facts{}, err
		}
		if ok {
			return s, facts, nil
		}
	}
	return nil, Facts{}, &NotFoundError{Ref: r}
}

// Close closes the stores that have something to close.
func (c Chain) Close() error {
	var errs []error
	for _, s := range c {
		if cl, ok := s.(io.Closer); ok {
			errs = append(errs, cl.Close())
		}
	}
	return errors.Join(errs...)
}

// Map is a store of keys in memory. It must not change while it is used.
type Map map[Ref]Given

// Given is a key and where it came from.
type Given struct {
	Key    key.Key
	Source string // for people, and for Facts; never the key
}

// Has implements Store.
func (m Map) Has(_ context.Context, r Ref) (Facts, bool, error) {
	g, ok := m.find(r)
	if !ok {
		return Facts{}, false, nil
	}
	return FactsOf(g.Key, g.Source), true, nil
}

// Key implements Store.
func (m Map) Key(_ context.Context, r Ref) (key.Key, error) {
	g, ok := m.find(r)
	if !ok {
		return nil, &NotFoundError{Ref: r}
	}
	return g.Key, nil
}

func (m Map) find(r Ref) (Given, bool) {
	g, ok := m[r]
	if !ok {
		g, ok = m[r.Everywhere()]
	}
	return g, ok && g.Key != nil
}
