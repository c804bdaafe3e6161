package mobile

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-desfire/desfire/key"
)

// KeySafe holds one AES-128 key that does not leave it: a key of Android's KeyStore, or one behind
// a person's face. The app implements it. During an authentication it is asked two or three times;
// each may ask the person. What it throws reaches people as text.
type KeySafe interface {
	// EncryptCBC enciphers message, whole blocks of 16 bytes, in CBC mode without padding. iv has 16 bytes.
	EncryptCBC(iv, message []byte) ([]byte, error)
	// DecryptCBC deciphers, likewise.
	DecryptCBC(iv, message []byte) ([]byte, error)
}

// safeKey is a key in a safe.
type safeKey struct {
	name    string
	version byte
	safe    KeySafe
}

func (k *safeKey) Type() key.Type { return key.TypeAES }

func (k *safeKey) Version() byte { return k.version }

// CheckValue is not known without asking the safe.
func (k *safeKey) CheckValue() key.CheckValue { return key.CheckValue{} }

// EncryptCBC implements key.Key.
func (k *safeKey) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return k.cipher(ctx, "encipher", k.safe.EncryptCBC, iv, dst, src)
}

// DecryptCBC implements key.Key.
func (k *safeKey) DecryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return k.cipher(ctx, "decipher", k.safe.DecryptCBC, iv, dst, src)
}

// Handshake implements key.Handshaker: the randoms never leave this package.
func (k *safeKey) Handshake(ctx context.Context, r key.HandshakeRequest) (key.Handshake, error) {
	return key.Answer(ctx, k, nil, r)
}

// cipher asks the safe, which may wait for a person for as long as it likes.
func (k *safeKey) cipher(ctx context.Context, what string, ask func(iv, message []byte) ([]byte, error), iv, dst, src []byte) error {
	const block = 16
	switch {
	case len(src) == 0 || len(src)%block != 0 || len(dst) != len(src):
		return fmt.Errorf("the safe %s: %d bytes are no whole blocks", k.name, len(src))
	case iv != nil && len(iv) != block:
		return fmt.Errorf("the safe %s: an IV of %d bytes", k.name, len(iv))
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	first, message := make([]byte, block), bytes.Clone(src)
	copy(first, iv)
	type answer struct {
		out []byte
		err error
	}
	came := make(chan answer, 1)
	go func() {
		out, err := ask(first, message)
		came <- answer{bytes.Clone(out), err}
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case a := <-came:
		switch {
		case a.err != nil:
			return fmt.Errorf("the safe %s does not %s: %w", k.name, what, a.err)
		case len(a.out) != len(src):
			return fmt.Errorf("the safe %s gave %d bytes for %d: CBC without padding is wanted", k.name, len(a.out), len(src))
		}
		copy(dst, a.out)
		return nil
	}
}
