package agent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote"
)

// through is a client whose link goes through a proxy.
func (w *world) through() (*natstest.Proxy, *remote.Client) {
	w.t.Helper()
	proxy := natstest.NewProxy(w.t, w.server.URL)
	conn, err := nats.Connect(proxy.URL, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(conn.Close)
	client, err := remote.NewClient(conn, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return proxy, client
}

// A lease, and the session under it, go on while the server is started anew. What cannot
// be sent meanwhile is not, and says so.
func TestServerRestartUnderALease(t *testing.T) {
	r := simulated(t, "r")
	guarded(t, r)
	w := newWorld(t, r, nil)
	tr := w.card("r")
	authenticate(t, tr)
	before := r.Card.Exchanges()
	w.server.Stop()
	eventually(t, "the client knows", func() bool { return !w.far.IsConnected() })
	unsent := func(err error) {
		t.Helper()
		var e *remote.Error
		if !errors.As(err, &e) || e.Sent() || !errors.Is(err, remote.ErrNotConnected) && !errors.Is(err, remote.ErrNoAgent) {
			t.Fatal(err)
		}
	}
	_, err := tr.Transmit(context.Background(), readPlain)
	unsent(err)
	w.server.Restart(nil)
	tries := 1
	eventually(t, "the session goes on", func() bool {
		answer, err := tr.Transmit(context.Background(), readPlain)
		if err == nil {
			return strings.HasSuffix(string(answer), "\x91\x00")
		}
		tries++
		unsent(err)
		return false
	})
	if n := r.Card.Exchanges(); n != before+1 {
		t.Errorf("%d exchanges after %d commands that were not sent and one that was", n-before, tries)
	}
}

// The link is cut when the card has a command.
func TestCutAfterSending(t *testing.T) {
	s := newSlow()
	w := newWorld(t, &bench{present: s.present, reconnects: true}, nil)
	proxy, client := w.through()
	tr := w.open(w.inserted(client.Source("gate7", "")))
	running := transmit(tr)
	within(t, "the command", s.came)
	proxy.Cut()
	err := within(t, "the end of the exchange", running)
	var e *remote.Error
	if !errors.As(err, &e) || !e.Sent() || !errors.Is(err, remote.ErrCut) {
		t.Errorf("a command whose link was cut: %v", err)
	}
	close(s.go_)
	if _, err := tr.Transmit(context.Background(), selectPICC); !errors.Is(err, remote.ErrFinished) {
		t.Errorf("after it: %v", err)
	}
	eventually(t, "Reconnect", func() bool {
		err := tr.Reconnect(context.Background())
		if err != nil && !errors.Is(err, remote.ErrNotConnected) {
			t.Fatal(err)
		}
		return err == nil
	})
	if _, err := tr.Transmit(context.Background(), selectPICC); err != nil {
		t.Error(err)
	}
}

// Requests and answers that are lost, doubled, or come after the next one: a command
// reaches the card at most once, and no answer is taken for another.
func TestHarmedLink(t *testing.T) {
	for name, do := range map[string]natstest.Do{"lost": {Drop: true}, "doubled": {Double: true}} {
		for _, dir := range []natstest.Direction{natstest.Up, natstest.Down} {
			t.Run(name+" "+dir.String(), func(t *testing.T) {
				r := simulated(t, "r")
				guarded(t, r)
				w := newWorld(t, r, nil)
				proxy, client := w.through()
				tr := w.open(w.inserted(client.Source("gate7", "")))
				authenticate(t, tr)
				script := func(f *natstest.Frame) bool {
					if f.Dir != dir || !f.Message() {
						return false
					}
					if dir == natstest.Up {
						return strings.HasSuffix(f.Subject, ".transmit")
					}
					_, err := remote.DecodeAnswers(f.Payload)
					return err == nil
				}
				proxy.Rule(natstest.Nth(1, script, do))
				before := r.Card.Exchanges()
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if do.Drop { // it is waited for in vain, however long
					go func() {
						defer cancel()
						for _, _, dropped, _ := proxy.Counts(); dropped == 0 && ctx.Err() == nil; _, _, dropped, _ = proxy.Counts() {
							time.Sleep(time.Millisecond)
						}
					}()
				}
				_, err := tr.Transmit(ctx, readPlain)
				var e *remote.Error
				switch {
				case do.Double && err != nil:
					t.Errorf("doubled: %v", err)
				case do.Drop && (!errors.As(err, &e) || !e.Sent()):
					t.Errorf("lost: %v", err)
				}
				if do.Drop {
					if err := tr.Reconnect(context.Background()); err != nil {
						t.Fatal(err)
					}
				} else if !reads(t, tr) {
					t.Error("the session is gone")
				}
				n := r.Card.Exchanges() - before
				if want := map[bool]int{true: 2, false: 1}[do.Double]; n != want && (dir == natstest.Down || do.Double || n != 0) {
					t.Errorf("%d exchanges", n)
				}
				if !do.Double && reads(t, tr) {
					t.Error("the session goes on after Reconnect")
				}
			})
		}
	}
}

// The agent dies while the card works, and another one is started.
func TestAgentKilledInTheMiddle(t *testing.T) {
	s := newSlow()
	b := &bench{present: s.present}
	w := newWorld(t, b, func(c *Config) { c.TTL = 3 * time.Second })
	tr := w.card("bench")
	running := transmit(tr)
	within(t, "the command", s.came)
	w.conn.Close() // no word any more
	w.start(b, nil)
	err := within(t, "the end of the exchange", running)
	var e *remote.Error
	if !errors.As(err, &e) || !e.Sent() || !errors.Is(err, remote.ErrLease) {
		t.Errorf("a command whose agent died: %v", err)
	}
	if _, err := tr.Transmit(context.Background(), selectPICC); !errors.As(err, &e) || e.Sent() {
		t.Errorf("after it: %v", err)
	}
	if err := tr.Reconnect(context.Background()); !errors.As(err, &e) || !e.Removed() {
		t.Errorf("Reconnect to a card of an agent that died: %v", err)
	}
	close(s.go_)
	if _, err := w.card("bench").Transmit(context.Background(), selectPICC); err != nil {
		t.Error(err)
	}
}

// Many want one card: each gets it in the end, and nobody finds it in use by nobody.
func TestManyWantOneCard(t *testing.T) {
	r := simulated(t, "r")
	w := newWorld(t, r, nil)
	ev := w.inserted(w.client.Source("gate7", ""))
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			done <- func() error {
				for {
					tr, err := ev.Open(context.Background())
					var e *remote.Error
					if errors.As(err, &e) && e.InUse() {
						time.Sleep(time.Millisecond)
						continue
					}
					if err != nil {
						return err
					}
					_, err = tr.Transmit(context.Background(), selectPICC)
					return errors.Join(err, tr.(*remote.Transport).Close())
				}
			}()
		}()
	}
	for range cap(done) {
		if err := within(t, "a lease", done); err != nil {
			t.Error(err)
		}
	}
	free(w, r)
}
