package tmac

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
)

// Keys are the session keys of one transaction.
type Keys struct {
	mac *cmac.MAC
	enc cipher.Block
}

// Format prints nothing of them.
func (*Keys) Format(f fmt.State, _ rune) { fmt.Fprint(f, "tmac.Keys(secret)") }

// ErrMismatch says that a transaction MAC does not fit the input: the terminal's
// report, the UID, the counter or the key is wrong.
var ErrMismatch = errors.New("the transaction MAC does not fit what the terminal reports")

// ErrNoUID says that the UID is missing, which the keys of a transaction are
// made with.
var ErrNoUID = errors.New("transaction MAC: no UID: a card that shows a random identifier tells the real one in a session (GetCardUID, Card.CardUID); ask it before the commit, or set the UID of the report")

// NewKeys derives the keys of a transaction from the application's transaction
// MAC key, an AES key, the counter as the card reports it after the
// transaction, and the UID of 7 bytes. It uses the key's CBC alone, and keeps
// nothing of what it is given. useLRP is for an application that uses LRP.
// Unverified: no numbers of that are public.
func NewKeys(ctx context.Context, app key.Key, useLRP bool, tmc uint32, uid []byte) (*Keys, error) {
	if err := check(app, uid); err != nil {
		return nil, err
	}
	if useLRP {
		return newKeysLRP(ctx, app, tmc, uid)
	}
	h, err := cmac.NewHandle(ctx, app)
	if err != nil {
		return nil, fmt.Errorf("transaction MAC key: %w", err)
	}
	sv := binary.LittleEndian.AppendUint32([]byte{0x00, 0x01, 0x00, 0x80}, tmc)
	mac, err := h.Sum(ctx, []byte{0x5A}, sv, uid)
	if err != nil {
		return nil, fmt.Errorf("transaction MAC key: %w", err)
	}
	enc, err := h.Sum(ctx, []byte{0xA5}, sv, uid)
	if err != nil {
		return nil, fmt.Errorf("transaction MAC key: %w", err)
	}
	return newKeys(mac, enc)
}

func newKeysLRP(ctx context.Context, app key.Key, tmc uint32, uid []byte) (*Keys, error) {
	s55, sAA := lrp.Seeds()
	for _, s := range []*[16]byte{&s55, &sAA} {
		if err := app.EncryptCBC(ctx, nil, s[:], s[:]); err != nil {
			return nil, fmt.Errorf("transaction MAC key: %w", err)
		}
	}
	m := lrp.NewMAC(lrp.FromSeeds(s55, sAA))
	sv := binary.LittleEndian.AppendUint32([]byte{0x00, 0x01, 0x00, 0x80}, tmc)
	sv = append(sv, uid...)
	mac, enc := m.Sum(sv, []byte{0x5A}), m.Sum(sv, []byte{0xA5})
	return newKeys(mac[:], enc[:])
}

func check(app key.Key, uid []byte) error {
	switch {
	case app == nil || app.Type() != key.TypeAES:
		return errors.New("transaction MAC: the key must be an AES key")
	case len(uid) == 0:
		return ErrNoUID
	case len(uid) != 7:
		return fmt.Errorf("transaction MAC: UID of %d bytes, want 7 (of a random-ID card, what GetCardUID answers)", len(uid))
	}
	return nil
}

func newKeys(mac, enc []byte) (*Keys, error) {
	m, err := aes.NewCipher(mac)
	if err != nil {
		return nil, err
	}
	e, err := aes.NewCipher(enc)
	if err != nil {
		return nil, err
	}
	return &Keys{mac: cmac.New(m), enc: e}, nil
}

// TMV is the transaction MAC of an input.
func (k *Keys) TMV(input []byte) [8]byte {
	k.mac.Reset(nil)
	k.mac.Write(input)
	return cmac.Truncated(k.mac.Sum())
}

// Verify compares the transaction MAC of an input with the card's. It returns
// nil or ErrMismatch.
func (k *Keys) Verify(input []byte, tmv [8]byte) error {
	if got := k.TMV(input); subtle.ConstantTimeCompare(got[:], tmv[:]) != 1 {
		return ErrMismatch
	}
	return nil
}

// PreviousReader deciphers the answer of CommitReaderID: the reader of the last
// transaction that had one, zeros if there was none.
func (k *Keys) PreviousReader(encTMRI [16]byte) (tmri [16]byte) {
	k.enc.Decrypt(tmri[:], encTMRI[:])
	return tmri
}

// EncipherReader is what a card answers to CommitReaderID.
func (k *Keys) EncipherReader(previous [16]byte) (encTMRI [16]byte) {
	k.enc.Encrypt(encTMRI[:], previous[:])
	return encTMRI
}
