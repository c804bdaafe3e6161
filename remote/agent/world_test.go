package agent

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
)

// patience is longer than anything takes, on a loaded machine too.
const patience = time.Minute

// world is a server, an agent that is called gate7, and a client.
type world struct {
	t      *testing.T
	server *natstest.Server
	conn   *nats.Conn // the agent's
	agent  *Agent
	client *remote.Client
	far    *nats.Conn // the client's
	stop   func() error
}

func newWorld(t *testing.T, source desfire.Source, change func(*Config)) *world {
	t.Helper()
	w := &world{t: t, server: natstest.Start(t, nil)}
	w.far = w.server.Connect()
	var err error
	if w.client, err = remote.NewClient(w.far, &remote.ClientConfig{Holder: "the test"}); err != nil {
		t.Fatal(err)
	}
	w.start(source, change)
	return w
}

// start runs an agent until the test ends, or stop is called.
func (w *world) start(source desfire.Source, change func(*Config)) {
	w.t.Helper()
	w.conn = w.server.Connect()
	conf := Config{Conn: w.conn, Name: "gate7", Source: source}
	if change != nil {
		change(&conf)
	}
	a, err := New(conf)
	if err != nil {
		w.t.Fatal(err)
	}
	w.agent = a
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var ended error
	go func() {
		defer close(done)
		ended = a.Run(ctx)
	}()
	stop := func() error {
		cancel()
		<-done
		return ended
	}
	w.stop = stop
	w.t.Cleanup(func() { _ = stop() })
}

func simulated(t *testing.T, name string) *simreader.Reader {
	t.Helper()
	card, err := sim.New(&sim.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return simreader.New(name, card)
}

// card waits for a card on the reader and connects to it.
func (w *world) card(reader string) *remote.Transport {
	w.t.Helper()
	return w.open(w.inserted(w.client.Source("gate7", reader)))
}

func (w *world) open(ev desfire.Event) *remote.Transport {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	t, err := ev.Open(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	tr := t.(*remote.Transport)
	w.t.Cleanup(func() { _ = tr.Close() })
	return tr
}

// inserted is the first card that a source reports.
func (w *world) inserted(s desfire.Source) desfire.Event {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ev, err := range s.Events(ctx) {
		if err != nil {
			w.t.Fatal(err)
		}
		if ev.Kind == desfire.CardInserted {
			return ev
		}
	}
	w.t.Fatal("no card was inserted")
	panic("not reached")
}

// eventually waits until a condition holds that nothing signals.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}
