// Package sdm provisions and verifies secure dynamic messages (SUN): what an
// NTAG 424 DNA or a DESFire EV3 mirrors into the URL it shows to any phone.
//
//	PICCData   tag UID counter random     enciphered under the meta read key
//	session    from the file read key, UID and counter
//	MAC        over the ASCII from SDMMACInputOffset to SDMMACOffset
//	file data  enciphered under the session
//
// A back end needs the keys and no card. The keys may be handles: only their
// CBC is used.
package sdm

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
)

// Bits of the tag that begins PICCData.
const (
	tagUID     = 0x80
	tagCounter = 0x40
	tagUIDLen  = 0x0F
)

// MaxCounter is the last value of the read counter.
const MaxCounter = 1<<24 - 1

// PICCData is what a tag says of itself.
type PICCData struct {
	UID        []byte // nil: not mirrored
	Counter    uint32 // SDMReadCtr
	HasCounter bool
}

// counter is the three bytes as they enter the cryptography.
func (p PICCData) counter() []byte {
	if !p.HasCounter {
		return nil
	}
	return []byte{byte(p.Counter), byte(p.Counter >> 8), byte(p.Counter >> 16)}
}

// encode appends tag, UID and counter.
func (p PICCData) encode() []byte {
	b := []byte{0}
	if p.UID != nil {
		b[0] |= tagUID | byte(len(p.UID))&tagUIDLen
		b = append(b, p.UID...)
	}
	if p.HasCounter {
		b[0] |= tagCounter
		b = append(b, p.counter()...)
	}
	return b
}

// ErrPICCData is an error of DecipherPICC and Verify, for errors.Is.
// ErrPICCData is an error of DecipherPICC and Verify, for errors.Is.
var ErrPICCData = errors.New("PICC data do not decipher: the meta read key is another, or this is no such message")

// decodePICC reads deciphered PICCData.
func decodePICC(b []byte) (p PICCData, err error) {
	tag := b[0]
	b = b[1:]
	if n := int(tag & tagUIDLen); tag&tagUID != 0 {
		if n != 7 {
			return p, ErrPICCData
		}
		p.UID, b = append([]byte(nil), b[:n]...), b[n:]
	} else if n != 0 {
		return p, ErrPICCData
	}
	if tag&tagCounter != 0 {
		p.HasCounter, p.Counter = true, uint32(b[0])|uint32(b[1])<<8|uint32(b[2])<<16
	}
	if tag&^(tagUID|tagCounter|tagUIDLen) != 0 || tag&(tagUID|tagCounter) == 0 {
		return p, ErrPICCData
	}
	return p, nil
}

// DecipherPICC opens mirrored PICC data: 16 bytes, or with LRP 24, the first 8
// of which are random and in clear. It proves nothing by itself: verify the MAC.
func DecipherPICC(ctx context.Context, meta key.Key, useLRP bool, data []byte) (PICCData, error) {
	if err := aesKey("meta read", meta); err != nil {
		return PICCData{}, err
	}
	p := make([]byte, 16)
	if !useLRP {
		if len(data) != 16 {
			return PICCData{}, fmt.Errorf("PICC data of %d bytes, want 16", len(data))
		}
		if err := meta.DecryptCBC(ctx, nil, p, data); err != nil {
			return PICCData{}, fmt.Errorf("meta read key: %w", err)
		}
		return decodePICC(p)
	}
	if len(data) != 24 {
		return PICCData{}, fmt.Errorf("PICC data of %d bytes, want 24 with LRP", len(data))
	}
	k, err := lrpKey(ctx, meta)
	if err != nil {
		return PICCData{}, fmt.Errorf("meta read key: %w", err)
	}
	copy(p, data[8:])
	lrp.NewCBC(k, 0, append([]byte(nil), data[:8]...)).Decrypt(p)
	return decodePICC(p)
}

// EncipherPICC is the card's side of DecipherPICC. random fills up what UID and
// counter leave of 16 bytes; with LRP it has 8 bytes more, which go first.
func EncipherPICC(ctx context.Context, meta key.Key, useLRP bool, p PICCData, random []byte) ([]byte, error) {
	if err := aesKey("meta read", meta); err != nil {
		return nil, err
	}
	var clear []byte
	if useLRP {
		if len(random) < 8 {
			return nil, errors.New("PICC data: too little randomness")
		}
		clear, random = random[:8], random[8:]
	}
	b := p.encode()
	if len(b) > 16 || len(random) < 16-len(b) {
		return nil, errors.New("PICC data: UID too long or too little randomness")
	}
	b = append(b, random[:16-len(b)]...)
	if !useLRP {
		return b, meta.EncryptCBC(ctx, nil, b, b)
	}
	k, err := lrpKey(ctx, meta)
	if err != nil {
		return nil, err
	}
	lrp.NewCBC(k, 0, append([]byte(nil), clear...)).Encrypt(b)
	return append(append([]byte(nil), clear...), b...), nil
}

func aesKey(role string, k key.Key) error {
	if k == nil {
		return fmt.Errorf("no %s key", role)
	}
	if k.Type() != key.TypeAES {
		return fmt.Errorf("the %s key is a %v key: it must be AES", role, k.Type())
	}
	return nil
}

// lrpKey prepares a key for LRP by two blocks enciphered under it.
func lrpKey(ctx context.Context, k key.Key) (*lrp.Key, error) {
	s55, sAA := lrp.Seeds()
	for _, s := range []*[16]byte{&s55, &sAA} {
		if err := k.EncryptCBC(ctx, nil, s[:], s[:]); err != nil {
			return nil, err
		}
	}
	return lrp.FromSeeds(s55, sAA), nil
}
