package pcsc

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
)

// events collects what a source says, on a goroutine of its own.
type events struct {
	t      testing.TB
	ch     chan desfire.Event
	cancel context.CancelFunc
	done   chan struct{}
}

func watchEvents(t testing.TB, s desfire.Source) *events {
	ctx, cancel := context.WithCancel(context.Background())
	e := &events{t: t, ch: make(chan desfire.Event, 100), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(e.done)
		for ev, err := range s.Events(ctx) {
			if err != nil {
				t.Errorf("Events: %v", err)
			}
			e.ch <- ev
		}
	}()
	t.Cleanup(e.stop)
	return e
}

// stop ends the context and waits until Events returns.
func (e *events) stop() {
	e.cancel()
	select {
	case <-e.done:
	case <-time.After(time.Minute):
		e.t.Error("Events did not return after its context had ended")
	}
}

func (e *events) next() desfire.Event {
	e.t.Helper()
	select {
	case ev := <-e.ch:
		return ev
	case <-time.After(time.Minute):
		e.t.Fatal("no event")
		panic("unreachable")
	}
}

// want takes the next event and checks kind and reader.
func (e *events) want(kind desfire.EventKind, reader string) desfire.Event {
	e.t.Helper()
	ev := e.next()
	if ev.Kind != kind || ev.Reader != reader {
		e.t.Fatalf("event %v of %q (error %v), want %v of %q", ev.Kind, ev.Reader, ev.Err, kind, reader)
	}
	return ev
}

// quiet checks that nothing happens for a while.
func (e *events) quiet() {
	e.t.Helper()
	select {
	case ev := <-e.ch:
		e.t.Fatalf("unexpected event %v of %q", ev.Kind, ev.Reader)
	case <-time.After(500 * time.Millisecond):
	}
}

func liveOpen(t testing.TB, config *Config) *Readers {
	t.Helper()
	r, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// present opens the connection of an insertion.
func present(t testing.TB, ev desfire.Event) *Conn {
	t.Helper()
	if ev.Ignored != "" {
		t.Fatalf("%s is ignored: %s", ev.Reader, ev.Ignored)
	}
	tr, err := ev.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c := tr.(*Conn)
	t.Cleanup(func() { c.Close() })
	return c
}

// wantSent checks the condition of an error and whether it says that the card
// may have seen the command.
func wantSent(t testing.TB, err, condition error, sent bool) {
	t.Helper()
	var s interface{ Sent() bool }
	if !errors.Is(err, condition) || !errors.As(err, &s) || s.Sent() != sent {
		t.Errorf("error %v, want %v, sent %v", err, condition, sent)
	}
}
