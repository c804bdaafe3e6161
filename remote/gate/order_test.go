package gate

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// An order with an id is made once, by whomever and however often it is asked for, and
// what became of it needs no card.
func TestOrder(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, 2)
	b.conf.Debit = 1 // a card that comes for an order pays that and no more
	g, stop := b.run()
	type result struct {
		r   *purse.Receipt
		err error
	}
	results := make(chan result)
	for range 4 {
		go func() {
			r, err := g.Order(ctx, "reader 1", order("ticket", 20))
			results <- result{r, err}
		}()
	}
	for !g.ordered("reader 1") {
		time.Sleep(time.Millisecond)
	}
	b.must(b.readers[1].Return())
	for range 4 {
		if r := <-results; r.err != nil || r.r.Decision() != purse.Happened || r.r.Entry.Request != "ticket" {
			t.Errorf("%+v %v", r.r, r.err)
		}
	}
	b.readers[1].Lift()
	r, err := g.Order(ctx, "reader 1", order("ticket", 20))
	if err != nil || !r.Stored {
		t.Errorf("again, without a card: %+v %v", r, err)
	}
	if _, err := g.Order(ctx, "reader 1", order("ticket", 21)); !errors.As(err, new(*purse.FingerprintError)) {
		t.Errorf("another order of that id: %v", err)
	}
	stop()
	b.conf.Debit = 0
	g, _ = b.run()
	if r, err = g.Order(ctx, "", order("ticket", 20)); err != nil || !r.Stored {
		t.Errorf("at a gate that was started anew: %+v %v", r, err)
	}
	if v := b.value(1); v != credit-20 || b.count(Paid) == 0 {
		t.Errorf("the card holds %d", v)
	}
}

func TestOrderFails(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, 2)
	g, _ := b.run()
	var none *NoCardError
	if r, err := g.OrderWithin(ctx, "reader 0", order("a", 1), 20*time.Millisecond); r != nil || !errors.As(err, &none) || none.Reader != "reader 0" {
		t.Errorf("no card: %+v %v", r, err)
	}
	b.must(b.readers[0].Return())
	o := order("b", 1)
	o.UID = []byte{4, 1, 2, 3, 4, 5, 1}
	for within := 50 * time.Millisecond; ; within *= 2 { // until the gate has come to look at that card
		r, err := g.OrderWithin(ctx, "reader 0", o, within)
		if r != nil || !errors.As(err, &none) || within > time.Minute {
			t.Fatalf("another card: %+v %v", r, err)
		}
		if errors.As(err, new(*purse.OtherCardError)) {
			break
		}
	}
	go func() { b.must(b.readers[1].Return()) }()
	if r, err := g.Order(ctx, "", o); err != nil || r.Entry.UID != "04010203040501" {
		t.Errorf("its card at any reader: %+v %v", r, err)
	}
	if r, err := g.Order(ctx, "", order("c", credit+1)); r != nil || !errors.As(err, new(*purse.LimitError)) {
		t.Errorf("too much: %+v %v", r, err)
	}
	if r, err := g.Order(ctx, "", order("d", -1)); r != nil || !errors.As(err, new(*purse.RequestError)) {
		t.Errorf("less than nothing: %+v %v", r, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if r, err := g.Order(ended, "", order("e", 1)); r != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits any more: %+v %v", r, err)
	}
	b.conf.Purse.Keys = away{}
	g, err := New(b.conf)
	b.must(err)
	if r, err := g.Order(ctx, "", order("f", 1)); r != nil || !errors.Is(err, errAway) {
		t.Errorf("keys that are away: %+v %v", r, err)
	}
	if r, err := g.Order(ctx, "", func() purse.Order { o.ID = "b"; return o }()); err != nil || !r.Stored {
		t.Errorf("what is stored needs no keys: %+v %v", r, err)
	}
	if v := b.value(0) + b.value(1); v != 2*credit-1 {
		t.Errorf("the cards hold %d", v)
	}
}

var errAway = errors.New("the key service does not answer")

// away are keys that are elsewhere, and nobody answers there.
type away struct{ keystore.Map }

func (away) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.Facts{}, false, errAway
}

// What others left open is settled first; that it cannot be settled keeps nobody from
// paying.
func TestForeign(t *testing.T) {
	b := newBench(t, 1)
	b.conf.Debit = 7
	var mu sync.Mutex
	calls := 0
	b.conf.Foreign = func(_ context.Context, _ *desfire.Card, _ *purse.Purse, at purse.CardApp) ([]*purse.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		if at.UID != "04010203040500" || at.App != app.String() {
			t.Errorf("asked for %v", at)
		}
		if calls++; calls == 2 {
			return nil, errors.New("no key for that")
		}
		return []*purse.Receipt{{Entry: purse.Entry{Request: "of gate 7", CardApp: purse.CardApp{UID: "04"}, Outcomes: []purse.Outcome{{Decision: purse.Happened}}}}}, nil
	}
	b.run()
	b.must(b.readers[0].Return())
	b.await(Paid, 1)
	if e := b.await(Settled, 1); e.Request != "of gate 7" || e.UID != "04" {
		t.Errorf("%+v", e)
	}
	b.readers[0].Lift()
	b.must(b.readers[0].Return())
	b.await(Paid, 2)
	if v := b.value(0); v != credit-14 || calls != 2 {
		t.Errorf("it holds %d after %d looks", v, calls)
	}
}

// Orders by request, with all that can become of them.
func TestRequests(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, 1)
	g, _ := b.run()
	s := natstest.Start(t, nil)
	agent := s.Connect()
	serving, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	c := &Client{s.Connect(nats.CustomInboxPrefix(remote.Inbox("anna"))), "main"}
	if _, err := c.Order(ctx, "gate7", "r0", order("a", 1), time.Second); !errors.Is(err, ErrAway) {
		t.Errorf("nobody is there: %v", err)
	}
	go func() {
		done <- g.Serve(serving, ServeConfig{Conn: agent, Fleet: "main", Agent: "gate7", Reader: func(id string) (string, bool) { return "reader 0", id == "r0" }})
	}()
	for agent.NumSubscriptions() == 0 {
		time.Sleep(time.Millisecond)
	}
	b.must(agent.Flush())
	code := func(err error) Code {
		var e *OrderError
		if errors.As(err, &e) {
			return e.Code
		}
		return Code("no OrderError: " + err.Error())
	}
	if _, err := c.Order(ctx, "gate7", "r1", order("a", 1), time.Second); code(err) != CodeReader {
		t.Errorf("another reader: %v", err)
	}
	if _, err := c.Order(ctx, "gate7", "r0", order("", 1), time.Second); err == nil || !strings.Contains(err.Error(), "no id") {
		t.Errorf("without an id: %v", err)
	}
	if _, err := c.Order(ctx, "gate7", "r0", order("a", 1), time.Millisecond); code(err) != CodeNoCard {
		t.Errorf("no card: %v", err)
	}
	b.must(b.readers[0].Return())
	r, err := c.Order(ctx, "gate7", "r0", order("a", 30), 0)
	if err != nil || r.Stored || r.Decision() != purse.Happened || r.After[0].Value != credit-30 {
		t.Errorf("%+v %v", r, err)
	}
	stored, err := c.Order(ctx, "gate7", "r0", order("a", 30), 0)
	if err != nil || !stored.Stored || !reflect.DeepEqual(stored.Entry, r.Entry) {
		t.Errorf("again: %+v %v", stored, err)
	}
	for id, want := range map[string]Code{"a": CodeRequest, "b": CodeLimit} {
		if r, err := c.Order(ctx, "gate7", "r0", order(id, 71), 0); r != nil || code(err) != want {
			t.Errorf("%s: %+v %v", id, r, err)
		}
	}
	m, err := c.Conn.Request(remote.Subjects{Fleet: "main"}.Order("gate7", "r0"), []byte("garbage"), time.Minute)
	b.must(err)
	if a, err := DecodeOrderAnswer(m.Data); err != nil || a.Code != CodeRequest {
		t.Errorf("garbage: %+v %v", a, err)
	}
	b.readers[0].Lift()
	ending := make(chan error)
	go func() {
		_, err := c.Order(ctx, "gate7", "r0", order("c", 1), time.Minute)
		ending <- err
	}()
	for !g.ordered("reader 0") {
		time.Sleep(time.Millisecond)
	}
	cancel()
	b.must(<-done)
	if err := <-ending; code(err) != CodeEnding {
		t.Errorf("the gate ends: %v", err)
	}
}

func FuzzMessages(f *testing.F) {
	r := OrderRequest{ID: "a", Moves: order("", 1).Moves, UID: "04"}
	m, err := r.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m)
	a := answerOf(&purse.Receipt{Entry: purse.Entry{Request: "a", Outcomes: []purse.Outcome{{Decision: purse.Happened}}}}, nil)
	if m, err = a.Encode(); err != nil {
		f.Fatal(err)
	}
	f.Add(m)
	f.Fuzz(func(t *testing.T, m []byte) {
		if r, err := DecodeOrderRequest(m); err == nil {
			if _, err := r.Encode(); err != nil {
				t.Errorf("%+v was read and cannot be written: %v", r, err)
			}
			_ = r.order()
		} else if !errors.Is(err, remote.ErrMessage) && !errors.As(err, new(*remote.VersionError)) {
			t.Error(err)
		}
		if a, err := DecodeOrderAnswer(m); err == nil {
			if _, err := a.Encode(); err != nil {
				t.Errorf("%+v was read and cannot be written: %v", a, err)
			}
		} else if !errors.Is(err, remote.ErrMessage) && !errors.As(err, new(*remote.VersionError)) {
			t.Error(err)
		}
	})
}
