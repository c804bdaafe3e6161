package mobile

import (
	"context"
	"errors"
	"strconv"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/wire"
)

// diagnosisResult is what desfire auth diagnose prints.
type diagnosisResult struct {
	cardOf
	Application wire.Place `json:"application"`
	Key         wire.KeyNo `json:"key"`
	Status      string     `json:"status"`
	diagnose.Diagnosis
}

// Diagnose finds out why a card refused a key: application is a place as "F48121" or "card", number the key's, status
// what the card answered, in two hexadecimal digits, "AE" if empty. It asks what is free to ask, and
// does nothing that a card could count as a failed authentication. With keys it compares what they say of the key.
func (c *Card) Diagnose(application string, number int, status string, keys *Keys) (string, error) {
	place, err := parsePlace(application)
	if err != nil {
		return "", err
	}
	if number < 0 || number >= wire.MaxKeys {
		return "", usage("key %d: want 0 to %d", number, wire.MaxKeys-1)
	}
	answered := wire.StatusAuthenticationError
	if status != "" {
		n, err := strconv.ParseUint(status, 16, 8)
		if err != nil {
			return "", usage("the status %q: want two hexadecimal digits, as AE", keystore.Hide(status))
		}
		answered = wire.Native(byte(n))
	}
	return c.do(func(ctx context.Context, card *desfire.Card) (any, error) {
		t := diagnose.Trouble{Place: place, No: wire.KeyNo(number), Status: answered}
		if err := tried(ctx, card, keys, &t); err != nil {
			return nil, err
		}
		t.Method = card.Strongest(t.Type)
		d, err := diagnose.Card(ctx, card, t)
		if err != nil {
			return nil, err
		}
		return &diagnosisResult{c.of(), place, t.No, t.Status.String(), *d}, nil
	})
}

// tried is what is known of the key that was refused: by the keys of the app, else by the card.
func tried(ctx context.Context, card *desfire.Card, keys *Keys, t *diagnose.Trouble) error {
	f, ok, err := keys.store().Has(ctx, keystore.Ref{UID: keystore.UID(card.UID()), Place: t.Place, Key: keystore.Number(t.No)})
	if err != nil {
		return err
	}
	if ok {
		for _, kind := range []key.Type{key.TypeDES, key.Type2K3DES, key.Type3K3DES, key.TypeAES} {
			if kind.String() == f.Type {
				t.Type, t.Version, t.HasVersion = kind, f.Version, !f.NoVersion
				return nil
			}
		}
	}
	t.Type = key.TypeAES
	if !card.Generation().Has(wire.FeatureEV2Auth) {
		t.Type = key.Type2K3DES
	}
	err = card.Select(ctx, t.Place)
	if err != nil {
		if errors.Is(err, wire.StatusApplicationNotFound) {
			return nil // that is the diagnosis
		}
		return err
	}
	s, err := card.KeySettings(ctx)
	switch {
	case err == nil:
		t.Type = key.FromWire(s.KS2.KeyType())
	case !inspect.Refused(err):
		return err
	}
	return nil
}

// Selftest tests whether the card does what is known of its generation, and changes nothing on it. only
// names steps, as "value.*", several with commas; empty is all. The result is a report as desfire selftest
// prints it, without the UID if mask is set; a card that fails is an error whose Detail is the report.
func (c *Card) Selftest(only string, mask bool) (string, error) {
	return c.do(func(ctx context.Context, card *desfire.Card) (any, error) {
		r, err := selftest.Run(ctx, card, &selftest.Config{Only: only, MaskUID: mask})
		switch {
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, with(context.Cause(ctx), r)
		case r.Failed():
			return nil, with(coded(CodeNotAuthentic, errors.New("the card did not pass")), r)
		}
		return r, nil
	})
}
