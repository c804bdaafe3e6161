package cmac

import (
	"context"
	"crypto/subtle"
)

// Encrypter is the part of a key.Key that Handle uses.
type Encrypter interface {
	EncryptCBC(ctx context.Context, iv, dst, src []byte) error
}

// Handle computes MACs under a key that is only a handle, with blocks of 16
// bytes. It asks the key once, and once more for each MAC.
type Handle struct {
	key    Encrypter
	k1, k2 [16]byte
}

// NewHandle prepares the subkeys.
func NewHandle(ctx context.Context, k Encrypter) (*Handle, error) {
	h := &Handle{key: k}
	l := make([]byte, 16)
	if err := k.EncryptCBC(ctx, nil, l, l); err != nil {
		return nil, err
	}
	defer clear(l)
	Double(h.k1[:], l)
	Double(h.k2[:], h.k1[:])
	return h, nil
}

// Wipe overwrites the subkeys.
func (h *Handle) Wipe() { h.k1, h.k2 = [16]byte{}, [16]byte{} }

// Sum is the full MAC of the parts joined.
func (h *Handle) Sum(ctx context.Context, parts ...[]byte) ([]byte, error) {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	sub := h.k1[:]
	if len(b) == 0 || len(b)%16 != 0 {
		b, sub = append(b, 0x80), h.k2[:]
		for len(b)%16 != 0 {
			b = append(b, 0)
		}
	}
	last := b[len(b)-16:]
	subtle.XORBytes(last, last, sub)
	if err := h.key.EncryptCBC(ctx, nil, b, b); err != nil {
		return nil, err
	}
	return last, nil
}
