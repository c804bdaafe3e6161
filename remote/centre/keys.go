package centre

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/keytext"
)

// keyFile is what the file of the centre's own keys holds, as seeds.
type keyFile struct {
	V        int    `json:"v"`
	Fleet    string `json:"fleet"`
	Operator string `json:"operator,omitempty"`
	System   string `json:"system,omitempty"`  // of the system account
	Account  string `json:"account,omitempty"` // of the account of the fleet
}

// ownKeys are the keys of a fleet that the centre made itself.
type ownKeys struct{ operator, system, account nkeys.KeyPair }

const keysName = "centre-keys.json"

// openKeys reads the keys of a folder, or makes them if there are none yet.
func openKeys(dir, fleet string) (*ownKeys, error) {
	path := filepath.Join(dir, keysName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return makeKeys(path, fleet)
	}
	var f keyFile
	if err := readSecret(path, "keys of the centre", &f); err != nil {
		return nil, err
	}
	if f.V != 1 {
		return nil, fmt.Errorf("keys of the centre %s: version %d, and this program knows 1: update it", keytext.Harmless(path), f.V)
	}
	if f.Fleet != fleet {
		return nil, fmt.Errorf("keys of the centre %s: they are of fleet %.40q, not %q: want another folder, or that name", keytext.Harmless(path), f.Fleet, fleet)
	}
	k := new(ownKeys)
	for _, one := range []struct {
		to    *nkeys.KeyPair
		seed  string
		kind  nkeys.PrefixByte
		which string
	}{
		{&k.operator, f.Operator, nkeys.PrefixByteOperator, "operator"},
		{&k.system, f.System, nkeys.PrefixByteAccount, "system"},
		{&k.account, f.Account, nkeys.PrefixByteAccount, "account"},
	} {
		pair, err := fromSeed(one.seed, one.kind)
		if err != nil {
			return nil, fmt.Errorf("keys of the centre %s: %s: %w", keytext.Harmless(path), one.which, err)
		}
		*one.to = pair
	}
	return k, nil
}

func makeKeys(path, fleet string) (*ownKeys, error) {
	k := new(ownKeys)
	f := keyFile{V: 1, Fleet: fleet}
	for _, one := range []struct {
		to   *nkeys.KeyPair
		seed *string
		make func() (nkeys.KeyPair, error)
	}{
		{&k.operator, &f.Operator, nkeys.CreateOperator},
		{&k.system, &f.System, nkeys.CreateAccount},
		{&k.account, &f.Account, nkeys.CreateAccount},
	} {
		pair, err := one.make()
		if err != nil {
			return nil, fmt.Errorf("keys of the centre: %w", err)
		}
		seed, err := pair.Seed()
		if err != nil {
			return nil, fmt.Errorf("keys of the centre: %w", err)
		}
		*one.to, *one.seed = pair, string(seed) // the pair keeps seed
	}
	return k, writeSecret(path, "keys of the centre", &f)
}

// errSeed says no more, since a text near a seed may be one.
var errSeed = errors.New("not a seed of this kind")

// fromSeed is a key of a seed of one kind.
func fromSeed(seed string, kind nkeys.PrefixByte) (nkeys.KeyPair, error) {
	text := []byte(seed)
	defer clear(text)
	prefix, raw, err := nkeys.DecodeSeed(text)
	clear(raw)
	if err != nil || prefix != kind {
		return nil, errSeed
	}
	pair, err := nkeys.FromSeed(text)
	if err != nil {
		return nil, errSeed
	}
	return pair, nil
}

// public is the public half of a key that this package made or read.
func public(pair nkeys.KeyPair) string {
	p, err := pair.PublicKey()
	if err != nil { // a seed that was read whole has one
		return ""
	}
	return p
}
