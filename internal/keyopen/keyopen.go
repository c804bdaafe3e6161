// Package keyopen opens keyrings as all programs here do: which forms of keys they know
// beside those of package keystore, where modules and vaults are found.
package keyopen

import (
	"context"
	"os"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/keystore/oskeyring"
	"github.com/go-desfire/desfire/keystore/pkcs11"
	"github.com/go-desfire/desfire/keystore/transit"
)

// ModuleVar names the PKCS#11 module of keys whose URI names none.
const ModuleVar = "DESFIRE_PKCS11_MODULE"

// Modules opens PKCS#11 modules as keys in them are asked for. The caller closes them.
func Modules(warn func(string)) *pkcs11.Modules {
	return pkcs11.NewModules(&pkcs11.ModulesConfig{Path: os.Getenv(ModuleVar), Warn: warn})
}

// Providers are the written forms of keys besides those that package keystore knows.
func Providers(m *pkcs11.Modules) keystore.Providers {
	return keystore.Providers{oskeyring.Provider(), m.Provider()}
}

// Unwrap opens an envelope of Vault or OpenBao, which the environment names.
func Unwrap(ctx context.Context, text []byte) ([]byte, error) {
	c, err := transit.FromEnv()
	if err != nil {
		return nil, err
	}
	return c.Open(ctx, text)
}

// Config is what a keyring is opened with.
type Config struct {
	Identity string          // file of age identities that open it
	Prompt   keystore.Prompt // nil: nobody can be asked
	Warn     func(string)
	Modules  *pkcs11.Modules
}

// Keyring opens a keyring.
func Keyring(ctx context.Context, path string, c Config) (*keyring.Ring, error) {
	return keyring.OpenContext(ctx, path, &keyring.Config{Identity: c.Identity, Unwrap: Unwrap, Prompt: c.Prompt, Warn: c.Warn, Providers: Providers(c.Modules)})
}
