package transit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/internal/keytext"
)

// maxToken bounds the file of a token.
const maxToken = 16 << 10

// FromEnv is the client that the environment says, by the variables of Vault's own
// tools, or those of OpenBao's, which begin with BAO_: VAULT_ADDR is the address,
// VAULT_TOKEN the token, else the file .vault-token in the home folder, as a login
// leaves it; VAULT_NAMESPACE the namespace; VAULT_CACERT the file of the
// certificates that are trusted, instead of those of the system. There is no way to
// trust any certificate.
func FromEnv() (*Client, error) {
	c := &Client{Address: variable("ADDR"), Namespace: variable("NAMESPACE"), Token: token}
	if c.Address == "" {
		return nil, errors.New("transit: where is Vault or OpenBao? VAULT_ADDR in the environment says it, as in https://vault.example:8200")
	}
	if file := variable("CACERT"); file != "" {
		pem, _, err := keytext.ReadFile(context.Background(), file, 1<<20)
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("transit: VAULT_CACERT: there is no certificate in it")
		}
		c.HTTP = &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		}}
	}
	return c, nil
}

func variable(name string) string {
	if v := os.Getenv("VAULT_" + name); v != "" {
		return v
	}
	return os.Getenv("BAO_" + name)
}

func token(ctx context.Context) ([]byte, error) {
	if t := variable("TOKEN"); t != "" {
		return []byte(t), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, errors.New("no token: want VAULT_TOKEN in the environment")
	}
	text, _, err := keytext.ReadFile(ctx, filepath.Join(home, ".vault-token"), maxToken)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("no token: want VAULT_TOKEN in the environment, or .vault-token in the home folder")
	}
	return text, err
}
