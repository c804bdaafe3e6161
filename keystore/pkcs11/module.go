package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/internal/keytext"
)

// Config says how a module is used. nil and the zero Config ask nobody for a PIN.
type Config struct {
	// PIN gives the PIN of a token, where it wants one; nil: nobody can be asked.
	PIN PIN

	// Sessions bounds the sessions that are open with one token at a time; 0 is
	// DefaultSessions. Calls beyond it wait.
	Sessions int

	// Warn takes what people should know, such as that a key can be read out of
	// its token. nil drops it.
	Warn func(string)
}

// DefaultSessions is how many sessions with a token are open at most.
const DefaultSessions = 4

// Module is a PKCS#11 library in this process. Its methods, and the keys that it
// gives, may be used by several goroutines.
type Module struct {
	name string
	lib  *library
	conf Config

	grace   time.Duration  // of Close
	closing chan struct{}  // closed by Close
	running sync.WaitGroup // what calls into the module

	mu      sync.Mutex
	warned  map[string]bool
	tokens  map[string]*token
	refused refusals
}

// Open loads the module in a file, named by its whole path, and initializes it. A
// module is a program: whoever names it chooses what runs here. A module that is
// open already is used along.
func Open(path string, conf *Config) (*Module, error) {
	if err := checkPath(path); err != nil {
		return nil, fmt.Errorf("pkcs11: %w", err)
	}
	n, err := open(path)
	if err != nil {
		return nil, of("module "+keytext.Harmless(path), err)
	}
	return start(path, n, n.identity(), conf)
}

// checkPath refuses what the system would look for in places of its own.
func checkPath(path string) error {
	if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
		return fmt.Errorf("module %s: want the whole path of its file, such as /usr/lib/softhsm/libsofthsm2.so", keytext.Harmless(path))
	}
	return nil
}

func start(name string, c cryptoki, identity uintptr, conf *Config) (*Module, error) {
	m := &Module{name: "module " + keytext.Harmless(filepath.Base(name)), tokens: map[string]*token{}, warned: map[string]bool{}, closing: make(chan struct{}), grace: closeGrace}
	if conf != nil {
		m.conf = *conf
	}
	if m.conf.Sessions <= 0 {
		m.conf.Sessions = DefaultSessions
	}
	var err error
	if m.lib, err = acquire(c, identity); err != nil {
		return nil, of(m.name, err)
	}
	return m, nil
}

func (m *Module) warn(text string) {
	if m.conf.Warn != nil {
		m.conf.Warn(text)
	}
}

// warnOnce is for what does not change.
func (m *Module) warnOnce(text string) {
	m.mu.Lock()
	said := m.warned[text]
	m.warned[text] = true
	m.mu.Unlock()
	if !said {
		m.warn(text)
	}
}

// do runs a function that calls into the module. Such a call cannot be interrupted:
// when ctx ends first, do returns its error at once, f goes on by itself until its
// call returns, and what it writes must not be read. spill is called whenever the
// error is not nil, once f does not run any more.
func (m *Module) do(ctx context.Context, f func() error, spill func()) error {
	if err := ctx.Err(); err != nil {
		spill()
		return err
	}
	m.mu.Lock()
	if m.isClosed() {
		m.mu.Unlock()
		spill()
		return ErrClosed
	}
	m.running.Add(1)
	m.mu.Unlock()
	if ctx.Done() == nil {
		defer m.running.Done()
		err := f()
		if err != nil {
			spill()
		}
		return err
	}
	var first atomic.Bool // f has ended, or ctx has
	done := make(chan error, 1)
	go func() {
		defer m.running.Done()
		err := f()
		taken := first.CompareAndSwap(false, true)
		if err != nil || !taken {
			spill()
		}
		if taken {
			done <- err
		}
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		if first.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-done
	}
}

func (m *Module) isClosed() bool {
	select {
	case <-m.closing:
		return true
	default:
		return false
	}
}

// slot is a token and where it is.
type slot struct {
	id   slotID
	info tokenInfo
}

// present are the tokens that are there. An error beside them is about one that
// cannot be looked at.
func present(c cryptoki) (list []slot, failed error) {
	ids, err := c.slots()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		switch info, err := c.token(id); {
		case err != nil:
			if !codeOf(err).tokenGone() { // else it went meanwhile
				failed = err
			}
		case info.flags&tokenInitialized != 0:
			list = append(list, slot{id, info})
		}
	}
	return list, failed
}

// Tokens are the tokens that are there.
func (m *Module) Tokens(ctx context.Context) (tokens []Token, err error) {
	var list []slot
	err = m.do(ctx, func() (err error) {
		if list, err = present(m.lib); len(list) > 0 {
			return nil
		}
		return err
	}, func() {})
	if err != nil {
		return nil, of(m.name, err)
	}
	for _, s := range list {
		tokens = append(tokens, tokenOf(s.info))
	}
	return tokens, nil
}

// choose is the one token that a URI names.
func choose(list []slot, u *URI) (slot, error) {
	var fit []slot
	var all []string
	for _, s := range list {
		all = append(all, tokenOf(s.info).String())
		if u.fits(s.info) {
			fit = append(fit, s)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return slot{}, fmt.Errorf("%d tokens fit (%s): name one by token= or serial= (%s)", len(fit), u.tokenWords(), strings.Join(all, "; "))
	case len(all) == 0:
		return slot{}, fmt.Errorf("%w (%s): the module sees no token that is initialized", ErrNoToken, u.tokenWords())
	}
	return slot{}, fmt.Errorf("%w (%s): the module sees %s", ErrNoToken, u.tokenWords(), strings.Join(all, "; "))
}

// Key finds the key that u names, and logs in where the token wants it, once: with
// the PIN that Config.PIN gives, which is tried once. It fails where the token has
// two such keys. u's Module and PIN are not looked at, see Modules.
func (m *Module) Key(ctx context.Context, u *URI) (*Key, error) { return m.key(ctx, u, m.conf.PIN) }

func (m *Module) key(ctx context.Context, u *URI, pin PIN) (*Key, error) {
	if u.Object == "" && len(u.ID) == 0 {
		return nil, errors.New("pkcs11: the URI names no key: Object or ID")
	}
	h := &handle{uri: *u, pin: pin}
	err := m.do(ctx, func() error {
		list, failed := present(m.lib)
		s, err := choose(list, u)
		if err != nil {
			return errors.Join(err, failed)
		}
		h.token = m.token(s)
		return h.use(ctx, func(cryptoki, session, object) error { return nil })
	}, func() {})
	if err != nil {
		return nil, of(m.name, err)
	}
	if h.traits.exposed {
		m.warnOnce(fmt.Sprintf("the key %s can be taken out of its %v by whoever may use it: it was made extractable", u.String(), h.token))
	}
	return h.key(), nil
}

// token is the pool of a token, by all that tells it apart.
func (m *Module) token(s slot) *token {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tokens[nameOf(s.info)]
	if t == nil {
		t = newToken(m, s)
		m.tokens[nameOf(s.info)] = t
	}
	t.at(s.id)
	return t
}

func nameOf(i tokenInfo) string {
	return strings.Join([]string{i.label, i.serial, i.manufacturer, i.model}, "\x00")
}

// closeGrace is how long Close waits for calls that have not returned.
const closeGrace = time.Second

// Close closes the sessions, which logs out, and ends the module if nothing else in
// this process uses it. Keys from it are ErrClosed then. A call into the module
// that does not return within a second is left to itself, with the module.
func (m *Module) Close() error {
	m.mu.Lock()
	if m.isClosed() {
		m.mu.Unlock()
		return nil
	}
	close(m.closing)
	m.mu.Unlock()
	idle := make(chan struct{})
	go func() {
		defer close(idle)
		m.running.Wait()
	}()
	select {
	case <-idle:
	case <-time.After(m.grace):
		return fmt.Errorf("pkcs11: %s: a call into it does not return: it was not ended", m.name)
	}
	for _, t := range m.tokens {
		t.close(m.lib)
	}
	return of(m.name, m.lib.release())
}
