package main

import (
	"context"
	"errors"
	"os"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/oskeyring"
	"github.com/go-desfire/desfire/keystore/pkcs11"
	"github.com/go-desfire/desfire/keystore/transit"
)

// moduleVar names the PKCS#11 module of keys whose URI names none.
const moduleVar = "DESFIRE_PKCS11_MODULE"

// providers are the written forms of keys besides those that package keystore
// knows.
func (a *app) providers() keystore.Providers {
	return keystore.Providers{oskeyring.Provider(), a.modules.Provider()}
}

// newModules opens PKCS#11 modules as keys in them are asked for. The app ends
// them.
func (a *app) newModules() *pkcs11.Modules {
	return pkcs11.NewModules(&pkcs11.ModulesConfig{Path: os.Getenv(moduleVar), Warn: a.warn})
}

// adviseModule says how a module is named, where none is.
func adviseModule(err error) error {
	if errors.Is(err, pkcs11.ErrNoModule) {
		return advise(err, "%s in the environment names it, or ?module-path=FILE behind the URI.", moduleVar)
	}
	return err
}

// unwrap opens an envelope of Vault or OpenBao, which the environment names.
func unwrap(ctx context.Context, text []byte) ([]byte, error) {
	c, err := transit.FromEnv()
	if err != nil {
		return nil, err
	}
	return c.Open(ctx, text)
}

// loadAny allows code that the user himself has named.
func loadAny(string) error { return nil }
