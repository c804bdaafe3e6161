package selftest_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// meddler is a transport that changes what passes.
type meddler struct {
	*sim.Activation
	n      int
	answer func(n int, command, answer []byte) ([]byte, error)
}

func (m *meddler) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := m.Activation.Transmit(ctx, command)
	m.n++
	if err != nil || m.answer == nil {
		return answer, err
	}
	return m.answer(m.n, command, slices.Clone(answer))
}

// noReconnect is a transport with nothing but Transmit.
type noReconnect struct{ desfire.Transport }

func TestOverASocket(t *testing.T) {
	for _, g := range []wire.Generation{wire.D40, wire.EV3, wire.NTAG424} {
		c := newSim(t, g)
		l, err := tcp.Listen(t.Context(), ":0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() {
			served <- tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) { return c.Present(), nil })
		}()
		tr, err := tcp.Dial(t.Context(), l.Addr().(*net.TCPAddr).String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		card := connect(t, tr)
		r, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: uid}))
		if err != nil {
			t.Fatal(err)
		}
		complain(t, r)
		if n := r.Count(selftest.Pass); n < 20 {
			t.Errorf("%v: only %d steps passed", g, n)
		}
		card.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func TestTransportThatCannotReconnect(t *testing.T) {
	for _, g := range wire.Generations {
		c := newSim(t, g)
		r, err := selftest.Run(t.Context(), connect(t, noReconnect{c.Present()}), conf(selftest.Config{WipeCard: uid}))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Steps {
			if s.Result == selftest.Fail {
				t.Logf("%s: %s", s.ID, s.Reason)
			}
		}
		complain(t, r)
	}
}

func TestNativeFrames(t *testing.T) {
	c := newSim(t, wire.EV2)
	card, err := desfire.Connect(t.Context(), c.Present(), &desfire.Config{Framing: desfire.FramingNative})
	if err != nil {
		t.Fatal(err)
	}
	r, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: uid, Lasting: true}))
	if err != nil {
		t.Fatal(err)
	}
	complain(t, r)
	if r.Count(selftest.Pass) < 170 {
		t.Errorf("%d steps passed", r.Count(selftest.Pass))
	}
}

// A card that does one thing wrong fails where that is looked at.
func TestFaultyCards(t *testing.T) {
	// on changes the answers to an INS.
	on := func(ins byte, change func(a []byte) []byte) func(int, []byte, []byte) ([]byte, error) {
		return func(_ int, c, a []byte) ([]byte, error) {
			if len(c) > 1 && c[0] == 0x90 && c[1] == ins {
				a = change(a)
			}
			return a, nil
		}
	}
	replace := func(from, to string) func([]byte) []byte {
		return func(a []byte) []byte {
			if bytes.HasSuffix(a, []byte(from)) {
				return []byte(to)
			}
			return a
		}
	}
	for name, x := range map[string]struct {
		answer func(int, []byte, []byte) ([]byte, error)
		quirks func(*sim.Quirks)
		fails  []string // these among others
		passes []string
	}{
		"credit beyond the limit is accepted": {
			answer: on(0x0C, replace("\x91\xBE", "\x91\x00")),
			fails:  []string{"value.limits", "value.signed"}, passes: []string{"value.pending", "record.cyclic"},
		},
		"limited credit forgets its limit": {
			answer: on(0x1C, replace("\x91\xBE", "\x91\x00")),
			fails:  []string{"value.limited-credit.base", "value.limited-credit.reset"}, passes: []string{"value.limits"},
		},
		"permission denied instead of authentication error": {
			answer: on(0xBD, replace("\x91\xAE", "\x91\x9D")),
			fails:  []string{"data.rights"}, passes: []string{"value.rights"},
		},
		"wrong MACs in answers to GetKeySettings": {
			answer: on(0x45, func(a []byte) []byte {
				if len(a) > 4 {
					a[len(a)-3] ^= 1
				}
				return a
			}),
			fails: []string{"auth.aes", "auth.ev2", "auth.iso-des"}, passes: []string{"identify.version"},
		},
		"sessions survive errors": {
			quirks: func(q *sim.Quirks) { q.ErrorEndsSession = false },
			fails:  []string{"auth.error.aes", "auth.error.ev2"}, passes: []string{"auth.error.d40-des", "value.limits"},
		},
		"commit does nothing and says so never": {
			answer: on(0xC7, replace("\x91\x0C", "\x91\x00")),
			fails:  []string{"transaction.nothing", "transaction.power", "data.backup"}, passes: []string{"data.boundaries"},
		},
		"values are off by one": {
			answer: on(0x6C, func(a []byte) []byte {
				if len(a) == 6 {
					a[0]++
				}
				return a
			}),
			fails: []string{"value.pending", "file.create"}, passes: []string{"record.linear"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			q := sim.QuirksOf(wire.EV3)
			if x.quirks != nil {
				x.quirks(&q)
			}
			c, err := sim.New(&sim.Config{Generation: wire.EV3, UID: uid, Rand: seeded(1), Quirks: &q})
			if err != nil {
				t.Fatal(err)
			}
			r, err := selftest.Run(t.Context(), connect(t, &meddler{Activation: c.Present(), answer: x.answer}), conf(selftest.Config{WipeCard: uid}))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]selftest.Result{}
			for _, s := range r.Steps {
				got[s.ID] = s.Result
			}
			for _, id := range x.fails {
				if got[id] != selftest.Fail {
					t.Errorf("%s: %s", id, got[id])
				}
			}
			for _, id := range x.passes {
				if got[id] != selftest.Pass {
					t.Errorf("%s: %s", id, got[id])
				}
			}
			if !r.Failed() {
				t.Error("the run did not fail")
			}
		})
	}
}

// Whatever a card and its link do, a run ends with a report and does not panic.
func TestHopelessCards(t *testing.T) {
	gone := errors.New("the card is gone")
	for name, answer := range map[string]func(int, []byte, []byte) ([]byte, error){
		"endless": func(_ int, c, a []byte) ([]byte, error) {
			if len(c) > 1 && c[1] == 0xBD || len(c) > 1 && c[1] == 0xAF {
				return append(bytes.Repeat([]byte{1}, 20), 0x91, 0xAF), nil
			}
			return a, nil
		},
		"silent": func(n int, _, a []byte) ([]byte, error) {
			if n > 300 {
				return nil, gone
			}
			return a, nil
		},
		"empty":   func(n int, _, a []byte) ([]byte, error) { return a[:len(a)*min(1, 200/n)], nil },
		"garbage": garbage(2),
		"noisy":   noisy(40),
		"loose": func(n int, _, a []byte) ([]byte, error) {
			if n%97 == 0 {
				return nil, gone
			}
			return a, nil
		},
	} {
		for _, g := range []wire.Generation{wire.D40, wire.EV3, wire.Light} {
			t.Run(name+"/"+g.String(), func(t *testing.T) {
				c := newSim(t, g)
				m := &meddler{Activation: c.Present()}
				card := connect(t, m)
				m.answer = func(n int, c, a []byte) ([]byte, error) {
					if n < 60 { // so that it begins
						return a, nil
					}
					return answer(n, c, a)
				}
				r, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: uid}))
				if err != nil {
					t.Logf("no run: %v", err)
					return
				}
				if !r.Failed() {
					t.Error("all is well with a card that is not")
				}
				if _, err := selftest.ReadReport(r.Encode()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func garbage(seed byte) func(int, []byte, []byte) ([]byte, error) {
	r := rand.New(rand.NewChaCha8([32]byte{seed}))
	return func(int, []byte, []byte) ([]byte, error) {
		b := make([]byte, r.IntN(70))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if len(b) > 1 && r.IntN(3) > 0 {
			b[len(b)-2] = 0x91
		}
		return b, nil
	}
}

func noisy(oneIn int) func(int, []byte, []byte) ([]byte, error) {
	r := rand.New(rand.NewChaCha8([32]byte{9}))
	return func(_ int, _, a []byte) ([]byte, error) {
		if r.IntN(oneIn) == 0 && len(a) > 0 {
			a[r.IntN(len(a))] ^= 1 << r.IntN(8)
		}
		return a, nil
	}
}

// hanging never answers after a while.
type hanging struct {
	*sim.Activation
	n int
}

func (h *hanging) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if h.n++; h.n > 200 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.Activation.Transmit(ctx, command)
}

func TestCardThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time passes only while the card hangs
		c := newSim(t, wire.EV2)
		r, err := selftest.Run(t.Context(), connect(t, &hanging{Activation: c.Present()}), conf(selftest.Config{WipeCard: uid, ExchangeTimeout: time.Millisecond}))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(r.Interrupted, "the card was lost in step") || r.Clean || r.Count(selftest.Fail) != 1 {
			t.Errorf("interrupted %q, clean %v, %d failed", r.Interrupted, r.Clean, r.Count(selftest.Fail))
		}
	})
}
