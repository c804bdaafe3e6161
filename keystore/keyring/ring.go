package keyring

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// Config says how a keyring is opened. nil and the zero Config read files and
// variables, and run programs where the file may be trusted.
type Config struct {
	// Identity is a file of age identities, as age-keygen writes it. It may itself
	// be encrypted by a passphrase, or an envelope that Unwrap opens.
	Identity string

	// Unwrap opens an identity file that is an envelope of transit, whose text it
	// gets; package transit has one. nil: such a file is an error.
	Unwrap func(ctx context.Context, text []byte) ([]byte, error)

	// Prompt asks for passphrases and for keys that are typed; nil: nobody can be
	// asked.
	Prompt keystore.Prompt

	// Warn takes what people should know, such as that others can read the file,
	// each once. nil drops it.
	Warn func(string)

	// Exec runs programs; nil is execkey.Run.
	Exec func(ctx context.Context, argv []string) ([]byte, error)

	// Providers are the forms of keys that the keyring may have besides, such as os:
	// and pkcs11:. Others are errors.
	Providers keystore.Providers

	// TrustExec runs the programs and loads the modules that the keyring names
	// whoever may have written it, where the system does not say who: on Windows,
	// and for what is no file.
	TrustExec bool
}

// Ring is the keys of a file. It is a keystore.Rotating; its methods may be called
// from several goroutines.
type Ring struct {
	name   string // of the file, for people
	dir    string
	prompt keystore.Prompt
	trust  trust
	warn   func(string)
	ages   ages

	providers keystore.Providers

	masters map[string]*cell
	names   []string
	slots   map[keystore.Ref][]*slot
	refs    []keystore.Ref
	closed  atomic.Bool
}

var _ keystore.Rotating = (*Ring)(nil)

// Open reads a keyring. A file that is encrypted as a whole is deciphered, and its
// passphrase asked for. Errors in the text are a *FileError.
func Open(path string, conf *Config) (*Ring, error) {
	return OpenContext(context.Background(), path, conf)
}

// OpenContext is Open that a context ends where it waits, for a person or for a pipe
// that nobody writes to.
func OpenContext(ctx context.Context, path string, conf *Config) (*Ring, error) {
	if conf == nil {
		conf = new(Config)
	}
	text, info, err := keytext.ReadFile(ctx, path, yamlnode.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	defer clear(text)
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	r := newRing(path, dir, conf)
	access, known := keytext.AccessOf(info)
	r.trust = newTrust(dir, conf, access, known)
	what := "keyring " + keytext.Harmless(path)
	switch {
	case known && access.Write:
		r.warn(fmt.Sprintf("the %s can be changed by others than its owner: chmod 600 takes that from them", what))
	case known && access.Read && !keystore.Encrypted(text):
		r.warn(fmt.Sprintf("the %s can be read by others than its owner: chmod 600 takes that from them", what))
	}
	if err := r.decipher(ctx, what, text); err != nil {
		return nil, err
	}
	return r, nil
}

// OpenText is Open of a keyring that is no file: its text, which stays the caller's. name is what
// errors call it. Files that it names begin at the working folder, unless they are absolute; programs
// and modules run only with Config.TrustExec.
func OpenText(ctx context.Context, name string, text []byte, conf *Config) (*Ring, error) {
	if conf == nil {
		conf = new(Config)
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	if len(text) > yamlnode.MaxFile {
		return nil, &FileError{File: name, Reason: fmt.Sprintf("%d bytes are more than any keyring has, %d", len(text), yamlnode.MaxFile)}
	}
	r := newRing(name, dir, conf)
	r.trust = newTrust(dir, conf, keytext.Access{}, false)
	if err := r.decipher(ctx, "keyring "+keytext.Harmless(name), text); err != nil {
		return nil, err
	}
	return r, nil
}

func newRing(name, dir string, conf *Config) *Ring {
	r := &Ring{
		name: name, dir: dir, prompt: conf.Prompt, warn: once(conf.Warn),
		masters: map[string]*cell{}, slots: map[keystore.Ref][]*slot{}, providers: conf.Providers,
	}
	r.ages = ages{turn: make(chan struct{}, 1), file: conf.Identity, unwrap: conf.Unwrap, prompt: conf.Prompt, warn: r.warn}
	return r
}

// decipher reads the entries of a text that may be encrypted as a whole.
func (r *Ring) decipher(ctx context.Context, what string, text []byte) (err error) {
	if keystore.Encrypted(text) {
		if text, err = r.ages.open(ctx, what, text, true, yamlnode.MaxFile); err != nil {
			return fmt.Errorf("keyring: %w", err)
		}
		defer clear(text)
	}
	err = r.read(text)
	var fe *FileError
	if errors.As(err, &fe) {
		fe.File = r.name
	}
	return err
}

// read makes the entries of a text.
func (r *Ring) read(text []byte) error {
	root, err := yamlnode.Parse(text, words)
	if err == nil {
		err = r.decode(root)
	}
	if f := (*yamlnode.Fault)(nil); errors.As(err, &f) {
		return &FileError{Line: f.Line, Column: f.Column, Reason: f.Reason}
	}
	return err
}

// once drops what was said before.
func once(warn func(string)) func(string) {
	var mu sync.Mutex
	said := map[string]bool{}
	return func(s string) {
		mu.Lock()
		defer mu.Unlock()
		if warn == nil || said[s] {
			return
		}
		said[s] = true
		warn(s)
	}
}

func (r *Ring) find(ref keystore.Ref) []*slot {
	if s, ok := r.slots[ref]; ok {
		return s
	}
	return r.slots[ref.Everywhere()]
}

// Has implements keystore.Store.
func (r *Ring) Has(ctx context.Context, ref keystore.Ref) (keystore.Facts, bool, error) {
	slots := r.find(ref)
	if len(slots) == 0 {
		return keystore.Facts{}, false, nil
	}
	if err := r.usable(ctx); err != nil {
		return keystore.Facts{}, false, err
	}
	return slots[0].facts(ctx, ref), true, nil
}

// Key implements keystore.Store, with the newest key. Where it is derived from a
// UID and ref has none, the error is ErrNoUID.
func (r *Ring) Key(ctx context.Context, ref keystore.Ref) (key.Key, error) {
	slots := r.find(ref)
	if len(slots) == 0 {
		return nil, &keystore.NotFoundError{Ref: ref, Store: r.name}
	}
	return slots[0].key(ctx, ref)
}

// Slots implements keystore.Rotating.
func (r *Ring) Slots(ctx context.Context, ref keystore.Ref) ([]keystore.Slot, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	var slots []keystore.Slot
	for _, s := range r.find(ref) {
		slots = append(slots, keystore.Slot{
			Facts: s.facts(ctx, ref),
			Key:   func(ctx context.Context) (key.Key, error) { return s.key(ctx, ref) },
		})
	}
	return slots, nil
}

func (r *Ring) usable(ctx context.Context) error {
	if r.closed.Load() {
		return errClosed
	}
	return ctx.Err()
}

// Refs is what the keyring names, in its order.
func (r *Ring) Refs() []keystore.Ref { return slices.Clone(r.refs) }

// Masters are the names of the master keys, in their order.
func (r *Ring) Masters() []string { return slices.Clone(r.names) }

// Master gives the master key of a name, as Key does. Where there is none, the
// error is keystore.ErrNotFound.
func (r *Ring) Master(ctx context.Context, name string) (key.Key, error) {
	c, ok := r.masters[name]
	if !ok {
		return nil, fmt.Errorf("keyring: %s has no master key %s: %w", r.name, yamlnode.Shown(name), keystore.ErrNotFound)
	}
	k, _, err := c.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", c.what, err)
	}
	return k, nil
}

// MasterFacts is what is known of a master key without asking anybody.
func (r *Ring) MasterFacts(ctx context.Context, name string) (keystore.Facts, bool) {
	c, ok := r.masters[name]
	if !ok {
		return keystore.Facts{}, false
	}
	_, f := c.look(ctx)
	return f, true
}

// Close overwrites the keys and passphrases that the ring has, and lets handles go
// whose bytes are elsewhere: who gave the providers ends those. Nothing may use the
// ring, or a key from it, meanwhile or later.
func (r *Ring) Close() error {
	r.closed.Store(true)
	r.ages.close()
	for _, c := range r.masters {
		c.wipe()
	}
	for _, slots := range r.slots {
		for _, s := range slots {
			s.master.wipe()
		}
	}
	return nil
}

func (c *cell) wipe() {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	if s, ok := c.got.(*key.Secret); ok {
		s.Wipe()
	}
	c.got = nil
}
