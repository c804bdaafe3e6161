package phone

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
)

// patience is how long a test waits for what must happen.
const patience = time.Minute

// within waits for something.
func within[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened in %v", what, patience)
		panic("not reached")
	}
}

func newBookIn(t testing.TB, dir string) *Book {
	t.Helper()
	b, err := OpenBook(filepath.Join(dir, "phones.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// listening is a computer that listens on the loopback interface.
func listening(t testing.TB, b *Book, conf ServerConfig) *Server {
	t.Helper()
	conf.Listen = "127.0.0.1:0"
	s, err := Listen(b, &conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// paired makes a phone that is in the book of a server.
func paired(t testing.TB, s *Server, name string) *Credential {
	t.Helper()
	self, err := newIdentity()
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.book.add(Phone{Name: name, Key: self.id})
	if err != nil {
		t.Fatal(err)
	}
	return &Credential{s.book.Name(), p.Name, s.book.Key(), []string{s.addr.String()}, self}
}

// linked is a phone that is connected.
func linked(t testing.TB, c *Credential) *Link {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l, err := Dial(ctx, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// events collects what a source says, until the test ends.
func events(t testing.TB, s desfire.Source) <-chan desfire.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, done := make(chan desfire.Event, 64), make(chan struct{})
	go func() {
		defer close(done)
		for ev, err := range s.Events(ctx) {
			if err != nil {
				return
			}
			select {
			case out <- ev:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return out
}

// next is the next event, which must be of a kind.
func next(t testing.TB, c <-chan desfire.Event, want desfire.EventKind) desfire.Event {
	t.Helper()
	ev := within(t, want.String(), c)
	if ev.Kind != want {
		t.Fatalf("%v of %s (%v), want %v", ev.Kind, ev.Reader, ev.Err, want)
	}
	return ev
}

// offering offers a card until the test ends or stop is called.
func offering(t testing.TB, l *Link, c Card) (ended <-chan error, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done, out := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(done)
		out <- l.OfferCard(ctx, c)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return out, cancel
}

// opened opens the card of an event.
func opened(t testing.TB, ev desfire.Event) *Transport {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tr, err := ev.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.(*Transport).Close() })
	return tr.(*Transport)
}

// eventually waits until something holds that nothing signals.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}
