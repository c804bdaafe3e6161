package key

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// Handshaker is implemented by keys that do the reader's part of an authentication
// where they live, by every method that fits their type. Such a key is asked for
// no cipher during an authentication, so that it needs none to give: whoever holds
// the handle gets session keys, and those only with a card that has the key.
//
// MethodISO7816 holds less: the answer to a challenge and the proof of another
// handshake look alike, so that who may ask the key twice gets session keys of no
// card. A key for which that matters refuses the method.
//
// [Answer] does it with a key that ciphers.
type Handshaker interface {
	Key
	// Handshake answers a card's challenge. The randoms of the reader are the
	// key's own.
	Handshake(ctx context.Context, r HandshakeRequest) (Handshake, error)
}

// HandshakeRequest is what a Handshaker is asked with.
type HandshakeRequest struct {
	Method Method
	// Challenge is what the card sent: the data that came with status AF; with
	// MethodISO7816 the answer to GET CHALLENGE. Method.Frames has its length.
	Challenge []byte
}

// Handshake is an authentication that a key has begun. Who asked sends the Token,
// and gives the card's answer to Finish or ends by Wipe.
type Handshake struct {
	// Token is the data of the second frame; with MethodISO7816 that of EXTERNAL
	// AUTHENTICATE.
	Token []byte
	// Internal is the data of INTERNAL AUTHENTICATE, with MethodISO7816 only.
	Internal []byte
	Finisher
}

// Finisher is the second half of a handshake.
type Finisher interface {
	// Finish checks what the card answered to the token; with MethodISO7816 to
	// INTERNAL AUTHENTICATE. A proof that is wrong is ErrProof. It takes one
	// proof: after it, whatever it was, the handshake is over.
	Finish(ctx context.Context, proof []byte) (SessionKeys, error)
	// Wipe gives the handshake up. It may come at any time, also after Finish and
	// again, and does not block.
	Wipe()
}

// Format prints nothing of it.
func (Handshake) Format(f fmt.State, _ rune) { fmt.Fprint(f, "key.Handshake") }

// ErrProof is the error of Finish where the card did not prove to hold the key.
var ErrProof = errors.New("the other side did not prove to hold the key")

// SessionKeys is what a handshake ends in. The slices are the caller's, who
// overwrites them.
type SessionKeys struct {
	// Key is the session key, of Type.SessionSize bytes: EV2's encryption key,
	// LRP's session master key.
	Key []byte
	// MAC is the MAC key of EV2, of 16 bytes.
	MAC []byte
	// TI and the capabilities are what the proof of MethodEV2First and
	// MethodLRPFirst holds; NonFirst goes on with the TI that is. ReaderCaps are
	// those that the card says it heard.
	TI                   [4]byte
	CardCaps, ReaderCaps [6]byte
}

// Wipe overwrites the keys.
func (s SessionKeys) Wipe() {
	clear(s.Key)
	clear(s.MAC)
}

// Format prints nothing of it.
func (SessionKeys) Format(f fmt.State, _ rune) { fmt.Fprint(f, "key.SessionKeys(secret)") }

// MarshalText writes nothing of it, so that JSON has nothing either.
func (s SessionKeys) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(s)), nil }

// LogValue has nothing of it.
func (s SessionKeys) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// Fits says why a key of type t cannot authenticate with m, or nil.
func (m Method) Fits(t Type) error {
	aes := t == TypeAES
	if m > MethodISO7816 || t > TypeAES {
		return fmt.Errorf("no method %v, or no key type %v", m, t)
	}
	switch m {
	case MethodD40:
		if aes || t == Type3K3DES {
			return fmt.Errorf("a %v key cannot authenticate with %v: it needs a DES or 2K3DES key", t, m)
		}
	case MethodISO:
		if aes {
			return fmt.Errorf("a %v key cannot authenticate with %v: it needs a DES, 2K3DES or 3K3DES key", t, m)
		}
	case MethodISO7816:
	default:
		if !aes {
			return fmt.Errorf("a %v key cannot authenticate with %v: it needs an AES key", t, m)
		}
	}
	return nil
}

// Frames are the lengths of a handshake's data with a key of type t that fits.
// The data of INTERNAL AUTHENTICATE are as long as the challenge of MethodISO7816.
func (m Method) Frames(t Type) (challenge, token, proof int) {
	n := t.NonceSize()
	challenge, token, proof = n, 2*n, n
	switch m {
	case MethodEV2First:
		proof = 32
	case MethodLRPFirst:
		challenge, proof = 17, 32
	case MethodLRPNonFirst:
		challenge = 17
	case MethodISO7816:
		proof = 2 * n
	}
	return challenge, token, proof
}

// SessionSize is the length of a session key of an authentication with a key of
// type t, in bytes.
func (t Type) SessionSize() int {
	switch t {
	case TypeDES:
		return 8
	case Type3K3DES:
		return 24
	}
	return 16
}
