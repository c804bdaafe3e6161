package key

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Type is a kind of key.
type Type uint8

// Types. A key of 16 bytes whose halves are equal, parity bits ignored, is
// TypeDES: cards treat it so, whatever the caller meant.
const (
	TypeDES Type = iota
	Type2K3DES
	Type3K3DES
	TypeAES
)

func (t Type) String() string {
	if t > TypeAES {
		return fmt.Sprintf("key.Type(%d)", uint8(t))
	}
	return [...]string{"DES", "2K3DES", "3K3DES", "AES"}[t]
}

// Size is the length of a key as cards store it: DES keys are doubled.
func (t Type) Size() int {
	if t == Type3K3DES {
		return 24
	}
	return 16
}

// BlockSize is 16 for AES, else 8.
func (t Type) BlockSize() int {
	if t == TypeAES {
		return 16
	}
	return 8
}

// NonceSize is the length of the random numbers of an authentication.
func (t Type) NonceSize() int {
	if t == TypeAES || t == Type3K3DES {
		return 16
	}
	return 8
}

// Wire is the type that key settings carry.
func (t Type) Wire() wire.KeyType {
	switch t {
	case TypeAES:
		return wire.KeyAES
	case Type3K3DES:
		return wire.Key3K3DES
	}
	return wire.KeyDES
}

// FromWire is the inverse of Wire. DES and 2K3DES share one type there, which
// comes back as Type2K3DES.
func FromWire(t wire.KeyType) Type {
	switch t {
	case wire.KeyAES:
		return TypeAES
	case wire.Key3K3DES:
		return Type3K3DES
	}
	return Type2K3DES
}

// CheckValue is the first three bytes of a block of zeros enciphered. It tells
// keys apart and gives nothing away.
type CheckValue [3]byte

func (v CheckValue) String() string { return fmt.Sprintf("%X", v[:]) }

// MarshalText writes six hexadecimal digits.
func (v CheckValue) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (v *CheckValue) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(v) {
		return fmt.Errorf("key: check value %q: want six hexadecimal digits", text)
	}
	copy(v[:], b)
	return nil
}

// Key is a handle on a key. Methods with a context may block; a context that
// ends makes them return its error.
type Key interface {
	Type() Type
	Version() byte
	CheckValue() CheckValue

	// EncryptCBC and DecryptCBC cipher a whole message of whole blocks from
	// src to dst, which have the same length and may be the same slice. iv has
	// one block, nil is zero; it is not changed.
	EncryptCBC(ctx context.Context, iv, dst, src []byte) error
	DecryptCBC(ctx context.Context, iv, dst, src []byte) error
}

// Exporter is implemented by keys that can give out their bytes, Type.Size of
// them, parity bits as they are stored on the card.
type Exporter interface {
	Key
	Export() []byte
}

// MACer is implemented by keys that make CMACs where they live, in one call, and
// need no leave to cipher for it.
type MACer interface {
	Key
	// CMAC is the whole CMAC (NIST SP 800-38B) of a message, one block of the
	// key's cipher. The error is errors.ErrUnsupported where this key makes none:
	// who asks makes it by EncryptCBC then.
	CMAC(ctx context.Context, message []byte) ([]byte, error)
}

// Method is a way to authenticate.
type Method uint8

// Methods. LRP is EV2 with the other primitive.
const (
	MethodD40         Method = iota // Authenticate
	MethodISO                       // AuthenticateISO
	MethodAES                       // AuthenticateAES
	MethodEV2First                  // AuthenticateEV2First
	MethodEV2NonFirst               // AuthenticateEV2NonFirst
	MethodLRPFirst                  // AuthenticateLRPFirst
	MethodLRPNonFirst               // AuthenticateLRPNonFirst
	MethodISO7816                   // GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE
)

func (m Method) String() string {
	if m > MethodISO7816 {
		return fmt.Sprintf("key.Method(%d)", uint8(m))
	}
	return [...]string{"D40", "ISO", "AES", "EV2", "EV2NonFirst", "LRP", "LRPNonFirst", "ISO7816"}[m]
}

// Scheme is the secure messaging that the method leads to.
func (m Method) Scheme() wire.Scheme {
	switch m {
	case MethodD40:
		return wire.SchemeD40
	case MethodISO, MethodAES, MethodISO7816:
		return wire.SchemeEV1
	case MethodEV2First, MethodEV2NonFirst:
		return wire.SchemeEV2
	case MethodLRPFirst, MethodLRPNonFirst:
		return wire.SchemeLRP
	}
	return wire.SchemeNone
}

// Wrapper is implemented by keys whose bytes stay where they are but that can
// be the new or the old key of a change: it makes ChangeKey's cryptogram.
type Wrapper interface {
	Key
	WrapKey(ctx context.Context, w WrapRequest) (cryptogram []byte, err error)
}

// WrapRequest is what a Wrapper needs to know of the session, for as long as the
// call. The layout of the cryptogram per scheme stands in the reference: key and
// version, CRCs, padding, enciphered.
type WrapRequest struct {
	Scheme  wire.Scheme
	Command []byte // INS and header, for the CRC of EV1
	New     Key
	Old     Key    // nil: the session's own key is changed
	Session []byte // session key; EV2 and LRP: encryption key, LRP's master
	IV      []byte // EV1 running value, EV2 command IV, LRP block counter
}

// Format prints nothing of the session.
func (w WrapRequest) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "key.WrapRequest(%v, %X)", w.Scheme, w.Command)
}

// MarshalText writes what Format prints, so that JSON has no more.
func (w WrapRequest) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(w)), nil }

// OpaqueError says that a key that gives no bytes and wraps nothing was to take
// part in a key change. Nothing was sent.
type OpaqueError struct {
	Role string // "new" or "old"
	Key  string // type, version and check value
}

func (e *OpaqueError) Error() string {
	return fmt.Sprintf("change key: the %s key (%s) gives no bytes and cannot wrap a key change where it lives: it can authenticate only", e.Role, e.Key)
}

// String describes a key by type, version and check value.
func String(k Key) string {
	if k == nil {
		return "no key"
	}
	return fmt.Sprintf("%v version %02X check %v", k.Type(), k.Version(), k.CheckValue())
}
