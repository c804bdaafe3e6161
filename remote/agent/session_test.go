package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// clock is what an agent takes the time from, which passes faster when a test says so.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

const testApp desfire.AID = 0xABCDEF

// readPlain reads a file without a key. Only a card on which somebody has selected the
// application and authenticated answers it with success.
var readPlain = []byte{0x90, 0xBD, 0, 0, 7, 0, 0, 0, 0, 4, 0, 0, 0}

// guarded makes an application on the card with a file that only key 1 reads.
func guarded(t *testing.T, r *simreader.Reader) {
	t.Helper()
	ctx := context.Background()
	a, err := r.Activate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	card, err := desfire.Connect(ctx, a, nil)
	for _, do := range []func() error{
		func() error { return err },
		func() error {
			return card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(key.TypeAES.Wire(), 2)})
		},
		func() error { return card.SelectApplication(ctx, testApp) },
		func() error {
			return card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, Access: wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1}, Size: 16})
		},
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
}

// authenticate opens a session, in which readPlain succeeds.
func authenticate(t *testing.T, tr desfire.Transport) *desfire.Card {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	card, err := desfire.Connect(ctx, tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	k, err := key.New(key.TypeAES, make([]byte, 16), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := card.SelectApplication(ctx, testApp); err != nil {
		t.Fatal(err)
	}
	if err := card.AuthenticateWith(ctx, key.MethodAES, 1, k); err != nil {
		t.Fatal(err)
	}
	if !reads(t, tr) {
		t.Fatal("readPlain does not find the session of its own transport: it proves nothing")
	}
	return card
}

// reads reports whether readPlain finds a session on the card.
func reads(t *testing.T, tr desfire.Transport) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := tr.Transmit(ctx, readPlain)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.HasSuffix(answer, []byte{0x91, 0x00})
}

// refused checks that a command fails, that the error says so, and that the card has not
// seen it.
func refused(t *testing.T, r *simreader.Reader, tr desfire.Transport, is error) {
	t.Helper()
	before := r.Card.Exchanges()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := tr.Transmit(ctx, readPlain)
	if err == nil {
		t.Fatalf("the card answers % X", answer)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("error %v, want %v", err, is)
	}
	if n := r.Card.Exchanges(); n != before {
		t.Errorf("%d exchanges with the card", n-before)
	}
}

func TestNobodyInheritsASession(t *testing.T) {
	for name, change := range map[string]func(w *world, r *simreader.Reader, c *clock, tr *remote.Transport){
		"given back": func(_ *world, _ *simreader.Reader, _ *clock, tr *remote.Transport) { tr.Close() },
		"expired":    func(_ *world, _ *simreader.Reader, c *clock, _ *remote.Transport) { c.jump(time.Hour) },
		"agent restarted": func(w *world, r *simreader.Reader, _ *clock, _ *remote.Transport) {
			if err := w.stop(); err != nil {
				w.t.Error(err)
			}
			w.start(r, nil)
		},
		"lifted and put back": func(w *world, r *simreader.Reader, _ *clock, _ *remote.Transport) {
			r.Lift()
			eventually(w.t, "the agent knows", func() bool { return w.agent.Hello().Readers[0].Card == nil })
			if err := r.Return(); err != nil {
				w.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, c := simulated(t, "r"), new(clock)
			guarded(t, r)
			w := newWorld(t, r, func(conf *Config) { conf.Now = c.now })
			one := w.card("r")
			authenticate(t, one)
			change(w, r, c, one)
			free(w, r)
			two := w.card("r")
			if reads(t, two) {
				t.Error("the session of the first holder goes on for the second")
			}
			refused(t, r, one, nil)
			authenticate(t, two)
			refused(t, r, one, nil)
			if !reads(t, two) {
				t.Error("what the first holder tried ended the session of the second")
			}
		})
	}
}

// free waits until the card can be had.
func free(w *world, r *simreader.Reader) {
	w.t.Helper()
	eventually(w.t, "the card is free", func() bool {
		h := w.agent.Hello()
		return len(h.Readers) == 1 && h.Readers[0].Card != nil && h.Readers[0].Lease == nil
	})
}

// A holder that was cut off while its lease ran out, and comes back, does not reach the
// card of the next one, whatever it had on the way.
func TestPartitionedHolder(t *testing.T) {
	r, c := simulated(t, "r"), new(clock)
	guarded(t, r)
	w := newWorld(t, r, func(conf *Config) { conf.Now = c.now })
	proxy := natstest.NewProxy(t, w.server.URL)
	away, err := nats.Connect(proxy.URL, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(away.Close)
	client, err := remote.NewClient(away, nil)
	if err != nil {
		t.Fatal(err)
	}
	one := w.open(w.inserted(client.Source("gate7", "r")))
	authenticate(t, one)
	proxy.Part()
	ctx, cancel := context.WithCancel(context.Background())
	late := make(chan error, 1)
	go func() {
		_, err := one.Transmit(ctx, readPlain) // is on the way when the link is back
		late <- err
	}()
	c.jump(time.Hour)
	free(w, r)
	two := w.card("r")
	if reads(t, two) {
		t.Fatal("the second holder has the session of the first")
	}
	authenticate(t, two)
	before := r.Card.Exchanges()
	proxy.Heal()
	if err := <-late; !errors.Is(err, remote.ErrLease) {
		t.Errorf("the command that came late: %v", err)
	}
	cancel()
	if n := r.Card.Exchanges(); n != before {
		t.Errorf("%d exchanges with the card of the second holder", n-before)
	}
	refused(t, r, one, nil)
	if err := one.Reconnect(context.Background()); err == nil {
		t.Error("the first holder takes the card from the second")
	} else if u := new(remote.Error); !errors.As(err, &u) || !u.InUse() {
		t.Errorf("Reconnect while another has the card: %v", err)
	}
	if !reads(t, two) {
		t.Error("the session of the second holder is gone")
	}
	two.Close()
	if err := one.Reconnect(context.Background()); err != nil {
		t.Fatalf("Reconnect when the card is free again: %v", err)
	}
	if reads(t, one) {
		t.Error("a session is there after Reconnect")
	}
}

// The program that has a card dies.
func TestHolderKilled(t *testing.T) {
	r, c := simulated(t, "r"), new(clock)
	guarded(t, r)
	w := newWorld(t, r, func(conf *Config) { conf.Now = c.now })
	other := w.server.Connect()
	client, err := remote.NewClient(other, &remote.ClientConfig{Holder: "a program that dies"})
	if err != nil {
		t.Fatal(err)
	}
	authenticate(t, w.open(w.inserted(client.Source("gate7", "r"))))
	other.Close()
	ev := w.inserted(w.client.Source("gate7", "r"))
	_, err = ev.Open(context.Background())
	if u := new(remote.Error); !errors.As(err, &u) || !u.InUse() || u.Sent() {
		t.Fatalf("the card of somebody else: %v", err)
	}
	if want := "in use by a program that dies"; !contains(err, want) {
		t.Errorf("error %v, want %q in it", err, want)
	}
	c.jump(16 * time.Second)
	free(w, r)
	if reads(t, w.open(ev)) {
		t.Error("the session of the dead program goes on")
	}
}

func contains(err error, text string) bool {
	return err != nil && bytes.Contains([]byte(err.Error()), []byte(text))
}

// A lease is renewed for as long as its transport is open.
func TestRenewed(t *testing.T) {
	r := simulated(t, "r")
	guarded(t, r)
	w := newWorld(t, r, func(conf *Config) { conf.TTL = 3 * time.Second })
	th := newThief(w)
	tr := w.card("r")
	authenticate(t, tr)
	until := func() time.Time {
		if l := w.agent.Hello().Readers[0].Lease; l != nil {
			return l.Until
		}
		return time.Time{}
	}
	for range 2 {
		was := until()
		eventually(t, "the lease is renewed", func() bool { return until().After(was) })
	}
	th.listen(t)
	renewals := 0
	for range len(th.heard) { // nobody keeps a lease of somebody else
		m := <-th.heard
		if q, err := remote.DecodeLeaseRequest(m.Data); err != nil || q.Op != remote.Renew {
			continue
		}
		answer, err := th.conn.Request(m.Subject, m.Data, patience)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := remote.DecodeGrant(answer.Data); err != nil || g.Refusal == nil {
			t.Errorf("a lease is renewed by what was sent before: %+v %v", g, err)
		}
		renewals++
	}
	if renewals < 2 {
		t.Errorf("%d renewals were heard", renewals)
	}
	if !reads(t, tr) {
		t.Error("the session is gone")
	}
}

func TestReconnectEndsTheSession(t *testing.T) {
	r := simulated(t, "r")
	guarded(t, r)
	w := newWorld(t, r, nil)
	tr := w.card("r")
	for i := range 3 {
		authenticate(t, tr)
		if err := tr.Reconnect(context.Background()); err != nil {
			t.Fatal(err)
		}
		if reads(t, tr) {
			t.Errorf("the session goes on after Reconnect %d", i+1)
		}
	}
	if l := w.agent.Hello().Readers[0].Lease; l == nil || l.Number != 4 || l.Holder != "the test" {
		t.Errorf("lease %s", fmt.Sprint(l))
	}
}
