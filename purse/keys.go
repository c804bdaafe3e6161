package purse

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// held is a key as the store has it. Where it has several, since cards are changed
// from one to the next, the card is asked which version it has: a wrong answer only
// costs the session. selected: the place of the key is.
func (c *Config) held(ctx context.Context, card *desfire.Card, r keystore.Ref, selected bool) (key.Key, keystore.Facts, error) {
	slots, err := keystore.Slots(ctx, c.Keys, r)
	if err != nil {
		return nil, keystore.Facts{}, err
	}
	slot := func(s keystore.Slot) (key.Key, keystore.Facts, error) {
		k, err := s.Key(ctx)
		if err != nil {
			return nil, keystore.Facts{}, err
		}
		facts := keystore.FactsOf(k, s.Facts.Source)
		facts.NoVersion = s.Facts.NoVersion
		return k, facts, nil
	}
	switch len(slots) {
	case 0:
		k, err := c.Keys.Key(ctx, r) // says what it lacks
		if err != nil {
			return nil, keystore.Facts{}, err
		}
		return k, keystore.FactsOf(k, ""), nil
	case 1:
		return slot(slots[0])
	}
	if !selected {
		if err := card.Select(ctx, r.Place); err != nil {
			return nil, keystore.Facts{}, err
		}
	}
	_, no, _ := r.Key.Number()
	version, err := card.KeyVersion(ctx, no)
	if err != nil {
		return nil, keystore.Facts{}, err
	}
	for _, s := range slots {
		if s.Facts.Version == version && !s.Facts.NoVersion {
			return slot(s)
		}
	}
	return nil, keystore.Facts{}, fmt.Errorf("purse: the card has version %02X of %s, and none of the %d at hand is", version, r.Words(), len(slots))
}

// loginKey is a key for a settlement.
func (c *Config) loginKey(ctx context.Context, card *desfire.Card, place wire.Place, no wire.KeyNo, m *key.Method) (desfire.SettleKey, keystore.Facts, error) {
	k, facts, err := c.held(ctx, card, keystore.Ref{UID: keystore.UID(card.UID()), Place: place, Key: keystore.Number(no)}, false)
	return desfire.SettleKey{No: no, Key: k, Method: m}, facts, err
}

// tmKey is the transaction MAC key, nil where this terminal has none.
func (c *Config) tmKey(ctx context.Context, uid []byte) (key.Key, *keystore.Facts, error) {
	if c.TMAC == nil || c.Keys == nil {
		return nil, nil, nil
	}
	slots, err := keystore.Slots(ctx, c.Keys, keystore.Ref{UID: keystore.UID(uid), Place: c.Place, Key: keystore.RoleTransactionMAC.ID()})
	if err != nil {
		return nil, nil, err
	}
	for _, s := range slots {
		if len(slots) > 1 && s.Facts.Version != byte(c.TMAC.Settings.TMKeyVersion) {
			continue
		}
		k, err := s.Key(ctx)
		if err != nil {
			return nil, nil, err
		}
		facts := keystore.FactsOf(k, s.Facts.Source)
		return k, &facts, nil
	}
	return nil, nil, nil
}
