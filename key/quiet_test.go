package key_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// What holds session keys shows them in no log and no JSON, also inside of something else.
func TestSessionQuiet(t *testing.T) {
	secret := []byte("sixteen bytes of")
	for _, v := range []any{key.SessionKeys{Key: secret, MAC: secret}, key.WrapRequest{Session: secret, IV: secret}} {
		var out bytes.Buffer
		for _, x := range []any{v, []any{v}, map[string]any{"a": v}, struct{ A any }{v}} {
			fmt.Fprintf(&out, "%v %+v %#v %s %x\n", x, x, x, x, x)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "a", x)
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "a", x)
			b, err := json.Marshal(x)
			if err != nil {
				t.Error(err)
			}
			out.Write(b)
		}
		for _, form := range []string{string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), "115 105 120", "0x73, 0x69"} {
			if strings.Contains(out.String(), form) {
				t.Errorf("%T shows %s: %s", v, form, out.String())
			}
		}
	}
}
