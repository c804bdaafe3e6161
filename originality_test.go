package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Cards with a published UID and signature, whatever their generation.
func TestOriginality(t *testing.T) {
	ctx := context.Background()
	vectors := 0
	for _, v := range vector.Load(t, "originality") {
		if !v.Has("signature_r_s") {
			continue
		}
		vectors++
		uid, signature := v.Hex("uid"), v.Hex("signature_r_s")
		for _, g := range []desfire.Generation{wire.EV2, wire.EV3, wire.Light, wire.NTAG424} {
			picc, err := sim.New(&sim.Config{Generation: g, UID: uid, Signature: signature})
			if err != nil {
				t.Fatal(err)
			}
			for _, conf := range []*desfire.Config{nil, {Generation: g}} {
				card, err := desfire.Connect(ctx, picc.Present(), conf)
				if err != nil {
					t.Fatal(err)
				}
				o, err := card.Originality(ctx)
				if err != nil || !bytes.Equal(o.UID, uid) || !bytes.Equal(o.Signature[:], signature) || o.Key.Products == "" {
					t.Errorf("%v, %s: %+v, %v", g, v.ID, o, err)
				}
			}
		}
	}
	if vectors < 2 {
		t.Errorf("only %d published signatures", vectors)
	}
}

func TestOriginalityInSession(t *testing.T) {
	ctx := context.Background()
	uid := []byte{0x04, 0x5A, 0x11, 0x5A, 0x34, 0x61, 0x80}
	for _, random := range []bool{false, true} {
		picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: uid})
		if err != nil {
			t.Fatal(err)
		}
		card := connect(t, picc)
		zero := key.Zero(key.TypeDES)
		if random {
			if err := card.Authenticate(ctx, 0, zero); err != nil {
				t.Fatal(err)
			}
			if err := card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}); err != nil {
				t.Fatal(err)
			}
			card = connect(t, picc)
			if _, err := card.Originality(ctx); !errors.As(err, new(*desfire.ArgumentError)) {
				t.Errorf("a random identifier without a session: %v", err)
			}
		}
		if err := card.Authenticate(ctx, 0, zero); err != nil {
			t.Fatal(err)
		}
		o, err := card.Originality(ctx)
		if !errors.Is(err, originality.ErrNotSigned) || o == nil || !bytes.Equal(o.UID, uid) {
			t.Errorf("random %v: %+v, %v", random, o, err)
		}
		if _, ok := card.Session(); !ok {
			t.Error("the session is gone")
		}
	}
	old, err := sim.New(&sim.Config{Generation: wire.EV1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, old).Originality(ctx); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EV1: %v", err)
	}
}
