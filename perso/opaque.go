package perso

import (
	"cmp"
	"fmt"

	"github.com/go-desfire/desfire/key"
)

// A key that stays in a safe can authenticate. It takes part in no key change, and
// whatever a card is given the bytes of it cannot be.

// fixed says why a key can be neither the old nor the new one of a change, empty if it
// can.
func (h held) fixed() string {
	if _, wraps := h.key.(key.Wrapper); wraps {
		return ""
	}
	return noBytes(h.key, h.source)
}

// noBytes says that a key does not give away the bytes that a card needs, empty if it
// does.
func noBytes(k key.Key, source string) string {
	if _, gives := k.(key.Exporter); gives {
		return ""
	}
	return fmt.Sprintf("a card would need the bytes of the key %s, which does not give them away: such a key authenticates, and can be neither set nor changed", cmp.Or(source, key.String(k)))
}
