package key

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
)

// Secret is a key whose bytes are in memory. It implements Key and Exporter,
// and prints as type, version and check value whatever the verb. Its bytes are
// overwritten by Wipe, and else some time after nobody has it any more, when the
// garbage collector has found that.
type Secret struct {
	*secret // a pointer, so that printing by reflection shows an address
}

type secret struct {
	typ     Type
	version byte
	bytes   func() []byte // a function, because fmt follows a pointer after a bad verb
	block   cipher.Block  // nil after Wipe
	value   CheckValue
}

// ErrWiped is the error of a key after Wipe.
var ErrWiped = errors.New("the key was wiped")

func keep(b []byte) func() []byte { return func() []byte { return b } }

// overwriteLater overwrites the bytes when nobody has the key any more. Who uses
// the bytes keeps the key alive meanwhile.
func (s *secret) overwriteLater(b []byte) {
	runtime.AddCleanup(s, func(b []byte) { clear(b) }, b)
}

// New makes a key of t. The version counts for AES only: the others carry
// theirs in the parity bits of b (see WithVersion). It keeps a copy of b, as the
// other constructors do: the caller overwrites b.
func New(t Type, b []byte, version byte) (*Secret, error) {
	switch t {
	case TypeDES:
		return NewDES(b)
	case Type2K3DES:
		return New2K3DES(b)
	case Type3K3DES:
		return New3K3DES(b)
	case TypeAES:
		return NewAES(b, version)
	}
	return nil, fmt.Errorf("unknown key type %d", uint8(t))
}

// NewDES makes a DES key of 8 bytes, or of 16 with equal halves, parity bits
// ignored.
func NewDES(b []byte) (*Secret, error) {
	switch {
	case len(b) == 8:
		long := append(append(make([]byte, 0, 16), b...), b...)
		defer clear(long)
		return made(TypeDES, long, 0)
	case len(b) != 16:
		return nil, lengthError(TypeDES, "8 bytes, or 16 with equal halves", b)
	case !equalHalves(b):
		return nil, errors.New("DES key: 16 bytes with different halves are a 2K3DES key")
	}
	return made(TypeDES, b, 0)
}

// New2K3DES makes a 2K3DES key of 16 bytes. Where its halves are equal, parity
// bits ignored, its type is TypeDES.
func New2K3DES(b []byte) (*Secret, error) {
	if len(b) != 16 {
		return nil, lengthError(Type2K3DES, "16 bytes", b)
	}
	if equalHalves(b) {
		return made(TypeDES, b, 0)
	}
	return made(Type2K3DES, b, 0)
}

// New3K3DES makes a 3K3DES key of 24 bytes.
func New3K3DES(b []byte) (*Secret, error) {
	if len(b) != 24 {
		return nil, lengthError(Type3K3DES, "24 bytes", b)
	}
	return made(Type3K3DES, b, 0)
}

// NewAES makes an AES-128 key of 16 bytes.
func NewAES(b []byte, version byte) (*Secret, error) {
	if len(b) != 16 {
		return nil, lengthError(TypeAES, "16 bytes", b)
	}
	return made(TypeAES, b, version)
}

// Zero is the key of zeros, version 00, that cards are delivered with.
func Zero(t Type) *Secret {
	k, err := made(zeroType(t), make([]byte, t.Size()), 0)
	if err != nil {
		panic(err) // a key of zeros has the right length
	}
	return k
}

func zeroType(t Type) Type {
	if t == Type2K3DES {
		return TypeDES
	}
	return t
}

func lengthError(t Type, want string, b []byte) error {
	return fmt.Errorf("%v key: want %s, have %d bytes", t, want, len(b))
}

func equalHalves(b []byte) bool {
	for i := range 8 {
		if (b[i]^b[i+8])&^1 != 0 {
			return false
		}
	}
	return true
}

func made(t Type, b []byte, version byte) (*Secret, error) {
	b = append([]byte(nil), b...)
	s := &secret{typ: t, version: version, bytes: keep(b)}
	var err error
	switch t {
	case TypeDES:
		s.block, err = des.NewCipher(b[:8])
	case Type2K3DES:
		long := append(append(make([]byte, 0, 24), b...), b[:8]...)
		defer clear(long)
		s.block, err = des.NewTripleDESCipher(long)
	case Type3K3DES:
		s.block, err = des.NewTripleDESCipher(b)
	default:
		s.block, err = aes.NewCipher(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%v key: %d bytes do not make a cipher", t, len(b))
	}
	var zero [16]byte
	s.block.Encrypt(zero[:], zero[:])
	s.value = CheckValue(zero[:3])
	if t != TypeAES {
		s.version = parityVersion(b)
	}
	s.overwriteLater(b)
	return &Secret{s}, nil
}

// parityVersion reads the version of a DES-family key: bit 7 is the lowest bit
// of the first byte, bit 0 that of the eighth.
func parityVersion(b []byte) (v byte) {
	for _, x := range b[:8] {
		v = v<<1 | x&1
	}
	return v
}

// WithVersion returns the key with another version. DES-family keys carry it
// in the parity bits of the first eight bytes, DES keys in both halves; the
// other bits stay as they are.
func (k Secret) WithVersion(version byte) *Secret {
	s := *k.secret
	s.version = version
	b := k.Export()
	if s.typ != TypeAES {
		for i := range 8 {
			bit := version >> (7 - i) & 1
			b[i] = b[i]&^1 | bit
			if s.typ == TypeDES {
				b[8+i] = b[8+i]&^1 | bit
			}
		}
	}
	s.bytes = keep(b)
	s.overwriteLater(b)
	return &Secret{&s}
}

// Type is the kind of key.
func (k Secret) Type() Type { return k.typ }

// Version is the version that the card answers to GetKeyVersion.
func (k Secret) Version() byte { return k.version }

// Wipe overwrites the bytes of the key, for whoever made it and needs it no more.
// It goes on to tell type, version and check value; Export gives zeros, and to
// cipher is ErrWiped. What the standard library has made of the bytes is let go;
// only the garbage collector ends it. Copies by value are the same key, those of
// WithVersion are not. Nothing may use the key meanwhile.
func (k Secret) Wipe() {
	clear(k.bytes())
	k.block = nil
}

// Export returns a copy of the bytes.
func (k Secret) Export() []byte {
	defer runtime.KeepAlive(k.secret)
	return append([]byte(nil), k.bytes()...)
}

// CheckValue is the first three bytes of a block of zeros enciphered.
func (k Secret) CheckValue() CheckValue { return k.value }

// EncryptCBC implements Key.
func (k Secret) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	iv, err := k.check(ctx, iv, dst, src)
	if err != nil {
		return err
	}
	cipher.NewCBCEncrypter(k.block, iv).CryptBlocks(dst, src)
	return nil
}

// DecryptCBC implements Key.
func (k Secret) DecryptCBC(ctx context.Context, iv, dst, src []byte) error {
	iv, err := k.check(ctx, iv, dst, src)
	if err != nil {
		return err
	}
	cipher.NewCBCDecrypter(k.block, iv).CryptBlocks(dst, src)
	return nil
}

func (k Secret) check(ctx context.Context, iv, dst, src []byte) ([]byte, error) {
	n := k.typ.BlockSize()
	switch {
	case k.block == nil:
		return nil, fmt.Errorf("%v key: %w", k.typ, ErrWiped)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case len(src)%n != 0 || len(dst) != len(src):
		return nil, fmt.Errorf("%v key: %d bytes into %d are not whole blocks of %d", k.typ, len(src), len(dst), n)
	case iv == nil:
		return make([]byte, n), nil
	case len(iv) != n:
		return nil, fmt.Errorf("%v key: IV of %d bytes, want %d", k.typ, len(iv), n)
	}
	return iv, nil
}

func (k Secret) String() string {
	if k.secret == nil {
		return "no key"
	}
	return String(k)
}

// Format prints String for every verb.
func (k Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, k.String()) }

// GoString is String.
func (k Secret) GoString() string { return k.String() }

// MarshalText writes String; there is no way back.
func (k Secret) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue is String.
func (k Secret) LogValue() slog.Value { return slog.StringValue(k.String()) }
