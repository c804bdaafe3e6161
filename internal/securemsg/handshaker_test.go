package securemsg

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// remote is a key in another computer, which ciphers for nobody. What it answers
// is what lie makes of it.
type remote struct {
	t       *testing.T
	k       *key.Secret
	lie     lie
	asked   int
	wiped   bool
	session []key.SessionKeys // what it gave away
}

type lie struct {
	begin  func(*key.Handshake) error
	finish func(*key.SessionKeys, *error)
}

func (r *remote) Type() key.Type             { return r.k.Type() }
func (r *remote) Version() byte              { return r.k.Version() }
func (r *remote) CheckValue() key.CheckValue { return r.k.CheckValue() }

func (r *remote) EncryptCBC(context.Context, []byte, []byte, []byte) error {
	r.t.Error("the key was asked to encrypt")
	return errSafe
}

func (r *remote) DecryptCBC(context.Context, []byte, []byte, []byte) error {
	r.t.Error("the key was asked to decrypt")
	return errSafe
}

func (r *remote) Handshake(ctx context.Context, q key.HandshakeRequest) (key.Handshake, error) {
	r.asked++
	h, err := key.Answer(ctx, r.k, nil, q)
	clear(q.Challenge) // it is the key's copy
	if err != nil {
		return h, err
	}
	h.Finisher = &remoteFinish{r, h.Finisher}
	if r.lie.begin != nil {
		err = r.lie.begin(&h)
	}
	return h, err
}

type remoteFinish struct {
	r *remote
	key.Finisher
}

func (f *remoteFinish) Finish(ctx context.Context, proof []byte) (key.SessionKeys, error) {
	f.r.asked++
	s, err := f.Finisher.Finish(ctx, proof)
	clear(proof)
	if f.r.lie.finish != nil {
		f.r.lie.finish(&s, &err)
	}
	f.r.session = append(f.r.session, s)
	return s, err
}

func (f *remoteFinish) Wipe() {
	f.r.wiped = true
	f.Finisher.Wipe()
}

// isoCases are the keys of ISO 7816.
func isoCases(t *testing.T) map[string]Config {
	c := map[string]Config{}
	for _, k := range testKeys(t) {
		c["ISO7816 "+k.Type().String()] = Config{Method: key.MethodISO7816, Key: k}
	}
	return c
}

// playAny is play for every method.
func playAny(ctx context.Context, t *testing.T, c Config, reader key.Key, spoil func([]byte)) (pcd, picc Channel, err error) {
	t.Helper()
	if c.Method == key.MethodISO7816 {
		return playISO(ctx, c, reader, spoil)
	}
	l := login{c: c}
	rc, cc := c, c
	rc.Key = reader
	if l.old() {
		rc.Session, cc.Session = l.oldSession(t, PCD), l.oldSession(t, PICC)
	}
	return playSpoilt(ctx, rc, cc, spoil)
}

func playISO(ctx context.Context, c Config, reader key.Key, spoil func([]byte)) (pcd, picc Channel, err error) {
	rc := c
	rc.Key = reader
	h, err := NewISOHandshake(rc)
	if err != nil {
		return nil, nil, err
	}
	g := NewISOCardHandshake(nil, false)
	b, err := g.Challenge(h.First())
	if err != nil {
		return nil, nil, err
	}
	if b, err = h.Second(ctx, b); err != nil {
		return nil, nil, err
	}
	if err = g.External(ctx, c.KeyNo, c.Key, b); err != nil {
		return nil, nil, err
	}
	if b, err = h.Third(); err != nil {
		return nil, nil, err
	}
	if b, picc, err = g.Internal(ctx, b); err != nil {
		return nil, nil, err
	}
	spoil(b)
	pcd, err = h.Finish(ctx, b)
	return pcd, picc, err
}

func eachHandshaker(t *testing.T, do func(t *testing.T, c Config, k *key.Secret)) {
	for _, cases := range []map[string]Config{hsmCases(t), isoCases(t)} {
		for name, c := range cases {
			t.Run(name, func(t *testing.T) { do(t, c, c.Key.(*key.Secret)) })
		}
	}
}

func leave([]byte)   {}
func spoil(b []byte) { b[len(b)-1] ^= 1 }

// A key that ciphers for nobody authenticates by every method. Nothing of the
// session stays in what it gave away.
func TestHandshaker(t *testing.T) {
	ctx := context.Background()
	eachHandshaker(t, func(t *testing.T, c Config, k *key.Secret) {
		r := &remote{t: t, k: k}
		pcd, picc, err := playAny(ctx, t, c, r, leave)
		if err != nil {
			t.Fatal(err)
		}
		if pcd.Info() != picc.Info() || r.asked != 2 || !r.wiped {
			t.Errorf("%+v and %+v, asked %d times, wiped %v", pcd.Info(), picc.Info(), r.asked, r.wiped)
		}
		for _, s := range r.session {
			for _, b := range append(s.Key, s.MAC...) {
				if b != 0 {
					t.Fatal("the session keys that the key gave stay")
				}
			}
		}
		roundTrip(t, pcd, picc)
		if _, _, err := playAny(ctx, t, c, &remote{t: t, k: k}, spoil); !errors.Is(err, ErrProof) {
			t.Errorf("a wrong proof: %v", err)
		}
	})
}

// What a Handshaker gets wrong, or lies about, ends the authentication, and is no
// verdict on the card.
func TestHandshakerLies(t *testing.T) {
	ctx := context.Background()
	begin := func(f func(*key.Handshake)) lie {
		return lie{begin: func(h *key.Handshake) error { f(h); return nil }}
	}
	finish := func(f func(*key.SessionKeys)) lie {
		return lie{finish: func(s *key.SessionKeys, _ *error) { f(s) }}
	}
	fail := func(err error) lie { return lie{begin: func(*key.Handshake) error { return err }} }
	finishFails := func(e error) lie {
		return lie{finish: func(_ *key.SessionKeys, err *error) { *err = e }}
	}
	lies := map[string]lie{
		"nothing":           begin(func(h *key.Handshake) { *h = key.Handshake{} }),
		"no way to finish":  begin(func(h *key.Handshake) { h.Finisher = nil }),
		"no token":          begin(func(h *key.Handshake) { h.Token = nil }),
		"a short token":     begin(func(h *key.Handshake) { h.Token = h.Token[1:] }),
		"a long token":      begin(func(h *key.Handshake) { h.Token = append(h.Token, make([]byte, 1<<16)...) }),
		"INTERNAL too long": begin(func(h *key.Handshake) { h.Internal = append(h.Internal, 0) }),
		"no session":        finish(func(s *key.SessionKeys) { *s = key.SessionKeys{} }),
		"a short session":   finish(func(s *key.SessionKeys) { s.Key = s.Key[1:] }),
		"a long session":    finish(func(s *key.SessionKeys) { s.Key = append(s.Key, 0) }),
		"MAC key too long":  finish(func(s *key.SessionKeys) { s.MAC = append(s.MAC, 0) }),
		"closed":            fail(errSafe),
		"a false verdict":   fail(fmt.Errorf("no: %w", ErrProof)),
		"a false length":    fail(fmt.Errorf("no: %w", ErrLength)),
		"closes":            finishFails(errSafe),
		"closes, a length":  finishFails(fmt.Errorf("no: %w", ErrLength)),
		"ended":             fail(context.Canceled),
		"ends":              finishFails(context.DeadlineExceeded),
	}
	never := map[string]bool{"nothing": true, "no way to finish": true, "closed": true, "a false verdict": true, "a false length": true, "ended": true}
	wants := map[string]error{"closed": errSafe, "closes": errSafe, "ended": context.Canceled, "ends": context.DeadlineExceeded}
	eachHandshaker(t, func(t *testing.T, c Config, k *key.Secret) {
		for name, l := range lies {
			r := &remote{t: t, k: k, lie: l}
			ch, _, err := playAny(ctx, t, c, r, leave)
			var e *HandshakeError
			if ch != nil || !errors.As(err, &e) || errors.Is(err, ErrProof) || errors.Is(err, ErrLength) {
				t.Errorf("%s: %v, %v", name, ch, err)
			}
			if want := wants[name]; want != nil && !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			if !r.wiped && !never[name] {
				t.Errorf("%s: the handshake was not given up", name)
			}
		}
	})
}

// A Handshaker that accepts every proof gives nobody a session. With LRP the
// reader sees it at once, else in the first answer: a card without the key has no
// session keys.
func TestHandshakerAcceptsAnything(t *testing.T) {
	ctx := context.Background()
	eachHandshaker(t, func(t *testing.T, c Config, k *key.Secret) {
		// The card has another key: its proof is refused, and the Handshaker hides that.
		made := lie{finish: func(s *key.SessionKeys, err *error) {
			*err = nil
			*s = key.SessionKeys{Key: make([]byte, k.Type().SessionSize())}
			if c.Method == key.MethodEV2First || c.Method == key.MethodEV2NonFirst {
				s.MAC = make([]byte, 16)
			}
		}}
		pcd, picc, err := playAny(ctx, t, c, &remote{t: t, k: k, lie: made}, spoil)
		if c.Method == key.MethodLRPFirst || c.Method == key.MethodLRPNonFirst {
			if err == nil || errors.Is(err, ErrProof) {
				t.Errorf("a proof that does not fit: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := exchange(pcd, picc, Message{Code: 0x3D, Data: []byte("abc"), Mode: 3}, Message{Mode: 1}); err == nil {
			t.Error("messages of two different sessions are believed")
		}
	})
}
