package pkcs11

import (
	"context"
	"errors"
	"strings"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// Provider makes pkcs11: and a URI, as ParseTrusted reads it, a written form of
// keys. Of a URI that names a module, or where the PIN comes from other than a
// person, the key is had only where the keystore.Config allows to run code. PINs are asked for by its
// Prompt, and programs run by its Exec; those of the ModulesConfig come first where
// the URI has no pin-source.
func (ms *Modules) Provider() keystore.Provider {
	return keystore.Provider{Name: "pkcs11", Form: "pkcs11:token=TOKEN;object=LABEL", Parse: func(address string) (*keystore.Provided, error) {
		u, err := ParseTrusted("pkcs11:" + address)
		if err != nil {
			return nil, errors.New(strings.TrimPrefix(err.Error(), "pkcs11: "))
		}
		return &keystore.Provided{
			Source: u.String(), Facts: u.Facts(), Code: u.code(),
			Key: func(ctx context.Context, c *keystore.Config, t *key.Type) (key.Key, error) {
				return ms.provide(ctx, u, c, t)
			},
		}, nil
	}}
}

// code is what the URI makes run, or gives to a token.
func (u *URI) code() string {
	if u.Module == "" && u.PIN != "prompt" {
		return u.PIN
	}
	return u.Module
}

func (ms *Modules) provide(ctx context.Context, u *URI, c *keystore.Config, t *key.Type) (key.Key, error) {
	pin := ms.conf.PIN
	if u.PIN != "" || !ms.asks {
		var err error
		if pin, err = pinOf(u, c.Prompt, c.Exec); err != nil {
			return nil, of("key URI", err)
		}
	}
	m, err := ms.module(u.Module)
	if err != nil {
		return nil, err
	}
	k, err := m.key(ctx, u, pin)
	if err == nil && t != nil {
		k, err = k.As(*t)
	}
	if err != nil {
		return nil, err
	}
	return provided{k}, nil
}

// provided is a Key whose versions a keystore.Recipe can make.
type provided struct{ *Key }

// WithVersion is that of Key.
func (p provided) WithVersion(version byte) key.Key { return provided{p.Key.WithVersion(version)} }
