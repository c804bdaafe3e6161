package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// token is the pool of sessions with one token. Its methods block for as long as
// the module does; contexts end waits only. They run under Module.do.
type token struct {
	m    *Module
	name string // all that tells it apart
	info tokenInfo

	idle  chan *conn    // sessions that nobody uses
	login chan struct{} // of one: one login at a time

	mu         sync.Mutex
	slot       slotID
	placed     bool // slot is where it is
	generation int  // of what was found in it
	open       int  // sessions that are open, or being opened
	conns      map[*conn]bool
	freed      chan struct{} // closed when a session was closed
}

// conn is a session. One call at a time uses it.
type conn struct {
	h          session
	generation int // when it was last known to be logged in
}

func newToken(m *Module, s slot) *token {
	return &token{
		m: m, name: nameOf(s.info), info: s.info, slot: s.id, placed: true,
		idle: make(chan *conn, m.conf.Sessions), login: make(chan struct{}, 1),
		conns: map[*conn]bool{}, freed: make(chan struct{}),
	}
}

// String names it in errors.
func (t *token) String() string { return tokenOf(t.info).String() }

// with runs f in a session that is logged in where the token wants it. What others
// took away meanwhile is looked for again: a session, and then the token if it is
// elsewhere. f must be such that it can run again.
func (t *token) with(ctx context.Context, pin PIN, f func(c cryptoki, s *conn) error) error {
	for try := 1; ; try++ {
		s, err := t.acquire(ctx)
		if err == nil {
			if err = t.enter(ctx, s, pin); err == nil {
				err = f(t.m.lib, s)
			}
			t.done(s, err)
		}
		code := codeOf(err)
		if code.lost() {
			t.lose(code.tokenGone())
		}
		if try == maxTries || !code.lost() || ctx.Err() != nil {
			return err
		}
	}
}

// maxTries bounds how often a call is made whose session or token was taken away.
const maxTries = 3

// acquire gives a session, and waits while all that may be open are in use.
func (t *token) acquire(ctx context.Context) (*conn, error) {
	for {
		select {
		case s := <-t.idle:
			return s, nil
		default:
		}
		t.mu.Lock()
		var freed <-chan struct{} = t.freed
		more := t.open < t.m.conf.Sessions
		if more {
			t.open++
		}
		t.mu.Unlock()
		if more {
			s, err := t.connect()
			if err == nil {
				return s, nil
			}
			full := codeOf(err) == codeSessionCount
			var others int
			if others, freed = t.closed(nil, full); !full {
				return nil, err
			}
			if others == 0 {
				return nil, fmt.Errorf("other programs have them: %w", err)
			}
			// One of ours will do.
		}
		select {
		case s := <-t.idle:
			return s, nil
		case <-freed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.m.closing:
			return nil, ErrClosed
		}
	}
}

// connect opens a session.
func (t *token) connect() (*conn, error) {
	t.mu.Lock()
	id, placed := t.slot, t.placed
	t.mu.Unlock()
	if !placed {
		var err error
		if id, err = t.place(); err != nil {
			return nil, err
		}
	}
	h, err := t.m.lib.openSession(id)
	if err != nil {
		return nil, err
	}
	// Tokens may have changed places. A session stays with the token it began with.
	if info, err := t.m.lib.token(id); err != nil || nameOf(info) != t.name {
		_ = t.m.lib.closeSession(h)
		t.lose(true)
		if err == nil {
			err = &callError{"C_GetTokenInfo", codeTokenAbsent}
		}
		return nil, fmt.Errorf("%w: %w", ErrNoToken, err)
	}
	s := &conn{h: h, generation: -1}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conns[s] = true
	return s, nil
}

// place looks for the token, which was in another slot or nowhere.
func (t *token) place() (slotID, error) {
	list, failed := present(t.m.lib)
	for _, s := range list {
		if nameOf(s.info) == t.name {
			t.at(s.id)
			return s.id, nil
		}
	}
	return 0, errors.Join(ErrNoToken, failed)
}

// at says where the token is.
func (t *token) at(id slotID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slot, t.placed = id, true
}

// closed counts a session that is open no more, and gives how many others are and
// what says that one more is not. Who waits hears of it, unless the token is full
// and others are left: one who failed for that must not set off the next.
func (t *token) closed(s *conn, full bool) (others int, freed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, s)
	if t.open--; !full || t.open == 0 {
		close(t.freed)
		t.freed = make(chan struct{})
	}
	return t.open, t.freed
}

// lose says that logins and objects may be gone; with moved, the token may be
// elsewhere.
func (t *token) lose(moved bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.generation++
	if moved {
		t.placed = false
	}
}

func (t *token) now() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}

// done gives a session back after a call, or closes it where it is of no use any
// more.
func (t *token) done(s *conn, err error) {
	if codeOf(err).spoils() || errors.Is(err, ErrModule) {
		_ = t.m.lib.closeSession(s.h) // it may be gone
		t.closed(s, false)
		return
	}
	t.idle <- s // has room for all that may be open
}

// close closes all sessions. Nothing uses the token any more.
func (t *token) close(c cryptoki) {
	for s := range t.conns {
		_ = c.closeSession(s.h)
	}
}
