package sim

import (
	"crypto/aes"
	"crypto/cipher"
)

// aesBlock is AES under a key that the card holds, which has 16 bytes.
func aesBlock(k []byte) cipher.Block {
	b, err := aes.NewCipher(k)
	if err != nil {
		panic(err) // ReadImage and the commands admit no other length
	}
	return b
}
