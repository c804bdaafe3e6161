package agent

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/transporttest"
)

// hand is a source that reports what a test says.
type hand chan desfire.Event

func (h hand) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for {
			select {
			case ev := <-h:
				if ev.Kind == 0 {
					yield(ev, ev.Err)
					return
				}
				if !yield(ev, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// slow is a card that answers when it may, and counts what it has seen.
type slow struct {
	go_  chan struct{}
	came chan struct{}

	mu     sync.Mutex
	closed int
}

func newSlow() *slow { return &slow{go_: make(chan struct{}), came: make(chan struct{}, 100)} }

func (s *slow) present(context.Context) (transporttest.Card, error) { return s, nil }

func (s *slow) Transmit(ctx context.Context, _ []byte) ([]byte, error) {
	s.came <- struct{}{}
	select {
	case <-s.go_:
		return []byte{0x91, 0x00}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *slow) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
	return nil
}

func (s *slow) closes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *slow) ATR() []byte { return nil }

// transmit sends a command in a goroutine.
func transmit(tr desfire.Transport) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := tr.Transmit(context.Background(), selectPICC)
		done <- err
	}()
	return done
}

func within[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened", what)
	}
	return v
}

func TestDrain(t *testing.T) {
	s := newSlow()
	w := newWorld(t, &bench{present: s.present}, nil)
	tr := w.card("bench")
	running := transmit(tr)
	within(t, "the command", s.came)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		w.agent.Drain(ctx)
	}()
	eventually(t, "draining", func() bool { return w.agent.Hello().Draining })
	_, err := w.inserted(w.client.Source("gate7", "")).Open(context.Background())
	var refused *remote.RefusedError
	if !errors.As(err, &refused) || refused.Refusal.Code != remote.RefusedDraining {
		t.Errorf("a lease while the agent ends: %v", err)
	}
	cancel()
	select {
	case <-drained:
		t.Error("Drain does not wait for the script")
	case <-time.After(50 * time.Millisecond):
	}
	s.go_ <- struct{}{}
	if err := within(t, "the script", running); err != nil {
		t.Errorf("the script that ran: %v", err)
	}
	within(t, "Drain", drained)
	if s.closes() == 0 {
		t.Error("the card was not reset")
	}
	if err := w.stop(); err != nil {
		t.Error(err)
	}
	if _, err := tr.Transmit(context.Background(), selectPICC); err == nil {
		t.Error("the lease goes on")
	}
}

// An operator drains an agent; who watches it sees its readers leave at once.
func TestDrainedByRequest(t *testing.T) {
	r := simulated(t, "r")
	w := newWorld(t, r, nil)
	w.inserted(w.client.Source("gate7", "r"))
	gone := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		for ev, err := range w.client.Source("gate7", "").Events(ctx) {
			if err != nil || ev.Kind == desfire.ReaderRemoved {
				gone <- err
				return
			}
			if ev.Kind == desfire.CardInserted {
				go func() { _, _ = w.far.Request(subjects.Drain("gate7"), nil, patience) }()
			}
		}
	}()
	if err := within(t, "the end of the reader", gone); err != nil {
		t.Error(err)
	}
}

func TestLiftedInTheMiddle(t *testing.T) {
	s, source := newSlow(), make(hand)
	b := &bench{present: s.present}
	w := newWorld(t, source, nil)
	insert := func() {
		source <- desfire.Event{Kind: desfire.CardInserted, Reader: "r", Open: b.open}
	}
	source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: "r"}
	insert()
	tr := w.card("r")
	running := transmit(tr)
	within(t, "the command", s.came)
	source <- desfire.Event{Kind: desfire.CardRemoved, Reader: "r", Err: errors.New("lifted")}
	var e *remote.Error
	if err := within(t, "the command", running); !errors.As(err, &e) || !e.Removed() || !e.Sent() {
		t.Errorf("a command whose card was lifted: %v", err)
	}
	insert()
	if _, err := tr.Transmit(context.Background(), selectPICC); !errors.As(err, &e) || e.Sent() {
		t.Errorf("a command to a card that was lifted: %v", err)
	}
	if err := tr.Reconnect(context.Background()); !errors.As(err, &e) || !e.Removed() {
		t.Errorf("Reconnect to another card than the one that was lifted: %v", err)
	}
	close(s.go_)
	if _, err := w.card("r").Transmit(context.Background(), selectPICC); err != nil {
		t.Errorf("the card that came next: %v", err)
	}
}

// The service of the readers goes and comes; a reader that comes back is the same.
func TestServiceLost(t *testing.T) {
	source := make(hand)
	b := &bench{present: newSlow().present}
	w := newWorld(t, source, nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range 3 {
		source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: "r"}
		source <- desfire.Event{Kind: desfire.CardInserted, Reader: "r", Open: b.open}
		source <- desfire.Event{Kind: desfire.ServiceLost, Err: errors.New("pcscd ended")}
		source <- desfire.Event{Kind: desfire.ServiceBack}
	}
	eventually(t, "the reader left", func() bool { return w.agent.Hello().Readers == nil })
	source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: "r"}
	for ev := range w.client.Source("gate7", "r").Events(ctx) {
		if ev.Kind == desfire.ReaderAdded {
			break
		}
	}
	// A source that has failed for good ends the agent.
	source <- desfire.Event{Err: errors.New("no readers any more")}
	eventually(t, "the agent ended", func() bool {
		select {
		case <-w.agent.gone:
			return true
		default:
			return false
		}
	})
	if err := w.stop(); !contains(err, "no readers any more") {
		t.Errorf("Run: %v", err)
	}
}

// What asks while a card is slow is refused, or waits, a few of them.
func TestSlowCardIsNoBurden(t *testing.T) {
	s := newSlow()
	w := newWorld(t, &bench{present: s.present}, nil)
	ev := w.inserted(w.client.Source("gate7", ""))
	tr := w.open(ev)
	running := transmit(tr)
	within(t, "the command", s.came)
	results := make(chan error, 64)
	for range cap(results) {
		go func() {
			_, err := ev.Open(context.Background())
			results <- err
		}()
	}
	for range cap(results) {
		var e *remote.Error
		if err := within(t, "an answer", results); !errors.As(err, &e) || !e.InUse() {
			t.Errorf("a card that somebody has: %v", err)
		}
	}
	close(s.go_)
	if err := within(t, "the command", running); err != nil {
		t.Error(err)
	}
}

// A card that takes longer than the agent allows ends the script, and the next one gets
// it activated anew.
func TestBound(t *testing.T) {
	s := newSlow()
	w := newWorld(t, &bench{present: s.present, reconnects: true}, func(c *Config) { c.Bound = 50 * time.Millisecond })
	tr := w.card("bench")
	var e *remote.Error
	if _, err := tr.Transmit(context.Background(), selectPICC); !errors.As(err, &e) || !e.Sent() || !contains(err, "in time") {
		t.Errorf("a card that hangs: %v", err)
	}
	if _, err := tr.Transmit(context.Background(), selectPICC); !errors.Is(err, remote.ErrFinished) {
		t.Errorf("after it: %v", err)
	}
	close(s.go_)
	if err := tr.Reconnect(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("Lesegerät ", 30)
	names := []string{
		"ACS ACR122U 00 00", "ACS ACR122U-00-00", "acs.acr122u.00.00", "", " ", "読み取り", "...", "*", ">", "a\x00b\xff", "nats:gate7/r",
		long, long + "2", "-x-", "x",
	}
	s, source := newSlow(), make(hand)
	close(s.go_)
	b := &bench{present: s.present}
	w := newWorld(t, source, nil)
	for _, n := range names {
		source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: n}
		source <- desfire.Event{Kind: desfire.CardInserted, Reader: n, Open: b.open}
	}
	eventually(t, "all readers", func() bool {
		h := w.agent.Hello()
		return len(h.Readers) == len(names) && h.Readers[len(names)-1].Card != nil
	})
	ids := make(map[string]bool)
	for i, r := range w.agent.Hello().Readers {
		if err := remote.CheckName(r.ID); err != nil || ids[r.ID] {
			t.Errorf("%q: id %q: %v", names[i], r.ID, err)
		}
		ids[r.ID] = true
		if want := strings.ToValidUTF8(names[i], "\uFFFD"); r.Name != want {
			t.Errorf("name %q, want %q", r.Name, want)
		}
		tr := w.card(r.ID)
		if _, err := tr.Transmit(context.Background(), selectPICC); err != nil {
			t.Errorf("%q: %v", names[i], err)
		}
		tr.Close()
	}
	if !ids["acs-acr122u-00-00"] || !ids["reader"] || !ids["x"] {
		t.Errorf("ids %v", ids)
	}
}

// Too many readers are left out, and say so.
func TestTooManyReaders(t *testing.T) {
	source := make(hand)
	w := newWorld(t, source, nil)
	for i := range remote.MaxReaders + 3 {
		source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: fmt.Sprint(i)}
	}
	h := w.agent.Hello()
	if len(h.Readers) < remote.MaxReaders-1 || len(h.Readers) > remote.MaxReaders {
		t.Errorf("%d readers", len(h.Readers))
	}
	if _, err := h.Encode(); err != nil {
		t.Error(err)
	}
}

// Of two agents of one name the second one ends.
func TestTwoAgentsOfOneName(t *testing.T) {
	w := newWorld(t, simulated(t, "r"), nil)
	eventually(t, "the first one is there", func() bool { return len(w.agent.Hello().Readers) == 1 })
	second, err := New(Config{Conn: w.server.Connect(), Name: "gate7", Source: make(hand)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		for ctx.Err() == nil { // sooner than they say it by themselves
			_ = w.far.Publish(subjects.Roll(), nil)
			time.Sleep(100 * time.Millisecond)
		}
	}()
	if err := second.Run(ctx); !errors.Is(err, ErrNameTaken) {
		t.Errorf("the second agent: %v", err)
	}
	w.inserted(w.client.Source("gate7", "r"))
}

func TestConfig(t *testing.T) {
	w := newWorld(t, simulated(t, "r"), nil)
	for name, c := range map[string]Config{
		"no name": {Conn: w.conn, Source: make(hand)}, "a bad name": {Conn: w.conn, Source: make(hand), Name: "a.b"},
		"a bad fleet": {Conn: w.conn, Source: make(hand), Name: "a", Fleet: ">"}, "no connection": {Source: make(hand), Name: "a"},
		"no source": {Conn: w.conn, Name: "a"},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
