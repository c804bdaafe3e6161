package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/go-desfire/desfire/key"
)

// Key is a key in a token. Its bytes stay there: it implements key.Handshaker
// and key.MACer and never key.Exporter, so that it can authenticate and derive keys,
// and be no part of a key change. It is good until its Module is closed.
//
// A session, a login or a token that was taken away is looked for once more with
// each call, and the key compared with what it was; a login asks for the PIN again.
// A call into a module cannot be interrupted: where ctx ends, methods return at
// once, and the call ends by itself.
type Key struct {
	*handle
	typ     key.Type
	version byte
}

// handle is what the versions of a key share.
type handle struct {
	token *token
	uri   URI
	pin   PIN
	noMAC atomic.Bool // the token has refused to make a CMAC

	mu         sync.Mutex
	known      bool
	traits     traits
	object     object
	generation int // of the token, when object was found
}

// traits are what a token says of a key, and what is known of it.
type traits struct {
	typ            key.Type
	cbc, cmac      uint64 // mechanisms; 0: none
	check          key.CheckValue
	exposed        bool // it may be extractable
	keyType, bytes uint64
}

func (h *handle) key() *Key { return &Key{h, h.traits.typ, h.uri.Version} }

var (
	_ key.Handshaker = (*Key)(nil)
	_ key.MACer      = (*Key)(nil)
)

// Type is the type that the token says, or As.
func (k *Key) Type() key.Type { return k.typ }

// Version is the version that the URI names, 00 where it names none.
func (k *Key) Version() byte { return k.version }

// WithVersion is the key with another version, which is what is said of it alone.
func (k *Key) WithVersion(version byte) *Key { return &Key{k.handle, k.typ, version} }

// As is the key with a type that the token cannot tell from its own: a DES key as
// cards have them, doubled or thrice, in a DES2 or DES3 object; a 2K3DES key in a
// DES3 object.
func (k *Key) As(t key.Type) (*Key, error) {
	has := k.traits.keyType
	switch {
	case t == k.typ,
		t == key.TypeDES && (has == keyTypeDES2 || has == keyTypeDES3),
		t == key.Type2K3DES && has == keyTypeDES3:
		return &Key{k.handle, t, k.version}, nil
	}
	return nil, fmt.Errorf("pkcs11: %s is a %v key in its token and cannot be a %v key", k.uri.String(), k.traits.typ, t)
}

// CheckValue is the start of a block of zeros that the token has enciphered; zero
// where the key may not encipher.
func (k *Key) CheckValue() key.CheckValue { return k.traits.check }

// URI is the name by which the key was found.
func (k *Key) URI() *URI {
	u := k.uri
	u.Version = k.version
	return &u
}

// Extractable reports that the token does not say that it keeps the key in
// (CKA_EXTRACTABLE): who may use it may be able to take it out.
func (k *Key) Extractable() bool { return k.traits.exposed }

// EncryptCBC implements key.Key.
func (k *Key) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return k.crypt(ctx, true, iv, dst, src)
}

// DecryptCBC implements key.Key.
func (k *Key) DecryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return k.crypt(ctx, false, iv, dst, src)
}

func (k *Key) crypt(ctx context.Context, encrypt bool, iv, dst, src []byte) error {
	n := k.typ.BlockSize()
	switch {
	case len(src)%n != 0 || len(dst) != len(src):
		return fmt.Errorf("%v key: %d bytes into %d are not whole blocks of %d", k.typ, len(src), len(dst), n)
	case iv != nil && len(iv) != n:
		return fmt.Errorf("%v key: IV of %d bytes, want %d", k.typ, len(iv), n)
	case len(src) == 0:
		return ctx.Err()
	}
	// Copies: the call may go on when the caller has the slices back.
	work := make([]byte, n+2*len(src))
	from, in, out := work[:n], work[n:n+len(src)], work[n+len(src):]
	copy(from, iv)
	copy(in, src)
	err := k.run(ctx, func(c cryptoki, s session, o object) error {
		return c.crypt(s, encrypt, k.traits.cbc, o, from, out, in)
	}, work)
	if err != nil {
		return err
	}
	copy(dst, out)
	clear(work)
	return nil
}

// Handshake implements key.Handshaker, with the token's cipher.
func (k *Key) Handshake(ctx context.Context, r key.HandshakeRequest) (key.Handshake, error) {
	return key.Answer(ctx, k, nil, r)
}

// CMAC implements key.MACer. Where the token does not make CMACs, or not with this
// key, the error is errors.ErrUnsupported.
func (k *Key) CMAC(ctx context.Context, message []byte) ([]byte, error) {
	if k.traits.cmac == 0 || k.noMAC.Load() {
		return nil, fmt.Errorf("pkcs11: CMAC with %s: %w", k.uri.String(), errors.ErrUnsupported)
	}
	n := k.typ.BlockSize()
	work := make([]byte, n+len(message))
	mac, in := work[:n:n], work[n:]
	copy(in, message)
	err := k.run(ctx, func(c cryptoki, s session, o object) error {
		return c.sign(s, k.traits.cmac, o, mac, in)
	}, work)
	if err != nil {
		if codeOf(err).unsupported() {
			k.noMAC.Store(true)
		}
		return nil, err
	}
	clear(in)
	return mac, nil
}

// run uses the key. Without a good answer it overwrites work.
func (k *Key) run(ctx context.Context, f func(c cryptoki, s session, o object) error, work []byte) error {
	err := k.token.m.do(ctx, func() error { return k.use(ctx, f) }, func() { clear(work) })
	return of(k.uri.String()+" in "+k.token.String(), err)
}

// use runs f with the key's object in a session. It runs under Module.do.
func (h *handle) use(ctx context.Context, f func(c cryptoki, s session, o object) error) error {
	return h.token.with(ctx, h.pin, func(c cryptoki, s *conn) error {
		o, err := h.find(c, s)
		if err != nil {
			return err
		}
		return f(c, s.h, o)
	})
}

// String is type, version and check value.
func (k *Key) String() string { return key.String(k) }

// Format prints String for every verb.
func (k *Key) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// LogValue is String.
func (k *Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
