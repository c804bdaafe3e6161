package sdm

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"

	"github.com/go-desfire/desfire/key"
)

// Backend diversifies as the public back end sdm-backend does, and the app that
// sets up tags for it. Its master key is a secret of any length, as a rule 16 or 32
// bytes; one of 16 zeros gives keys of zeros, as tags have that nobody set up.
//
//	key 1 = HMAC(master; "PICCDataKey")
//	key 2 = CMAC(HMAC(master; "SlotMasterKey" 02); 01 HMAC(HMAC(master; "DivBaseKey"); UID))
//
// HMAC is HMAC-SHA256, its first 16 bytes where it gives a key of AES or what goes
// behind 01.
type Backend struct {
	master func() []byte // a function, because fmt follows a pointer
	legacy bool
}

// Format prints nothing of it.
func (*Backend) Format(f fmt.State, _ rune) { fmt.Fprint(f, "sdm.Backend(secret)") }

// NewBackend takes a copy of a master key, of 16 to 64 bytes.
func NewBackend(master []byte) (*Backend, error) {
	if len(master) < 16 || len(master) > 64 {
		return nil, fmt.Errorf("diversify: a master key of %d bytes, want 16 to 64", len(master))
	}
	own := bytes.Clone(master)
	return &Backend{master: func() []byte { return own }}, nil
}

// Legacy is the scheme that it had before 2023: PBKDF2 with SHA-512 over the key's
// number, and for key 2 the UID.
func (b *Backend) Legacy() *Backend { return &Backend{b.master, true} }

const (
	backendMeta   = 1
	backendFile   = 2
	backendRounds = 5000 // of the legacy scheme
)

func (b *Backend) zero() bool { return bytes.Equal(b.master(), make([]byte, 16)) }

// MetaRead implements Diversifier: key 1 of every tag.
func (b *Backend) MetaRead(context.Context) (key.Key, error) {
	switch {
	case b.zero():
		return key.Zero(key.TypeAES), nil
	case b.legacy:
		return b.stretched(append([]byte("key_no_uid"), backendMeta))
	}
	return asKey(b.hmac(b.master(), []byte("PICCDataKey"))[:16])
}

// FileRead implements Diversifier: key 2 of the tag.
func (b *Backend) FileRead(ctx context.Context, uid []byte) (key.Key, error) {
	return b.tagKey(ctx, uid, backendFile)
}

func (b *Backend) tagKey(ctx context.Context, uid []byte, no byte) (key.Key, error) {
	if err := diversifies(uid, key.Zero(key.TypeAES)); err != nil {
		return nil, err
	}
	switch {
	case b.zero():
		return key.Zero(key.TypeAES), nil
	case b.legacy:
		return b.stretched(append(append([]byte("key"), uid...), no))
	}
	slot, err := asKey(b.hmac(b.master(), append([]byte("SlotMasterKey"), no))[:16])
	if err != nil {
		return nil, err
	}
	base := b.hmac(b.master(), []byte("DivBaseKey"))
	return prf(ctx, slot, append([]byte{0x01}, b.hmac(base, uid)[:16]...))
}

func (*Backend) hmac(k, message []byte) []byte {
	h := hmac.New(sha256.New, k)
	h.Write(message)
	return h.Sum(nil)
}

func (b *Backend) stretched(salt []byte) (key.Key, error) {
	k, err := pbkdf2.Key(sha512.New, string(b.master()), salt, backendRounds, 16)
	if err != nil {
		return nil, fmt.Errorf("diversify: %w", err)
	}
	return asKey(k)
}

func asKey(b []byte) (key.Key, error) {
	k, err := key.NewAES(b, 0)
	if err != nil {
		return nil, err
	}
	return k, nil
}
