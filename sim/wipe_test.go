package sim

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// However a session ends, its channel has no keys any more.
func TestEndedSessionsAreWiped(t *testing.T) {
	for _, end := range []struct {
		name string
		do   func(t *testing.T, c *Card, a *Activation)
	}{
		{"select", func(t *testing.T, c *Card, a *Activation) { script(t, a, "5a 000000 < 00") }},
		{"error", func(t *testing.T, c *Card, a *Activation) { script(t, a, "bd 07 000000 000000 < f0") }},
		{"authentication", func(t *testing.T, c *Card, a *Activation) { answerTo(t, a, "1a 00") }},
		{"ISO authentication", func(t *testing.T, c *Card, a *Activation) { answerTo(t, a, "00 84 00 00 10") }},
		{"lift", func(t *testing.T, c *Card, a *Activation) { c.Lift() }},
		{"activation", func(t *testing.T, c *Card, a *Activation) { c.Present() }},
		{"power lost before", func(t *testing.T, c *Card, a *Activation) { c.TearBefore(1); a.Transmit(t.Context(), []byte{0x60}) }},
		{"power lost after", func(t *testing.T, c *Card, a *Activation) { c.TearAfter(1); a.Transmit(t.Context(), []byte{0x60}) }},
	} {
		t.Run(end.name, func(t *testing.T) {
			c := newCard(t, wire.EV2)
			a := c.Present()
			script(t, a, free)
			script(t, a, "5a 563412 < 00")
			login := &c.v.handshake
			challenge := answerTo(t, a, "1a 00")
			secret, h := login.secret, login.card
			pcd, err := securemsg.NewHandshake(securemsg.Config{Method: key.MethodISO, Key: key.Zero(key.TypeDES)})
			if err != nil {
				t.Fatal(err)
			}
			token, err := pcd.Second(t.Context(), challenge)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.Transmit(t.Context(), append([]byte{0xAF}, token...)); err != nil {
				t.Fatal(err)
			}
			channel := c.v.session.channel
			if channel == nil {
				t.Fatal("no session")
			}
			if err := secret.EncryptCBC(t.Context(), nil, make([]byte, 8), make([]byte, 8)); !errors.Is(err, key.ErrWiped) {
				t.Errorf("the handle on the key after the authentication: %v", err)
			}
			if _, _, err := h.Second(t.Context(), token); !errors.Is(err, securemsg.ErrClosed) {
				t.Errorf("the authentication goes on: %v", err)
			}
			end.do(t, c, a)
			if _, err := channel.Seal(nil, securemsg.Message{}); !errors.Is(err, securemsg.ErrClosed) {
				t.Errorf("the session's channel was not wiped: %v", err)
			}
		})
	}
}

// An authentication that is broken off leaves no key and no random.
func TestBrokenOffAuthentication(t *testing.T) {
	c := newCard(t, wire.EV2)
	a := c.Present()
	script(t, a, free)
	script(t, a, "5a 563412 < 00")
	answerTo(t, a, "1a 00")
	secret := c.v.handshake.secret
	script(t, a, "60 < ca")
	if err := secret.EncryptCBC(t.Context(), nil, make([]byte, 8), make([]byte, 8)); !errors.Is(err, key.ErrWiped) {
		t.Errorf("the handle on the key: %v", err)
	}
	answerTo(t, a, "1a 00")
	secret = c.v.handshake.secret
	c.Lift()
	if err := secret.EncryptCBC(t.Context(), nil, make([]byte, 8), make([]byte, 8)); !errors.Is(err, key.ErrWiped) {
		t.Errorf("the handle on the key: %v", err)
	}
}

// answerTo sends one frame and returns what came with status AF or 00.
func answerTo(t *testing.T, a *Activation, frame string) []byte {
	t.Helper()
	answer, err := a.Transmit(t.Context(), unhexed(frame))
	if err != nil || len(answer) == 0 {
		t.Fatalf("%s: %X, %v", frame, answer, err)
	}
	return append([]byte(nil), answer[1:]...)
}

// What proves something is compared in constant time. bytes.Equal is for names
// and identifiers, and each place is listed here.
func TestConstantTime(t *testing.T) {
	public := map[string]int{
		"iso.go":         3, // DF names
		"application.go": 2, // DF names
		"config.go":      1, // UID
		"tear.go":        3, // what a write changes, never in an answer
	}
	for _, dir := range []string{".", "../internal/securemsg"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			ast.Inspect(f, func(x ast.Node) bool {
				if s, ok := x.(*ast.SelectorExpr); ok {
					if p, ok := s.X.(*ast.Ident); ok && (p.Name == "bytes" || p.Name == "slices") && (s.Sel.Name == "Equal" || s.Sel.Name == "Compare") {
						n++
					}
				}
				return true
			})
			if n != public[name] {
				t.Errorf("%s compares bytes in %d places, %d are known to be public: use crypto/subtle", name, n, public[name])
			}
		}
	}
}
