package unlock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// rotating has several keys for key 1 of the application; asked are the
// references.
type rotating struct {
	keys  []key.Key
	facts func(key.Key) keystore.Facts
	asked []keystore.Ref
	given []int
}

func (s *rotating) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.Facts{}, false, errors.New("a store with slots is asked for them")
}

func (s *rotating) Key(context.Context, keystore.Ref) (key.Key, error) {
	return nil, errors.New("a slot gives its key")
}

func (s *rotating) Slots(_ context.Context, r keystore.Ref) (slots []keystore.Slot, err error) {
	s.asked = append(s.asked, r)
	if r.Key != keystore.Number(1) {
		return nil, nil
	}
	for i, k := range s.keys {
		facts := keystore.FactsOf(k, fmt.Sprintf("slot %d", i))
		if s.facts != nil {
			facts = s.facts(k)
		}
		slots = append(slots, keystore.Slot{Facts: facts, Key: func(context.Context) (key.Key, error) {
			s.given = append(s.given, i)
			return k, nil
		}})
	}
	return slots, nil
}

// Of several keys the one is taken whose version the card tells.
func TestRotation(t *testing.T) {
	ctx := context.Background()
	right := secret(t, key.TypeAES, 1) // version 0B
	other := func(version byte) key.Key { return secret(t, key.TypeAES, 3).WithVersion(version) }
	des := secret(t, key.Type2K3DES, 1)
	unknown := func(key.Key) keystore.Facts { return keystore.Facts{NoVersion: true, Source: "secret"} }
	for _, tc := range []struct {
		name     string
		keys     []key.Key
		facts    func(key.Key) keystore.Facts
		opts     unlock.Opener
		lie      func(byte, int) []byte
		given    []int
		attempts int
		ok       bool
		text     string
	}{
		{"the newest", []key.Key{right, other(1)}, nil, unlock.Opener{}, nil, []int{0}, 1, true, ""},
		{"an older one", []key.Key{other(0x0C), right, other(1)}, nil, unlock.Opener{}, nil, []int{1}, 1, true, ""},
		{"of the right type", []key.Key{des, right}, nil, unlock.Opener{}, nil, []int{1}, 1, true, ""},
		{"none", []key.Key{other(0x0C), other(0x0D)}, nil, unlock.Opener{}, nil, nil, 0, false, "version 0B on the card, and AES version 0C"},
		{"none, of another type", []key.Key{des}, nil, unlock.Opener{}, nil, nil, 0, false, "is AES version 0B on the card, and DES version 0B"},
		{"the version was not told: the newest", []key.Key{right, other(1)}, nil, unlock.Opener{}, lie(wire.InsGetKeyVersion, 0, 0x91, 0x7E), []int{0}, 1, true, ""},
		{"one attempt", []key.Key{other(0x0B), right}, nil, unlock.Opener{}, nil, []int{0}, 1, false, "key 1 of F48121 is not AES version 0B"},
		{"more attempts", []key.Key{other(0x0B), right}, nil, unlock.Opener{Attempts: 2}, nil, []int{0, 1}, 2, true, ""},
		{"more attempts, in vain", []key.Key{other(0x0B), other(0x0B), right}, nil, unlock.Opener{Attempts: 2}, nil, []int{0, 1}, 2, false, "is not AES"},
		{"a forged version takes an old key, once", []key.Key{right, other(1)}, nil, unlock.Opener{Attempts: 2}, lie(wire.InsGetKeyVersion, 0, 1, 0x91, 0), []int{1}, 1, false, "is not AES version 01"},
		{"nothing known before", []key.Key{right}, unknown, unlock.Opener{}, nil, []int{0}, 1, true, ""},
		{"nothing known before, another version", []key.Key{other(0x0C)}, unknown, unlock.Opener{}, nil, []int{0}, 0, false, "and AES version 0C"},
		{"nothing known before, another type", []key.Key{des}, unknown, unlock.Opener{}, nil, []int{0}, 0, false, "is AES version 0B on the card, and DES"},
		{"nothing known before, no version", []key.Key{right.WithVersion(0)}, unknown, unlock.Opener{}, nil, []int{0}, 1, true, ""},
		{"a stated version before an unknown one", []key.Key{right.WithVersion(0), right}, func(k key.Key) keystore.Facts {
			f := keystore.FactsOf(k, "")
			f.NoVersion = f.Version == 0
			return f
		}, unlock.Opener{}, nil, []int{1}, 1, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			card, a, _ := made(t, wire.EV3, wire.SettDefault)
			a.lie = tc.lie
			s := &rotating{keys: tc.keys, facts: tc.facts}
			o := tc.opts
			o.Store = s
			_, err := o.File(ctx, card, place, 0, inspect.ActRead)
			if (err == nil) != tc.ok || !strings.Contains(fmt.Sprint(err), tc.text) {
				t.Errorf("%v, want %q", err, tc.text)
			}
			if !slices.Equal(s.given, tc.given) || a.attempts() != tc.attempts {
				t.Errorf("gave %v in %d attempts", s.given, a.attempts())
			}
			want := keystore.Ref{UID: keystore.UID(uid), Place: place, Key: keystore.Number(1)}
			if len(s.asked) == 0 || s.asked[0] != want {
				t.Errorf("asked %v", s.asked)
			}
		})
	}
}

// A card with a random identifier is asked for with the real one where the
// caller knows it.
func TestRandomID(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: uid})
	must(t, err)
	connect := func() *desfire.Card {
		picc.Lift()
		must(t, picc.Return())
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		must(t, err)
		return card
	}
	card := connect()
	master := key.Zero(key.Type2K3DES)
	must(t, card.Authenticate(ctx, 0, master), card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}))
	card = connect()
	mine := keystore.Ref{UID: keystore.UID(uid)}
	o := &unlock.Opener{Store: keystore.Map{mine: {Key: master}}}
	err = o.Place(ctx, card, wire.Place{}, unlock.Master)
	var no *unlock.NoKeyError
	if !errors.As(err, &no) || !no.NoUID || !strings.Contains(err.Error(), "the identifier of this card is not known, so no key can be derived from it") {
		t.Errorf("%v", err)
	}
	if _, err := card.KeySettings(ctx); err != nil {
		t.Errorf("the card cannot be used any more: %v", err)
	}
	o.Store = keystore.Chain{o.Store, unlock.One(0, key.Zero(key.TypeAES), "")} // the second is of no use
	o.UID = keystore.UID(uid)
	must(t, o.Place(ctx, card, wire.Place{}, unlock.Master))
	got, err := card.CardUID(ctx)
	if err != nil || keystore.UID(got) != o.UID {
		t.Errorf("%X, %v", got, err)
	}
}

// A card whose generation the caller states is asked for its identifier.
func TestIdentifier(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: uid})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Generation: wire.EV2})
	must(t, err)
	mine := keystore.Ref{UID: keystore.UID(uid)}
	o := &unlock.Opener{Store: keystore.Map{mine: {Key: key.Zero(key.Type2K3DES)}}}
	must(t, o.Key(ctx, card, wire.Place{}, 0))
}

func TestOne(t *testing.T) {
	ctx := context.Background()
	k := key.Zero(key.TypeAES)
	for _, tc := range []struct {
		store keystore.Store
		ref   keystore.Ref
		has   bool
	}{
		{unlock.One(2, k, ""), keystore.Ref{Place: place, Key: keystore.Number(2)}, true},
		{unlock.One(2, k, ""), keystore.Ref{UID: keystore.UID(uid), Key: keystore.Number(2)}, true},
		{unlock.One(2, k, ""), keystore.Ref{Place: place, Key: keystore.Number(1)}, false},
		{unlock.One(2, k, ""), keystore.Ref{Place: place, Key: keystore.InSet(1, 2)}, false},
		{unlock.One(2, k, "", place), keystore.Ref{Place: place, Key: keystore.Number(2)}, true},
		{unlock.One(2, k, "", place), keystore.Ref{Key: keystore.Number(2)}, false},
		{unlock.One(wire.KeyVCConfig, k, ""), keystore.Ref{Key: keystore.RoleVCConfiguration.ID()}, true},
	} {
		f, ok, err := tc.store.Has(ctx, tc.ref)
		got, err2 := tc.store.Key(ctx, tc.ref)
		if err != nil || ok != tc.has || (err2 == nil) != tc.has || tc.has && (got != key.Key(k) || f.Type != "AES" || !f.NoVersion) || !tc.has && !errors.Is(err2, keystore.ErrNotFound) {
			t.Errorf("%v: %v %v %v, %v %v", tc.ref, f, ok, err, got, err2)
		}
	}
	if f, _, _ := unlock.One(2, k.WithVersion(3), "").Has(ctx, keystore.Ref{Key: keystore.Number(2)}); f.NoVersion || f.Version != 3 {
		t.Errorf("%+v", f)
	}
}

// A store that fails ends the search, and says for which key.
func TestStoreFails(t *testing.T) {
	ctx := context.Background()
	card, a, _ := made(t, wire.EV2, wire.SettDefault)
	down := errors.New("down")
	_, err := (&unlock.Opener{Store: failing{down}, Plain: true}).File(ctx, card, place, 0, inspect.ActRead)
	if !errors.Is(err, down) || !strings.Contains(err.Error(), "key 1 of application F48121 on card 04010203040506") || a.attempts() > 0 {
		t.Error(err)
	}
}

type failing struct{ err error }

func (f failing) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.Facts{}, false, f.err
}
func (f failing) Key(context.Context, keystore.Ref) (key.Key, error) { return nil, f.err }
