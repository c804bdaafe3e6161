package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// KeySet is a set of keys that shall replace the active one of an application
// later (EV2 on).
type KeySet struct {
	Set     wire.KeySetNo   // 1 and up
	Version wire.KeyVersion // of the set, not 0; RollKeySet wants it above the active set's
	Type    key.Type        // the active set's, or a stronger one
	Keys    []key.Key       // by number; nil leaves what InitializeKeySet put there

	// Initial are the keys that the set holds after InitializeKeySet, by
	// number, as far as the caller knows better; nil and missing ones are the
	// zero key of version 0. Sources differ on what cards put there: the
	// default keys, or the active set's.
	Initial []key.Key
}

func (s *KeySet) check() error {
	switch {
	case s.Set == 0 || s.Set&0x80 != 0:
		return fmt.Errorf("key set %d: want 1 to 15", s.Set)
	case s.Version == 0:
		return errors.New("the version of a key set must not be 0")
	case len(s.Keys) > wire.MaxKeys:
		return fmt.Errorf("%d keys: an application has at most %d", len(s.Keys), wire.MaxKeys)
	}
	for no, k := range s.Keys {
		if k != nil && family(k.Type()) != family(s.Type) {
			return fmt.Errorf("key %d is of type %v, the set of type %v", no, k.Type(), s.Type)
		}
	}
	return nil
}

// family is a type with DES as what cards keep it: a 2K3DES key.
func family(t key.Type) wire.KeyType { return t.Wire() }

// LoadKeySet initialises a key set of the selected application, fills it and
// finalises it. It needs a session with the application master key, which must
// also be the key that changes keys. The session goes on; nothing changes for
// others before RollKeySet.
//
// If it breaks off, it can be repeated from the start, unless only the answer of
// the last step was lost: KeySetVersions tells.
func (c *Card) LoadKeySet(ctx context.Context, s *KeySet) error {
	if err := s.check(); err != nil {
		return &ArgumentError{"LoadKeySet", err}
	}
	if err := c.acquire(); err != nil {
		return err
	}
	session := c.state.channel != nil
	c.release()
	if !session {
		return &ArgumentError{"LoadKeySet", errNoSession}
	}
	if _, err := Do(ctx, c, &wire.InitializeKeySet{Set: s.Set, Type: wire.KeySetType(s.Type.Wire())}); err != nil {
		return err
	}
	for no, k := range s.Keys {
		if k == nil {
			continue
		}
		var initial key.Key = key.Zero(k.Type())
		if no < len(s.Initial) && s.Initial[no] != nil {
			initial = s.Initial[no]
		}
		if err := c.ChangeKeyInSet(ctx, s.Set, KeyNo(no), k, initial); err != nil {
			return fmt.Errorf("key %d of set %d: %w", no, s.Set, err)
		}
	}
	_, err := Do(ctx, c, &wire.FinalizeKeySet{Set: s.Set, Version: s.Version})
	return err
}

// RollKeySet makes a key set that was finalised the active one: from now on all
// keys of the application are its keys. It needs a session with the roll key,
// and ends it. The answer is not protected.
func (c *Card) RollKeySet(ctx context.Context, set wire.KeySetNo) error {
	_, err := Do(ctx, c, &wire.RollKeySet{Set: set})
	return err
}

// KeySetVersions are the versions of the key sets of the selected application,
// that of the active set first; 0 for a set that is not finalised. The slice is
// the caller's own.
func (c *Card) KeySetVersions(ctx context.Context) ([]wire.KeyVersion, error) {
	v, err := Do(ctx, c, &wire.GetKeyVersion{WithSet: true, Set: wire.AllKeySets})
	if err != nil {
		return nil, err
	}
	return v.Versions, nil
}
