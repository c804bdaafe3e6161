package securemsg

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// recording is what this test needs of a recorded session.
type recording struct {
	ID      string
	Framing string
	Keys    []struct{ Alg, Key string }
	RndA    []string `json:"rnd_a"`
	What    []string `json:"verified_what"`

	Exchanges []struct{ C, R string }
}

// TestRecordedAuthentications opens every authentication of the recorded
// sessions whose key is known: both proofs must hold, as many as an independent
// program found, with the randoms it found, and our reader given that random
// must send the recorded token.
func TestRecordedAuthentications(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(vector.Root(t), "testdata", "traces", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	total := 0
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		want := 0
		for _, w := range r.What {
			if n, rest, ok := strings.Cut(w, " "); ok && strings.HasPrefix(rest, "authentications") {
				want, _ = strconv.Atoi(n)
			}
		}
		got := r.authentications(t)
		if got < want {
			t.Errorf("%s: %d authentications open, want %d", r.ID, got, want)
		}
		total += got
	}
	t.Logf("%d authentications", total)
}

// authentications opens what it can.
func (r recording) authentications(t *testing.T) (n int) {
	ctx := context.Background()
	methods := map[byte]key.Method{0x0A: key.MethodD40, 0x1A: key.MethodISO, 0xAA: key.MethodAES, 0x71: key.MethodEV2First, 0x77: key.MethodEV2NonFirst}
	for i := 0; i+1 < len(r.Exchanges); i++ {
		ins, data := r.command(i)
		m, ok := methods[ins]
		challenge, st := r.answer(i)
		next, token := r.command(i + 1)
		proof, st2 := r.answer(i + 1)
		if !ok || len(data) == 0 || st != 0xAF || next != 0xAF || st2 != 0 {
			continue
		}
		if len(challenge) == 17 {
			m += key.MethodLRPFirst - key.MethodEV2First
		}
		for _, k := range r.Keys {
			kt := map[string]key.Type{"AES": key.TypeAES, "DES": key.TypeDES, "2K3DES": key.Type2K3DES, "3K3DES": key.Type3K3DES}[k.Alg]
			b, _ := hex.DecodeString(k.Key)
			sk, err := key.New(kt, b, 0)
			if err != nil {
				t.Fatalf("%s: %v", r.ID, err)
			}
			rec, err := Recover(ctx, Recorded{Method: m, KeyNo: wire.KeyNo(data[0]), Key: sk, Challenge: challenge, Token: token, Proof: proof})
			if err != nil || !rec.CardProof || !rec.ReaderProof {
				continue
			}
			n++
			r.replay(t, m, data, sk, rec, challenge, token, proof)
			break
		}
	}
	return n
}

// replay lets our reader do the same.
func (r recording) replay(t *testing.T, m key.Method, data []byte, k key.Key, rec *Recovered, challenge, token, proof []byte) {
	a, _ := rec.Randoms()
	c := Config{Method: m, KeyNo: wire.KeyNo(data[0]), Key: k, Rand: strings.NewReader(string(a))}
	if len(data) > 2 {
		c.Caps = data[2:]
	}
	if l := (login{c: c}); l.old() {
		c.Session = l.oldSession(t, PCD)
	}
	h, err := NewHandshake(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, first := h.First(); string(first) != string(data) {
		t.Errorf("%s: first frame %X, recorded %X", r.ID, first, data)
	}
	got, err := h.Second(t.Context(), challenge)
	if err != nil || string(got) != string(token) {
		t.Errorf("%s: token %X, %v, recorded %X", r.ID, got, err, token)
	}
	if _, err := h.Finish(t.Context(), proof); err != nil {
		t.Errorf("%s: %v", r.ID, err)
	}
	found := len(r.RndA) == 0
	for _, s := range r.RndA {
		found = found || strings.EqualFold(s, hex.EncodeToString(a))
	}
	if !found {
		t.Errorf("%s: RndA %X is not among those of the recording", r.ID, a)
	}
}

func (r recording) command(i int) (ins byte, data []byte) {
	b, _ := hex.DecodeString(r.Exchanges[i].C)
	if r.Framing == "native" {
		if len(b) == 0 {
			return 0, nil
		}
		return b[0], b[1:]
	}
	if len(b) < 5 || b[0] != 0x90 {
		return 0, nil
	}
	if len(b) == 5 {
		return b[1], nil
	}
	return b[1], b[5:min(len(b), 5+int(b[4]))]
}

func (r recording) answer(i int) (data []byte, status byte) {
	b, _ := hex.DecodeString(r.Exchanges[i].R)
	switch {
	case len(b) == 0:
		return nil, 0xFF
	case r.Framing == "native":
		return b[1:], b[0]
	case len(b) < 2:
		return nil, 0xFF
	}
	return b[:len(b)-2], b[len(b)-1]
}
