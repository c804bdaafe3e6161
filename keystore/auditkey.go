package keystore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/go-desfire/desfire/key"
)

// auditedKey is a handle that tells of its uses. It is a Handshaker whatever the key
// is: so an authentication is told as one, and not as so many bytes ciphered.
type auditedKey struct {
	key.Key
	audit audit

	version *byte // nil: the key's

	mu   sync.Mutex
	lost error // an export that the hook did not take: the handle is of no use any more
}

// audited is the handle with what the key can do besides.
func audited(k *auditedKey) key.Key {
	_, exports := k.Key.(key.Exporter)
	_, wraps := k.Key.(key.Wrapper)
	switch {
	case exports && wraps:
		return struct {
			*auditedKey
			auditedExport
			auditedWrap
		}{k, auditedExport{k}, auditedWrap{k}}
	case exports:
		return struct {
			*auditedKey
			auditedExport
		}{k, auditedExport{k}}
	case wraps:
		return struct {
			*auditedKey
			auditedWrap
		}{k, auditedWrap{k}}
	}
	return k
}

var (
	_ key.Handshaker = (*auditedKey)(nil)
	_ key.MACer      = (*auditedKey)(nil)
)

// use does what f does and tells of it. Where the caller is not to have the result,
// spoil throws it away.
func (k *auditedKey) use(ctx context.Context, u Use, f func() error, spoil func()) error {
	k.mu.Lock()
	lost := k.lost
	k.mu.Unlock()
	if lost != nil {
		return lost
	}
	err := k.audit.tell(ctx, u, f())
	if err != nil && spoil != nil {
		spoil()
	}
	return err
}

// Version is what WithVersion said, or the key's.
func (k *auditedKey) Version() byte {
	if k.version != nil {
		return *k.version
	}
	return k.Key.Version()
}

// WithVersion is the handle with another version, as a Recipe makes it.
func (k *auditedKey) WithVersion(version byte) key.Key {
	inner, _ := withVersion(k.Key, version)
	a := k.audit
	a.about.Facts.Version, a.about.Facts.NoVersion = version, false
	return audited(&auditedKey{Key: inner, audit: a, version: &version})
}

func (k *auditedKey) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return k.use(ctx, Use{Act: ActEncrypt, Bytes: len(src)}, func() error { return k.Key.EncryptCBC(ctx, iv, dst, src) }, func() { clear(dst) })
}

func (k *auditedKey) DecryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return k.use(ctx, Use{Act: ActDecrypt, Bytes: len(src)}, func() error { return k.Key.DecryptCBC(ctx, iv, dst, src) }, func() { clear(dst) })
}

// CMAC implements key.MACer. That a key makes none is no use.
func (k *auditedKey) CMAC(ctx context.Context, message []byte) (mac []byte, err error) {
	m, ok := k.Key.(key.MACer)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	if mac, err = m.CMAC(ctx, message); errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	if err = k.use(ctx, Use{Act: ActMAC, Bytes: len(message)}, func() error { return err }, nil); err != nil {
		clear(mac)
		return nil, err
	}
	return mac, nil
}

// Handshake implements key.Handshaker.
func (k *auditedKey) Handshake(ctx context.Context, r key.HandshakeRequest) (h key.Handshake, err error) {
	err = k.use(ctx, Use{Act: ActAuthenticate, Method: r.Method}, func() error {
		if own, ok := k.Key.(key.Handshaker); ok {
			h, err = own.Handshake(ctx, r)
		} else {
			h, err = key.Answer(ctx, k.Key, nil, r)
		}
		return err
	}, nil)
	if err != nil {
		if h.Finisher != nil {
			h.Wipe()
		}
		return key.Handshake{}, err
	}
	h.Finisher = &auditedFinish{h.Finisher, k, r.Method}
	return h, nil
}

type auditedFinish struct {
	key.Finisher
	of     *auditedKey
	method key.Method
}

// Finish implements key.Finisher.
func (f *auditedFinish) Finish(ctx context.Context, proof []byte) (s key.SessionKeys, err error) {
	err = f.of.use(ctx, Use{Act: ActSession, Method: f.method}, func() error {
		s, err = f.Finisher.Finish(ctx, proof)
		return err
	}, nil)
	if err != nil {
		s.Wipe()
		return key.SessionKeys{}, err
	}
	return s, nil
}

// auditedExport is key.Exporter.
type auditedExport struct{ of *auditedKey }

// Export gives the bytes away. It has no error to stop with, and nothing in the
// place of the bytes would be understood: whether they may go was asked with ActGet.
// Where the hook does not take it, the handle does nothing more.
func (e auditedExport) Export() []byte {
	k := e.of
	if err := k.audit.tell(context.Background(), Use{Act: ActExport}, nil); err != nil {
		k.mu.Lock()
		k.lost = err
		k.mu.Unlock()
	}
	return k.Key.(key.Exporter).Export()
}

// auditedWrap is key.Wrapper.
type auditedWrap struct{ of *auditedKey }

// WrapKey implements key.Wrapper.
func (w auditedWrap) WrapKey(ctx context.Context, r key.WrapRequest) (cryptogram []byte, err error) {
	err = w.of.use(ctx, Use{Act: ActWrap}, func() error {
		cryptogram, err = w.of.Key.(key.Wrapper).WrapKey(ctx, r)
		return err
	}, nil)
	if err != nil {
		clear(cryptogram)
		return nil, err
	}
	return cryptogram, nil
}

func (k *auditedKey) String() string               { return key.String(k) }
func (k *auditedKey) Format(f fmt.State, _ rune)   { fmt.Fprint(f, k.String()) }
func (k *auditedKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
func (k *auditedKey) LogValue() slog.Value         { return slog.StringValue(k.String()) }
