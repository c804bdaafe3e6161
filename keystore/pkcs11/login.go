package pkcs11

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/keystore"
)

// enter sees to it that a session is there and logged in.
func (t *token) enter(ctx context.Context, s *conn, pin PIN) error {
	now := t.now()
	if s.generation == now {
		return nil
	}
	in, err := t.loggedIn(s)
	if err != nil {
		return err
	}
	if !in {
		if err := t.logIn(ctx, s, pin); err != nil {
			return err
		}
	}
	s.generation = now
	return nil
}

// loggedIn asks the module, since a login is one of the whole process.
func (t *token) loggedIn(s *conn) (bool, error) {
	state, err := t.m.lib.state(s.h)
	if err != nil {
		return false, err
	}
	if state == stateReadWriteSO {
		return false, &callError{functions[fLogin].name, codeOtherUser}
	}
	return t.info.flags&tokenLoginRequired == 0 || state == stateReadOnlyUser || state == stateReadWrite, nil
}

// logIn asks for the PIN and tries it, once.
func (t *token) logIn(ctx context.Context, s *conn, pin PIN) error {
	select {
	case t.login <- struct{}{}:
		defer func() { <-t.login }()
	case <-ctx.Done():
		return ctx.Err()
	case <-t.m.closing:
		return ErrClosed
	}
	if in, err := t.loggedIn(s); in || err != nil {
		return err // by another call meanwhile
	}
	about, err := t.about()
	if err != nil {
		return err
	}
	if about.Locked {
		return &PINError{Token: about}
	}
	answer, err := t.answer(ctx, about, pin)
	defer func() { clear(answer) }()
	if err != nil {
		return err
	}
	if answer != nil && t.m.refused.has(t.name, answer) {
		return &PINError{Token: about}
	}
	err = t.m.lib.login(s.h, answer)
	switch codeOf(err) {
	case codeOK, codeAlreadyLoggedIn:
		t.m.refused.forget(t.name)
		return nil
	case codePINIncorrect, codePINInvalid, codePINLength:
		if answer != nil {
			t.m.refused.add(t.name, answer)
		}
	case codePINLocked, codePINExpired, codePINNotInitialized:
	default:
		return err
	}
	if now, e := t.about(); e == nil {
		about = now // its flags have changed
	}
	return &PINError{Token: about, Err: err, Tried: true}
}

// about is the token as it is now.
func (t *token) about() (Token, error) {
	t.mu.Lock()
	id := t.slot
	t.mu.Unlock()
	info, err := t.m.lib.token(id)
	switch {
	case err != nil:
		t.lose(true)
		return Token{}, fmt.Errorf("%w: %w", ErrNoToken, err)
	case nameOf(info) != t.name:
		t.lose(true)
		return Token{}, fmt.Errorf("%w: %v is in its slot", ErrNoToken, tokenOf(info))
	}
	return tokenOf(info), nil
}

// answer gets the PIN; nil is one that is typed at the token.
func (t *token) answer(ctx context.Context, about Token, pin PIN) ([]byte, error) {
	if pin == nil {
		return nil, fmt.Errorf("%v wants a PIN: %w", about, keystore.ErrLocked)
	}
	if about.Pad {
		t.m.warn("type the " + about.Question() + " at the token")
		return nil, nil
	}
	// The person need not go on once the module is closed.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-t.m.closing:
			cancel()
		case <-stop:
		}
	}()
	answer, err := pin(ctx, about)
	switch {
	case err != nil:
		clear(answer)
		return nil, fmt.Errorf("PIN of %v: %w", about, err)
	case ctx.Err() != nil:
		clear(answer)
		return nil, ctx.Err()
	case len(answer) == 0:
		return nil, fmt.Errorf("PIN of %v: none was given", about)
	}
	return answer, nil
}
