package remote

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Directions of signed messages.
const (
	ToAgent   = 'a'
	FromAgent = 'b'
)

// tagSize is how many bytes of a signed message are its signature, the last ones.
const tagSize = 16

// Secret is one side's part of a LeaseKey.
type Secret struct{ key *ecdh.PrivateKey }

// NewSecret makes a part at random. Public goes to the other side.
func NewSecret() (*Secret, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Secret{k}, nil
}

// Public is the half that the other side gets, hexadecimal.
func (s *Secret) Public() string { return hex.EncodeToString(s.key.PublicKey().Bytes()) }

// LeaseKey signs what belongs to one lease. Both sides agree on it (X25519), so that who
// only listens, and knows the numbers of the lease, cannot write for its holder. It does
// not prove who the holder is: that does the server, which lets members of the fleet
// read their own answers only.
type LeaseKey struct{ key []byte }

// Key is what both sides of a lease have in common. peer is the other side's Public.
func (s *Secret) Key(peer, boot, reader string, counter uint64) (*LeaseKey, error) {
	raw, err := hex.DecodeString(peer)
	if err != nil {
		return nil, fmt.Errorf("%w: public key: %w", ErrMessage, err)
	}
	public, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: public key: %w", ErrMessage, err)
	}
	shared, err := s.key.ECDH(public)
	if err != nil {
		return nil, fmt.Errorf("%w: public key: %w", ErrMessage, err)
	}
	key, err := hkdf.Key(sha256.New, shared, nil, fmt.Sprintf("desfire lease %s %s %d", boot, reader, counter), 32)
	if err != nil {
		return nil, err
	}
	return &LeaseKey{key}, nil
}

// Sign appends the signature to a message. Without a key it appends zeros, which no key
// signs with.
func (k *LeaseKey) Sign(direction byte, message []byte) []byte {
	if k == nil {
		return append(message, make([]byte, tagSize)...)
	}
	return append(message, k.tag(direction, message)...)
}

// Verify reports whether the holder of the key has signed the message in this direction.
func (k *LeaseKey) Verify(direction byte, signed []byte) bool {
	n := len(signed) - tagSize
	return k != nil && n >= 0 && hmac.Equal(signed[n:], k.tag(direction, signed[:n]))
}

func (k *LeaseKey) tag(direction byte, message []byte) []byte {
	h := hmac.New(sha256.New, k.key)
	h.Write([]byte{direction})
	h.Write(message)
	return h.Sum(nil)[:tagSize]
}

// unsigned is a payload without the signature at its end.
func unsigned(payload []byte) ([]byte, error) {
	if len(payload) < tagSize {
		return nil, fmt.Errorf("%w: it is not signed", ErrMessage)
	}
	return payload[:len(payload)-tagSize], nil
}
