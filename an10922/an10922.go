// Package an10922 diversifies keys as NXP's application note AN10922 says: each
// card gets keys of its own, derived from a master key and what is known of the
// card. The master key is used by its CMAC, or its CBC, so that it may stay in a
// safe.
//
// All diversification is a CMAC over a constant and the input, with one
// difference: the message is always padded to two blocks. So a master key that is
// a key.MACer serves alone where constant and input are more than one block: inputs
// of 16 bytes and more for AES, 8 and more for 2K3DES and 3K3DES. Shorter ones, and
// all of other master keys, are made by EncryptCBC.
package an10922

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// The constants that tell the parts of a derived key apart.
var (
	constAES128 = []byte{0x01}
	constAES192 = []byte{0x11, 0x12}
	const2K3DES = []byte{0x21, 0x22}
	const3K3DES = []byte{0x31, 0x32, 0x33}
)

// Input is the usual diversification input: UID, AID with its most significant
// byte first, and an identifier of the system, which may be empty.
func Input(uid []byte, aid wire.AID, system string) []byte {
	w := aid.Wire()
	m := append([]byte(nil), uid...)
	m = append(m, w[2], w[1], w[0])
	return append(m, system...)
}

// System reads the identifier of a system as people write it: bytes if it is
// hexadecimal, else text. text: or hex: before it decides.
func System(s string) []byte {
	if text, ok := strings.CutPrefix(s, "text:"); ok {
		return []byte(text)
	}
	digits, _ := strings.CutPrefix(s, "hex:")
	if b, err := hex.DecodeString(digits); err == nil {
		return b
	}
	return []byte(s)
}

// Key derives a key of the master's type, with the master's version. Input is 1
// to 31 bytes for AES, 1 to 15 for 2K3DES and 3K3DES. A DES master gives a
// 2K3DES key.
func Key(ctx context.Context, master key.Key, input []byte) (*key.Secret, error) {
	b, err := Bytes(ctx, master, input)
	if err != nil {
		return nil, err
	}
	defer clear(b)
	t := master.Type()
	if t == key.TypeDES {
		t = key.Type2K3DES
	}
	k, err := key.New(t, b, master.Version())
	if err != nil {
		return nil, err
	}
	defer k.Wipe()
	return k.WithVersion(master.Version()), nil
}

// Bytes derives the bytes of a key, without a version in the parity bits.
func Bytes(ctx context.Context, master key.Key, input []byte) ([]byte, error) {
	consts := const2K3DES
	switch master.Type() {
	case key.TypeAES:
		consts = constAES128
	case key.Type3K3DES:
		consts = const3K3DES
	}
	n := master.Type().BlockSize()
	if err := check(input, n); err != nil {
		return nil, err
	}
	encrypt := func(p []byte) error { return master.EncryptCBC(ctx, nil, p, p) }
	out := make([]byte, 0, 3*n)
	for _, c := range consts {
		b, err := mac(ctx, master, c, input)
		if errors.Is(err, errors.ErrUnsupported) {
			b, err = part(encrypt, n, c, input)
		}
		if err != nil {
			clear(out)
			return nil, fmt.Errorf("diversify: %w", err)
		}
		out = append(out, b...)
		clear(b)
	}
	return out, nil
}

// mac is part by the CMAC of the master key, which is the same where the message
// has a byte in the second block. Else, and for keys without, the error is
// errors.ErrUnsupported.
func mac(ctx context.Context, master key.Key, constant byte, input []byte) ([]byte, error) {
	m, ok := master.(key.MACer)
	n := master.Type().BlockSize()
	if !ok || 1+len(input) <= n {
		return nil, errors.ErrUnsupported
	}
	b, err := m.CMAC(ctx, append([]byte{constant}, input...))
	if err == nil && len(b) != n {
		return nil, fmt.Errorf("the master key's CMAC has %d bytes, want %d", len(b), n)
	}
	return b, err
}

// AES192 derives a key of 24 bytes from an AES-192 master key of 24 bytes and an
// input of 1 to 31. No card uses it: SAMs do.
func AES192(master, input []byte) ([]byte, error) {
	if len(master) != 24 {
		return nil, fmt.Errorf("diversify: AES-192 master key of %d bytes, want 24", len(master))
	}
	if err := check(input, aes.BlockSize); err != nil {
		return nil, err
	}
	blk, err := aes.NewCipher(master)
	if err != nil {
		return nil, err
	}
	encrypt := func(p []byte) error {
		cipher.NewCBCEncrypter(blk, make([]byte, aes.BlockSize)).CryptBlocks(p, p)
		return nil
	}
	a, err := part(encrypt, aes.BlockSize, constAES192[0], input)
	if err != nil {
		return nil, err
	}
	b, err := part(encrypt, aes.BlockSize, constAES192[1], input)
	if err != nil {
		return nil, err
	}
	out := append(append(make([]byte, 0, 24), a...), b[8:]...)
	subtle.XORBytes(out[8:16], a[8:], b[:8])
	return out, nil
}

func check(input []byte, block int) error {
	if n := 2*block - 1; len(input) < 1 || len(input) > n {
		return fmt.Errorf("diversify: input of %d bytes, want 1 to %d", len(input), n)
	}
	return nil
}

// part is one block of the derived key. encrypt is CBC from zero, in place.
func part(encrypt func([]byte) error, block int, constant byte, input []byte) ([]byte, error) {
	sub := make([]byte, block)
	if err := encrypt(sub); err != nil {
		return nil, err
	}
	l := append([]byte(nil), sub...)
	cmac.Double(sub, l) // K1
	d := make([]byte, 2*block)
	d[0] = constant
	if n := 1 + copy(d[1:], input); n < len(d) {
		d[n] = 0x80
		cmac.Double(sub, append([]byte(nil), sub...)) // K2
	}
	subtle.XORBytes(d[block:], d[block:], sub)
	if err := encrypt(d); err != nil {
		return nil, err
	}
	return d[block:], nil
}
