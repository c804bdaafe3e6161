package keystore

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
)

// Masters is implemented by stores that have master keys by name, of which keys of
// cards are derived.
type Masters interface {
	// MasterFacts is what is known of a master key without asking anybody; false if
	// there is none of that name.
	MasterFacts(ctx context.Context, name string) (Facts, bool)

	// Master gives it, as Store.Key does. Where there is none of that name, the
	// error is ErrNotFound.
	Master(ctx context.Context, name string) (key.Key, error)
}

// Recipe is how a key of a card is made of a master key.
type Recipe struct {
	Master    string           // its name, for errors
	Diversify *Diversification // nil: the master key itself

	Type  key.Type // that the master key must have, if Typed
	Typed bool

	Version   byte // of what is made, if Versioned; else the master's
	Versioned bool
}

// Diversification is what AN10922 derives a key from: UID, AID with its most
// significant byte first, and an identifier of the system, of those that are said,
// in this order.
type Diversification struct {
	UID, AID bool
	System   []byte
}

// Make makes the key of a master key of which f is known. The Source of the facts is
// f's. A key that is derived is the caller's to wipe; without Diversify it may be
// master itself. A handle gets another version if it has a method
// WithVersion(byte) key.Key.
func (rc *Recipe) Make(ctx context.Context, r Ref, master key.Key, f Facts) (key.Key, Facts, error) {
	if rc.Typed && !OneType(master.Type().String(), rc.Type.String()) {
		return nil, f, fmt.Errorf("the type should be %v, and the master key %s is of type %v", rc.Type, rc.Master, master.Type())
	}
	k := master
	if rc.Diversify != nil {
		input, err := rc.Diversify.Input(r)
		if err != nil {
			return nil, f, err
		}
		if k, err = an10922.Key(ctx, master, input); err != nil {
			return nil, f, err
		}
	}
	if rc.Versioned && k.Version() != rc.Version {
		var ok bool
		if k, ok = withVersion(k, rc.Version); !ok {
			return nil, f, fmt.Errorf("the version should be %02X, and the key %s has %02X where it is kept", rc.Version, rc.Master, k.Version())
		}
	}
	made := FactsOf(k, f.Source)
	made.NoVersion = f.NoVersion
	return k, rc.stated(made), nil
}

// withVersion is a key with another version; false, and the key, if it cannot have
// another.
func withVersion(k key.Key, version byte) (key.Key, bool) {
	switch k := k.(type) {
	case *key.Secret:
		return k.WithVersion(version), true
	case interface{ WithVersion(byte) key.Key }:
		return k.WithVersion(version), true
	}
	return k, false
}

// Facts is what is known of the key that Make makes, without the key, where f is
// known of the master key.
func (rc *Recipe) Facts(f Facts) Facts {
	if rc.Diversify != nil {
		f.Check = key.CheckValue{}
		if f.Type == key.TypeDES.String() {
			f.Type = key.Type2K3DES.String()
		}
	}
	return rc.stated(f)
}

// stated puts in what the recipe itself says.
func (rc *Recipe) stated(f Facts) Facts {
	if rc.Typed && f.Type == "" {
		f.Type = rc.Type.String()
	}
	if rc.Versioned {
		f.Version, f.NoVersion = rc.Version, false
	}
	return f
}

// NeedsUID reports whether the key is another one on each card.
func (rc *Recipe) NeedsUID() bool { return rc.Diversify != nil && rc.Diversify.UID }

// Input is what the key is derived from. Where that is the UID and r has none, the
// error is ErrNoUID.
func (d *Diversification) Input(r Ref) ([]byte, error) {
	var in []byte
	if d.UID {
		if r.UID == "" {
			return nil, ErrNoUID
		}
		in = append(in, r.UID...)
	}
	if d.AID {
		in = an10922.Input(in, r.Place.AID, "")
	}
	return append(in, d.System...), nil
}

// OneType reports whether keys of two types, as Facts have them, may be one: DES and
// 2K3DES share theirs on cards.
func OneType(a, b string) bool {
	return a == b || oneOfDES(a) && oneOfDES(b)
}

func oneOfDES(t string) bool { return t == key.TypeDES.String() || t == key.Type2K3DES.String() }
