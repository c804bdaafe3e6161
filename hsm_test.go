package desfire_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// hsm is a key whose bytes stay where they are. It fails at the nth call.
type hsm struct {
	key.Key
	calls, failAt int
	fail          error
}

func (h *hsm) call(ctx context.Context, do func() error) error {
	h.calls++
	if h.calls == h.failAt {
		return h.fail
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return do()
}

func (h *hsm) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return h.call(ctx, func() error { return h.Key.EncryptCBC(ctx, iv, dst, src) })
}

func (h *hsm) DecryptCBC(ctx context.Context, iv, dst, src []byte) error {
	return h.call(ctx, func() error { return h.Key.DecryptCBC(ctx, iv, dst, src) })
}

// onlyHSM hides that the key inside gives its bytes.
func onlyHSM(k key.Key, failAt int, err error) *hsm {
	return &hsm{Key: struct{ key.Key }{k}, failAt: failAt, fail: err}
}

// A key in a safe authenticates; one that fails in the middle leaves a card
// that goes on working, though it still waits for the rest of the handshake.
func TestKeyInASafe(t *testing.T) {
	ctx := context.Background()
	gone := errors.New("the module does not answer")
	for _, m := range methods {
		picc, err := sim.New(&sim.Config{Generation: m.g})
		if err != nil {
			t.Fatal(err)
		}
		card := personalise(t, picc, m.keyType)
		safe := onlyHSM(key.Zero(m.keyType), 0, nil)
		if err := card.AuthenticateWith(ctx, m.method, 0, safe); err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		for at := 1; at <= safe.calls; at++ {
			bad := onlyHSM(key.Zero(m.keyType), at, gone)
			if err := card.AuthenticateWith(ctx, m.method, 0, bad); !errors.Is(err, gone) || desfire.SafeToRetry(err) {
				t.Errorf("%v, call %d fails: %v", m, at, err)
			}
			if _, ok := card.Session(); ok {
				t.Errorf("%v: a session without a key", m)
			}
			var lost *desfire.SessionLostError
			if _, err := card.FileSettings(ctx, 0); errors.As(err, &lost) {
				// The key failed after the card had opened its session.
				if err := card.SelectApplication(ctx, testApp); err != nil {
					t.Errorf("%v: select after a failed key: %v", m, err)
				}
			} else if err != nil {
				t.Errorf("%v: the command after a failed key: %v", m, err)
			}
		}
		// It can be neither the old nor the new key of a change.
		if err := card.AuthenticateWith(ctx, m.method, 0, safe); err != nil {
			t.Fatal(err)
		}
		var opaque *key.OpaqueError
		before := picc.Exchanges()
		if err := card.ChangeKey(ctx, 0, onlyHSM(newKey(t, m.keyType, 1), 0, nil), nil); !errors.As(err, &opaque) {
			t.Errorf("%v: %v", m, err)
		}
		if picc.Exchanges() != before {
			t.Errorf("%v: something was sent", m)
		}
		if _, ok := card.Session(); !ok {
			t.Errorf("%v: the session is gone though nothing was sent", m)
		}
	}
}

func TestRandomID(t *testing.T) {
	ctx := context.Background()
	for _, g := range []desfire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		picc, err := sim.New(&sim.Config{Generation: g})
		if err != nil {
			t.Fatal(err)
		}
		card := connect(t, picc)
		if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
			t.Fatal(err)
		}
		if err := card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}); err != nil {
			t.Fatal(err)
		}
		card = connect(t, picc)
		if card.UID() != nil {
			t.Errorf("%v: a card with a random identifier tells %X", g, card.UID())
		}
		if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
			t.Fatal(err)
		}
		if uid, err := card.CardUID(ctx); err != nil || string(uid) != string(picc.UID()) {
			t.Errorf("%v: %X, %v", g, uid, err)
		}
	}
}
