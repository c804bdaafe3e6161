package mobile

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

// Keys are the keys that an app has for cards: keyrings, single keys, and keys that stay in a safe of
// the phone. Where several have a key, the first that was added gives it. Keys may be used by several jobs.
type Keys struct {
	mu     sync.Mutex
	list   []keystore.Store
	rings  []*keyring.Ring
	single []keystore.Ref
	closed bool
}

// NewKeys has no keys yet.
func NewKeys() *Keys { return &Keys{} }

// AddKeyring adds the keys of a keyring: its text, as docs/keyring.schema.json says. passphrase
// opens one that is encrypted; else it is empty. Programs that a keyring names are not run.
func (k *Keys) AddKeyring(text, passphrase string) error {
	return k.ring(func(conf *keyring.Config) (*keyring.Ring, error) {
		b := []byte(text)
		defer clear(b)
		return keyring.OpenText(context.Background(), "keyring", b, conf)
	}, passphrase)
}

// AddKeyringFile adds the keys of a keyring in a file of the app.
func (k *Keys) AddKeyringFile(path, passphrase string) error {
	return k.ring(func(conf *keyring.Config) (*keyring.Ring, error) { return keyring.Open(path, conf) }, passphrase)
}

func (k *Keys) ring(open func(*keyring.Config) (*keyring.Ring, error), passphrase string) error {
	conf := &keyring.Config{Exec: func(context.Context, []string) ([]byte, error) { return nil, keyring.ErrNotTrusted }}
	if passphrase != "" {
		conf.Prompt = func(context.Context, string) ([]byte, error) { return []byte(passphrase), nil }
	}
	r, err := open(conf)
	if err != nil {
		return coded(CodeInput, err)
	}
	if err := k.add(r); err != nil {
		return errors.Join(err, r.Close())
	}
	k.mu.Lock()
	k.rings = append(k.rings, r)
	k.mu.Unlock()
	return nil
}

// AddKey adds one key. ref says which: UID/PLACE/KEY, as "04112233445566/card/0"; a star in place of the UID is every
// card. text is the key: TYPE:HEX/VERSION, as "aes:00112233445566778899AABBCCDDEEFF/01".
func (k *Keys) AddKey(ref, text string) error {
	r, err := keystore.ParseRef(ref)
	if err != nil {
		return usage("the key %s: %w", ref, err)
	}
	secret, err := written("the key "+r.String(), text)
	if err != nil {
		return err
	}
	return k.one(r, secret, "app")
}

// AddSafe adds one AES-128 key that stays in a safe. ref is as in AddKey, version is that of the
// key, 0 to 255, and name is what errors and JSON call the safe.
func (k *Keys) AddSafe(ref string, version int, name string, safe KeySafe) error {
	r, err := keystore.ParseRef(ref)
	switch {
	case err != nil:
		return usage("the key %s: %w", ref, err)
	case safe == nil:
		return usage("there is no safe for the key %v", r)
	case version < 0 || version > 0xFF:
		return usage("version %d of the key %v: want 0 to 255", version, r)
	case strings.TrimSpace(name) == "":
		return usage("the safe of the key %v has no name", r)
	}
	if err := keystore.CheckName(name); err != nil {
		return usage("the name of the safe: %w", err)
	}
	return k.one(r, &safeKey{name: name, version: byte(version), safe: safe}, name)
}

// written reads a key that stands in the text itself, and is not elsewhere.
func written(what, text string) (*key.Secret, error) {
	if keystore.InTheOpen(text) {
		if secret, _, err := keystore.Parse(text); err == nil {
			return secret, nil
		}
	}
	return nil, coded(CodeInput, errors.New(what+": want TYPE:HEX/VERSION, as aes: with 32 digits and /01"))
}

func (k *Keys) one(r keystore.Ref, one key.Key, source string) error {
	if err := k.add(keystore.Map{r: {Key: one, Source: source}}); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.single = append(k.single, r)
	return nil
}

func (k *Keys) add(s keystore.Store) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return usage("the keys were closed")
	}
	k.list = append(k.list, s)
	return nil
}

// Close overwrites the keys that are in memory. No job may use them any more.
func (k *Keys) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.rings {
		_ = r.Close()
	}
	for _, s := range k.list {
		m, _ := s.(keystore.Map)
		for _, g := range m {
			if secret, ok := g.Key.(*key.Secret); ok {
				secret.Wipe()
			}
		}
	}
	k.closed, k.list, k.rings, k.single = true, nil, nil, nil
}

// store is all of it; empty of nil.
func (k *Keys) store() keystore.Chain {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return append(keystore.Chain(nil), k.list...)
}

// refs are the keys that can be named.
func (k *Keys) refs() (list []keystore.Ref) {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	list = append(list, k.single...)
	for _, r := range k.rings {
		list = append(list, r.Refs()...)
	}
	return list
}

// masters are the master keys of the keyrings.
func (k *Keys) masters() masterKeys {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return append(masterKeys(nil), k.rings...)
}

// masterKeys asks one keyring after the other.
type masterKeys []*keyring.Ring

// MasterFacts implements keystore.Masters.
func (m masterKeys) MasterFacts(ctx context.Context, name string) (keystore.Facts, bool) {
	for _, r := range m {
		if f, ok := r.MasterFacts(ctx, name); ok {
			return f, true
		}
	}
	return keystore.Facts{}, false
}

// Master implements keystore.Masters.
func (m masterKeys) Master(ctx context.Context, name string) (key.Key, error) {
	for _, r := range m {
		if _, ok := r.MasterFacts(ctx, name); ok {
			return r.Master(ctx, name)
		}
	}
	return nil, keystore.ErrNotFound
}
