package pkcs11

import (
	"context"
	"errors"
	"sync"

	"github.com/go-desfire/desfire/keystore"
)

// Modules opens modules when the first key of theirs is asked for. Nothing is
// loaded before. It may be used by several goroutines.
type Modules struct {
	conf ModulesConfig
	asks bool // by its own PIN or Prompt
	mu   sync.Mutex
	open map[string]*Module
}

// ModulesConfig says which modules are used and who is asked for PINs.
type ModulesConfig struct {
	// Path is the module of keys whose URI names none; empty: such a URI is an
	// error.
	Path string

	// PIN gives the PINs of tokens where the URI has no pin-source; nil is
	// Ask(Prompt).
	PIN PIN

	// Prompt asks a person; nil: nobody can be asked.
	Prompt keystore.Prompt

	// Exec runs the program of a pin-source; nil: none is run. See package execkey.
	Exec func(ctx context.Context, argv []string) ([]byte, error)

	Sessions int          // as in Config
	Warn     func(string) // as in Config
}

// ErrNoModule says that neither a URI nor the ModulesConfig names a module.
var ErrNoModule = errors.New("pkcs11: no module is named: want the file of one, such as /usr/lib/softhsm/libsofthsm2.so")

// NewModules makes a Modules; nil is the zero ModulesConfig.
func NewModules(conf *ModulesConfig) *Modules {
	m := &Modules{open: map[string]*Module{}}
	if conf != nil {
		m.conf = *conf
	}
	if m.asks = m.conf.PIN != nil || m.conf.Prompt != nil; m.conf.PIN == nil {
		m.conf.PIN = Ask(m.conf.Prompt)
	}
	return m
}

// Key gives the key that u names, from its Module or the one of the Config, as
// Module.Key does.
func (ms *Modules) Key(ctx context.Context, u *URI) (*Key, error) {
	pin, err := ms.pin(u)
	if err != nil {
		return nil, of("key URI", err)
	}
	m, err := ms.module(u.Module)
	if err != nil {
		return nil, err
	}
	return m.key(ctx, u, pin)
}

func (ms *Modules) pin(u *URI) (PIN, error) {
	if u.PIN == "" {
		return ms.conf.PIN, nil
	}
	return pinOf(u, ms.conf.Prompt, ms.conf.Exec)
}

// pinOf gives the PIN from where the URI says, or from a person.
func pinOf(u *URI, prompt keystore.Prompt, exec func(ctx context.Context, argv []string) ([]byte, error)) (PIN, error) {
	if u.PIN == "" {
		return Ask(prompt), nil
	}
	s, err := parseSource(u.PIN)
	switch {
	case err != nil:
		return nil, err
	case s.env != "":
		return FromEnv(s.env), nil
	case s.argv == nil:
		return Ask(prompt), nil
	case exec == nil:
		return nil, errors.New("pin-source=exec: no program is run from here")
	}
	return FromExec(exec, s.argv), nil
}

func (ms *Modules) module(path string) (*Module, error) {
	if path == "" {
		path = ms.conf.Path
	}
	if path == "" {
		return nil, ErrNoModule
	}
	ms.mu.Lock()
	defer ms.mu.Unlock()
	if ms.open == nil {
		return nil, ErrClosed
	}
	if m := ms.open[path]; m != nil {
		return m, nil
	}
	m, err := Open(path, &Config{PIN: ms.conf.PIN, Sessions: ms.conf.Sessions, Warn: ms.conf.Warn})
	if err != nil {
		return nil, err
	}
	ms.open[path] = m
	return m, nil
}

// Close closes the modules.
func (ms *Modules) Close() error {
	ms.mu.Lock()
	open := ms.open
	ms.open = nil
	ms.mu.Unlock()
	var errs []error
	for _, m := range open {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}
