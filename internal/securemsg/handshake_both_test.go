package securemsg

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// Both sides of each method agree on a session, and each notices that the other
// has another key.
func TestBothSides(t *testing.T) {
	ctx := context.Background()
	k3, _ := key.New3K3DES(unhex("000102030405060708090A0B0C0D0E0F1011121314151617"))
	k2, _ := key.New2K3DES(unhex("000102030405060708090A0B0C0D0E0F"))
	aes, _ := key.NewAES(unhex("000102030405060708090A0B0C0D0E0F"), 1)
	for _, c := range []Config{
		{Method: key.MethodD40, Key: key.Zero(key.TypeDES)}, {Method: key.MethodD40, Key: k2},
		{Method: key.MethodISO, Key: key.Zero(key.TypeDES)}, {Method: key.MethodISO, Key: k2}, {Method: key.MethodISO, Key: k3},
		{Method: key.MethodAES, Key: aes}, {Method: key.MethodEV2First, Key: aes, Caps: []byte{0, 9}}, {Method: key.MethodEV2NonFirst, Key: aes},
		{Method: key.MethodLRPFirst, Key: aes}, {Method: key.MethodLRPNonFirst, Key: aes},
	} {
		t.Run(c.Method.String()+" "+c.Key.Type().String(), func(t *testing.T) {
			c.Rand = seeded(c.Method.String())
			pcd, picc := c, c
			if l := (login{c: c}); l.old() {
				pcd.Session, picc.Session = l.oldSession(t, PCD), l.oldSession(t, PICC)
			}
			reader, card, err := play(ctx, pcd, picc)
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, reader, card)
			wrong := pcd
			wrong.Key = key.Zero(c.Key.Type())
			if c.Key.Type() == key.TypeDES {
				wrong.Key, _ = key.NewDES(unhex("1011121314151617"))
			}
			if _, _, err = play(ctx, wrong, picc); !errors.Is(err, ErrProof) {
				t.Errorf("another key on the reader: %v", err)
			}
		})
	}
}

// seeded is randomness that is the same in every run.
func seeded(name string) io.Reader {
	return rand.NewChaCha8(sha256.Sum256([]byte(name)))
}

func play(ctx context.Context, pcd, picc Config) (reader, card Channel, err error) {
	return playSpoilt(ctx, pcd, picc, leave)
}

// playSpoilt is play with what spoil makes of the card's proof.
func playSpoilt(ctx context.Context, pcd, picc Config, spoil func([]byte)) (reader, card Channel, err error) {
	h, err := NewHandshake(pcd)
	if err != nil {
		return nil, nil, err
	}
	g, err := NewCardHandshake(picc)
	if err != nil {
		return nil, nil, err
	}
	b, err := g.First(ctx)
	if err != nil {
		return nil, nil, err
	}
	if b, err = h.Second(ctx, b); err != nil {
		return nil, nil, err
	}
	if b, card, err = g.Second(ctx, b); err != nil {
		return nil, nil, err
	}
	spoil(b)
	reader, err = h.Finish(ctx, b)
	return reader, card, err
}

// zeroIV makes an ISO handshake start the card's last cryptogram at zero: the
// only one that the reader deciphers.
type zeroIV struct{ key.Key }

func (z zeroIV) DecryptCBC(ctx context.Context, _, dst, src []byte) error {
	return z.Key.DecryptCBC(ctx, nil, dst, src)
}

func TestISO7816(t *testing.T) {
	ctx := context.Background()
	k2, _ := key.New2K3DES(unhex("000102030405060708090A0B0C0D0E0F"))
	for _, k := range []key.Key{key.Zero(key.TypeDES), k2, key.Zero(key.Type3K3DES), key.Zero(key.TypeAES)} {
		for _, zero := range []bool{false, true} {
			used := k
			if zero {
				used = zeroIV{k}
			}
			h, err := NewISOHandshake(Config{Method: key.MethodISO7816, Key: used, KeyNo: 2, Rand: seeded("reader")})
			if err != nil {
				t.Fatal(err)
			}
			g := NewISOCardHandshake(seeded("card"), zero)
			challenge, err := g.Challenge(h.First())
			if err != nil {
				t.Fatal(err)
			}
			token, err := h.Second(ctx, challenge)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.External(ctx, 2, k, token); err != nil {
				t.Fatal(err)
			}
			rpcd2, err := h.Third()
			if err != nil {
				t.Fatal(err)
			}
			proof, card, err := g.Internal(ctx, rpcd2)
			if err != nil {
				t.Fatal(err)
			}
			reader, err := h.Finish(ctx, proof)
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, reader, card)
			rec, err := Recover(ctx, Recorded{Method: key.MethodISO7816, Key: k, KeyNo: 2, Challenge: challenge, Token: token, Proof: proof, Internal: rpcd2, ZeroIV: zero})
			if err != nil || !rec.ReaderProof || !rec.CardProof {
				t.Fatalf("%v, %v", rec, err)
			}
			got, _ := sessionKeys(reader)
			if !bytes.Equal(rec.Session(PCD).Key, got) {
				t.Error("the recovered session key differs")
			}
		}
	}
}
