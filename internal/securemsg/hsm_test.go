package securemsg

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/crc"
	"github.com/go-desfire/desfire/key"
)

func sum32(b []byte) uint32 { return crc.Sum32(b) }

// hsm is a key in a safe: it ciphers, slowly, may fail, and gives no bytes.
type hsm struct {
	k     *key.Secret
	delay time.Duration
	calls int
	bad   int   // the call that fails, counted from 1
	fail  error // what every call fails with
}

var errSafe = errors.New("the safe is closed")

func (h *hsm) Type() key.Type             { return h.k.Type() }
func (h *hsm) Version() byte              { return h.k.Version() }
func (h *hsm) CheckValue() key.CheckValue { return h.k.CheckValue() }

func (h *hsm) wait(ctx context.Context) error {
	h.calls++
	if h.calls == h.bad {
		return errSafe
	}
	if h.fail != nil {
		return h.fail
	}
	if h.delay == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(h.delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hsm) EncryptCBC(ctx context.Context, iv, dst, src []byte) error {
	if err := h.wait(ctx); err != nil {
		return err
	}
	return h.k.EncryptCBC(ctx, iv, dst, src)
}

func (h *hsm) DecryptCBC(ctx context.Context, iv, dst, src []byte) error {
	if err := h.wait(ctx); err != nil {
		return err
	}
	return h.k.DecryptCBC(ctx, iv, dst, src)
}

// hsmCases is one configuration of each method, with a key that fits.
func hsmCases(t *testing.T) map[string]Config {
	t.Helper()
	ks := testKeys(t)
	c := map[string]Config{}
	for m := key.MethodD40; m < key.MethodISO7816; m++ {
		for _, k := range ks {
			if m.Fits(k.Type()) == nil {
				c[fmt.Sprintf("%v %v", m, k.Type())] = Config{Method: m, Key: k}
			}
		}
	}
	return c
}

// A key that offers nothing but CBC authenticates with every method, on both
// sides. A failure at any of its calls comes out as it is.
func TestHSM(t *testing.T) {
	ctx := context.Background()
	for name, c := range hsmCases(t) {
		t.Run(name, func(t *testing.T) {
			l := login{c: c}
			pcd, picc := c, c
			if l.old() {
				pcd.Session, picc.Session = l.oldSession(t, PCD), l.oldSession(t, PICC)
			}
			k := c.Key.(*key.Secret)
			safe := &hsm{k: k, delay: time.Millisecond}
			pcd.Key = safe
			reader, card, err := play(ctx, pcd, picc)
			if err != nil {
				t.Fatal(err)
			}
			if err := exchange(reader, card, Message{Code: 0x3D, Data: []byte("abc"), Mode: 3}, Message{Mode: 0}); err != nil {
				t.Error(err)
			}
			for i := 1; i <= safe.calls; i++ {
				pcd.Key = &hsm{k: k, bad: i}
				var he *HandshakeError
				if _, _, err := play(ctx, pcd, picc); !errors.Is(err, errSafe) || !errors.As(err, &he) {
					t.Errorf("call %d of %d fails: %v", i, safe.calls, err)
				}
			}
			pcd.Key = k
			cardSafe := &hsm{k: k}
			picc.Key = cardSafe
			if _, _, err := play(ctx, pcd, picc); err != nil {
				t.Error(err)
			}
		})
	}
}

// A context that ends while the key is busy ends the wait.
func TestHSMCancel(t *testing.T) {
	for name, c := range hsmCases(t) {
		ctx, cancel := context.WithCancel(context.Background())
		l := login{c: c}
		pcd, picc := c, c
		if l.old() {
			pcd.Session, picc.Session = l.oldSession(t, PCD), l.oldSession(t, PICC)
		}
		pcd.Key = &hsm{k: c.Key.(*key.Secret), delay: time.Hour}
		time.AfterFunc(5*time.Millisecond, cancel)
		if _, _, err := play(ctx, pcd, picc); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
