package securemsg

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// Nothing of this package shows a session key, a random or plain data, whatever
// prints it.
func TestPrintsNoSecrets(t *testing.T) {
	ctx := context.Background()
	secret := unhex("5152535455565758595A5B5C5D5E5F60")
	var things []any
	for _, s := range sessions(t) {
		s.Key = append(secret[:8:8], make([]byte, len(s.Key)-8)...)
		if len(s.Key) == 16 {
			s.Key = secret
		}
		if s.MAC != nil {
			s.MAC = secret
		}
		reader, card := pair(t, s)
		things = append(things, s, &s, reader, card, reader.Info())
	}
	k, err := key.NewAES(secret, 0)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Method: key.MethodEV2First, Key: k, Rand: strings.NewReader(string(secret))}
	h, err := NewHandshake(c)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := NewCardHandshake(Config{Method: key.MethodEV2First, Key: k})
	challenge, err := g.First(ctx)
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.Second(ctx, challenge)
	if err != nil {
		t.Fatal(err)
	}
	proof, _, err := g.Second(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	r := Recorded{Method: key.MethodEV2First, Key: k, Challenge: challenge, Token: token, Proof: proof}
	rec, err := Recover(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	change := KeyChange{Code: 0xC4, New: k, Old: k}
	m, err := change.Message()
	if err != nil {
		t.Fatal(err)
	}
	c.Rand = nil
	things = append(things, c, h, g, r, rec, *rec, change, m, &m,
		key.Handshake{Token: secret, Internal: secret}, key.SessionKeys{Key: secret, MAC: secret}, key.WrapRequest{Session: secret}, Message{Data: secret, NewKey: secret, OldKey: secret})
	var out strings.Builder
	for _, x := range things {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%c", "%e", "%t"} {
			fmt.Fprintf(&out, verb+"\n", x)
			fmt.Fprintf(&out, verb+"\n", []any{x})
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "x", x)
	}
	for _, x := range []any{h, g, rec, k, c} {
		if b, err := json.Marshal(x); err == nil {
			out.Write(b)
		}
	}
	for _, leak := range []string{"51525354", "81 82 83", "0x51, 0x52", "81,82,83", "QRST", "UVJTVFVW", "121 122 123"} {
		if i := strings.Index(out.String(), leak); i >= 0 {
			t.Errorf("%q shows in ...%s", leak, out.String()[max(0, i-200):i+20])
		}
	}
}
