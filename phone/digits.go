package phone

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// What is hashed in pairing begins with what it is for, and the version.
const (
	commitmentLabel = "desfire-phone.v1 commitment\x00"
	digitsLabel     = "desfire-phone.v1 digits\x00"
)

// nonceSize is the length of the random numbers in pairing.
const nonceSize = 32

// commitment is what the phone says of its nonce before it hears that of the computer.
// The keys are in it, so that nobody can pass it on as their own.
func commitment(phone, computer Fingerprint, phoneNonce []byte) []byte {
	h := sha256.New()
	h.Write([]byte(commitmentLabel))
	h.Write(phone[:])
	h.Write(computer[:])
	h.Write(phoneNonce)
	return h.Sum(nil)
}

// pairingDigits are what a person carries from the phone to the computer. pair and nonce
// are those messages as they were sent. Both were fixed before their senders could know
// the nonce of the other end; the message that reveals the phone's was not, so only the
// nonce of it is in here.
func pairingDigits(phone, computer Fingerprint, pair, nonce, phoneNonce, computerNonce []byte) string {
	h := sha256.New()
	h.Write([]byte(digitsLabel))
	h.Write(phone[:])
	h.Write(computer[:])
	first, second := sha256.Sum256(pair), sha256.Sum256(nonce)
	h.Write(first[:])
	h.Write(second[:])
	h.Write(phoneNonce)
	h.Write(computerNonce)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint64(h.Sum(nil))%1_000_000)
}
