package sdm

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/internal/lrp"
	"github.com/go-desfire/desfire/key"
)

// Session has the keys of one read of one file.
//
//	AES   enc = CMAC(K; C3 3C 00 01 00 80 [UID] [counter] 00..)
//	      MAC = CMAC(K; 3C C3 00 01 00 80 [UID] [counter] 00..)
//	LRP   master = CMAC-LRP(K; 00 01 00 80 [UID] [counter] 00.. 1E E1)
type Session struct {
	ctr []byte // three bytes, zeros if none is mirrored

	enc cipher.Block
	mac *cmac.MAC

	master *lrp.Key
}

// Format prints nothing of it.
func (*Session) Format(f fmt.State, _ rune) { fmt.Fprint(f, "sdm.Session(secret)") }

// NewSession derives the session from the file read key and what the tag
// mirrors of UID and counter, in plain or enciphered.
func NewSession(ctx context.Context, file key.Key, useLRP bool, p PICCData) (*Session, error) {
	if err := aesKey("file read", file); err != nil {
		return nil, err
	}
	s := &Session{ctr: make([]byte, 3)}
	copy(s.ctr, p.counter())
	if useLRP {
		k, err := lrpKey(ctx, file)
		if err != nil {
			return nil, fmt.Errorf("file read key: %w", err)
		}
		sv := sessionVector([]byte{0x00, 0x01, 0x00, 0x80}, p, 2)
		master := lrp.NewMAC(k).Sum(sv, []byte{0x1E, 0xE1})
		s.master = lrp.New(master)
		return s, nil
	}
	h, err := cmac.NewHandle(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("file read key: %w", err)
	}
	enc, err := h.Sum(ctx, sessionVector([]byte{0xC3, 0x3C, 0x00, 0x01, 0x00, 0x80}, p, 0))
	if err != nil {
		return nil, fmt.Errorf("file read key: %w", err)
	}
	mac, err := h.Sum(ctx, sessionVector([]byte{0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80}, p, 0))
	if err != nil {
		return nil, fmt.Errorf("file read key: %w", err)
	}
	if s.enc, err = aes.NewCipher(enc); err != nil {
		return nil, err
	}
	m, err := aes.NewCipher(mac)
	if err != nil {
		return nil, err
	}
	s.mac = cmac.New(m)
	return s, nil
}

// sessionVector is a session vector: with tail more bytes, whole blocks.
func sessionVector(label []byte, p PICCData, tail int) []byte {
	sv := append(append(label, p.UID...), p.counter()...)
	for (len(sv)+tail)%16 != 0 {
		sv = append(sv, 0)
	}
	return sv
}

// MAC is SDMMAC over the input: the ASCII as it is sent, after mirroring.
func (s *Session) MAC(input []byte) [8]byte { return cmac.Truncated(s.full(input)) }

func (s *Session) full(input []byte) []byte {
	if s.master != nil {
		m := lrp.NewMAC(s.master).Sum(input)
		return m[:]
	}
	s.mac.Reset(nil)
	s.mac.Write(input)
	return s.mac.Sum()
}

// DecipherFile deciphers mirrored file data: whole blocks, no padding.
func (s *Session) DecipherFile(data []byte) ([]byte, error) { return s.file(data, true) }

// EncipherFile is the card's side of DecipherFile.
func (s *Session) EncipherFile(data []byte) ([]byte, error) { return s.file(data, false) }

func (s *Session) file(data []byte, open bool) ([]byte, error) {
	if len(data)%16 != 0 {
		return nil, fmt.Errorf("enciphered file data of %d bytes are not whole blocks of 16", len(data))
	}
	p := append([]byte(nil), data...)
	if s.master != nil {
		c := lrp.NewCBC(s.master, 1, append(append([]byte(nil), s.ctr...), 0, 0, 0))
		if open {
			c.Decrypt(p)
		} else {
			c.Encrypt(p)
		}
		return p, nil
	}
	iv := make([]byte, 16)
	copy(iv, s.ctr)
	s.enc.Encrypt(iv, iv)
	if open {
		cipher.NewCBCDecrypter(s.enc, iv).CryptBlocks(p, p)
	} else {
		cipher.NewCBCEncrypter(s.enc, iv).CryptBlocks(p, p)
	}
	return p, nil
}
