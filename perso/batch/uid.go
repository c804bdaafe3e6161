package batch

import (
	"encoding/hex"
	"errors"
	"strings"

	"github.com/go-desfire/desfire/keystore"
)

var errUID = errors.New("want the identifier of a card: 4, 7 or 10 bytes in hexadecimal, such as 04112233445566 or 04:11:22:33:44:55:66")

// parseUID reads an identifier as people write it.
func parseUID(s string) (keystore.UID, error) {
	s = strings.TrimSpace(s)
	for _, separator := range []string{":", "-", " "} {
		parts := strings.Split(s, separator)
		if len(parts) == 1 {
			continue
		}
		for _, p := range parts {
			if len(p) != 2 {
				return "", errUID
			}
		}
		s = strings.Join(parts, "")
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	uid, ok := decodeUID(s)
	if !ok {
		return "", errUID
	}
	return uid, nil
}

// decodeUID reads an identifier as this package writes it.
func decodeUID(s string) (keystore.UID, bool) {
	b, err := hex.DecodeString(s)
	return keystore.UID(b), err == nil && (len(b) == 4 || len(b) == 7 || len(b) == 10)
}
