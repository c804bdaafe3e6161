package mobile

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
)

// encode is a result as JSON, in one line.
func encode(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", failed(err)
	}
	return strings.TrimSuffix(string(visible.JSON(b.Bytes())), "\n"), nil
}

// hexBytes are bytes in JSON: hexadecimal.
type hexBytes []byte

func (b hexBytes) String() string { return strings.ToUpper(hex.EncodeToString(b)) }

// MarshalText implements encoding.TextMarshaler.
func (b hexBytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// cardOf says which card a job worked on.
type cardOf struct {
	UID     hexBytes `json:"uid"` // empty if it is random
	Product string   `json:"product"`
	Reader  string   `json:"reader"`
}

func (c *Card) of() cardOf {
	if c.card == nil {
		return cardOf{}
	}
	o := cardOf{UID: c.card.UID(), Product: c.card.Generation().String(), Reader: c.conf.Reader}
	if v := c.card.KnownVersion(); v != nil {
		o.Product = v.Product()
	}
	return o
}
