package desfire

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeSource yields the events that a test sends. It ends with ctx, or with
// the error it is given.
type fakeSource struct {
	events chan Event
	end    chan error
}

func newFakeSource() *fakeSource {
	return &fakeSource{make(chan Event), make(chan error, 1)}
}

func (s *fakeSource) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for {
			select {
			case ev := <-s.events:
				if !yield(ev, nil) {
					return
				}
			case err := <-s.end:
				yield(Event{}, err)
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// fakeCard answers GetVersion, SelectApplication and GetValue, until it is
// pulled.
type fakeCard struct {
	mu     sync.Mutex
	uid    string
	pulled bool
	opened int
	closed int
	value  byte
	fail   error // instead of an answer to GetValue
}

// goneError is what a transport says when the card has left.
type goneError struct{}

func (goneError) Error() string { return "card is gone" }
func (goneError) Removed() bool { return true }

type fakeLink struct{ card *fakeCard }

func (l fakeLink) Transmit(_ context.Context, cmd []byte) ([]byte, error) {
	l.card.mu.Lock()
	defer l.card.mu.Unlock()
	switch {
	case l.card.pulled:
		return nil, goneError{}
	case cmd[1] == 0x60:
		return unhex("0401010100180591AF"), nil
	case cmd[1] == 0xAF && l.card.value == 0xFF:
		return unhex("6E00"), nil
	case cmd[1] == 0xAF:
		l.card.value ^= 0x80 // second frame, then third
		if l.card.value&0x80 != 0 {
			return unhex("0401010104180591AF"), nil
		}
		return unhex(l.card.uid + "010203040511999100"), nil
	case cmd[1] == 0x6C:
		if l.card.fail != nil {
			return nil, l.card.fail
		}
		return unhex("050000009100"), nil
	}
	return unhex("9100"), nil
}

func (l fakeLink) Close() error {
	l.card.mu.Lock()
	defer l.card.mu.Unlock()
	l.card.closed++
	return nil
}

func (s *fakeSource) insert(reader string, card *fakeCard) {
	s.events <- Event{Kind: CardInserted, Reader: reader, Open: func(context.Context) (Transport, error) {
		card.mu.Lock()
		defer card.mu.Unlock()
		card.opened++
		return fakeLink{card}, nil
	}}
}

func (s *fakeSource) remove(reader string) { s.events <- Event{Kind: CardRemoved, Reader: reader} }

func (c *fakeCard) pull(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pulled = yes
}

func TestCards(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := newFakeSource()
	first, second := &fakeCard{uid: "04000000000001"}, &fakeCard{uid: "04000000000002"}
	go func() {
		s.events <- Event{Kind: ReaderAdded, Reader: "a"}
		s.insert("a", first)
		s.remove("a")
		s.events <- Event{Kind: CardInserted, Reader: "b", Ignored: "a contact reader"}
		s.events <- Event{Kind: ReaderRemoved, Reader: "a"}
		s.events <- Event{Kind: ServiceLost, Err: errors.New("stopped")}
		s.insert("b", second)
	}()
	var got []string
	for card, err := range Cards(ctx, s, nil) {
		var lost *ReaderError
		switch {
		case errors.As(err, &lost):
			got = append(got, "lost "+lost.Reader)
		case err != nil:
			t.Error(err)
		default:
			got = append(got, fmt.Sprintf("%X on %s", card.UID(), card.Reader()))
			if strings.HasSuffix(got[len(got)-1], "b") {
				cancel()
			}
		}
	}
	want := []string{"lost a", "lost ", "04000000000002 on b"}
	if len(got) == 4 { // the first card was reached before it was removed
		want = slices.Insert(want, 0, "04000000000001 on a")
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if first.opened != first.closed || second.opened != 1 || second.closed != 1 {
		t.Errorf("opened %d %d, closed %d %d", first.opened, second.opened, first.closed, second.closed)
	}
}

func TestSourceEnds(t *testing.T) {
	mine := errors.New("no library")
	s := newFakeSource()
	s.end <- mine
	var got []error
	for _, err := range Cards(context.Background(), s, nil) {
		got = append(got, err)
	}
	if len(got) != 1 || !errors.Is(got[0], mine) {
		t.Errorf("%v", got)
	}
	s.end <- mine
	if err := Serve(context.Background(), s, nil, nil); !errors.Is(err, mine) {
		t.Error(err)
	}
	s.end <- mine
	if err := Keep(context.Background(), s, nil, nil); !errors.Is(err, mine) {
		t.Error(err)
	}
}

func TestServeRunsCardsTogether(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := newFakeSource()
	here := make(chan string, 2)
	left := make(chan string, 2)
	done := make(chan error)
	go func() {
		done <- Serve(ctx, s, &ServeConfig{OnError: func(_ Event, err error) { t.Error(err) }}, func(ctx context.Context, card *Card) {
			here <- card.Reader()
			<-ctx.Done()
			left <- card.Reader()
		})
	}()
	s.insert("a", &fakeCard{uid: "04000000000001"})
	s.insert("b", &fakeCard{uid: "04000000000002"})
	both := []string{<-here, <-here}
	slices.Sort(both)
	if !slices.Equal(both, []string{"a", "b"}) {
		t.Errorf("%q", both)
	}
	s.remove("a")
	if r := <-left; r != "a" {
		t.Errorf("%q left", r)
	}
	cancel()
	if r := <-left; r != "b" {
		t.Errorf("%q left", r)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A card that left and came back between two looks of the source is presented
// again, though the source reports nothing.
func TestCardThatBlinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := newFakeSource()
		card := &fakeCard{uid: "04000000000001"}
		go s.insert("a", card)
		presented := 0
		for c, err := range Cards(ctx, s, nil) {
			if err != nil {
				t.Fatal(err)
			}
			presented++
			if presented == 3 {
				cancel()
				break
			}
			card.pull(true)
			if _, err := c.Value(ctx, 1); !SafeToRetry(err) {
				t.Fatal(err)
			}
			card.pull(false)
		}
		if presented != 3 {
			t.Errorf("presented %d times", presented)
		}
		done := make(chan error)
		ctx, cancel = context.WithCancel(context.Background())
		s = newFakeSource()
		served := 0
		go func() {
			done <- Serve(ctx, s, nil, func(ctx context.Context, c *Card) {
				if served++; served == 2 {
					cancel()
					return
				}
				card.pull(true)
				_, _ = c.Value(ctx, 1)
				card.pull(false)
			})
		}()
		s.insert("a", card)
		if err := <-done; err != nil || served != 2 {
			t.Errorf("served %d times, %v", served, err)
		}
	})
}

// A card that blinks while it is being connected is presented again, too.
func TestCardThatBlinksWhileItIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s, card := newFakeSource(), &fakeCard{uid: "04000000000001", pulled: true}
		go s.insert("a", card)
		failed := 0
		for c, err := range Cards(ctx, s, nil) {
			if err == nil {
				t.Logf("%v after %d failures", c, failed)
				break
			}
			if failed++; !removed(err) || failed == 3 {
				t.Fatal(err)
			}
			card.pull(failed < 2)
		}
		s, failed = newFakeSource(), 0
		card.pull(true)
		go s.insert("a", card)
		err := Serve(ctx, s, &ServeConfig{OnError: func(ev Event, err error) {
			if failed++; ev.Reader != "a" || failed == 3 {
				t.Errorf("%v: %v", ev, err)
				cancel()
			}
			card.pull(failed < 2)
		}}, func(context.Context, *Card) { cancel() })
		if err != nil || failed != 2 {
			t.Errorf("%d failures, %v", failed, err)
		}
	})
}

// slowSource takes its time to end after its context has, as one that waits in
// a library does, and counts who uses it.
type slowSource struct {
	*fakeSource
	using atomic.Int32
}

func (s *slowSource) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		s.using.Add(1)
		defer s.using.Add(-1)
		s.fakeSource.Events(ctx)(yield)
		time.Sleep(time.Second)
	}
}

// When Cards, Serve and Keep return, nothing uses the source any more.
func TestSourceIsNotUsedAfterwards(t *testing.T) {
	for name, use := range map[string]func(ctx context.Context, end func(), s Source){
		"Cards": func(ctx context.Context, _ func(), s Source) {
			for range Cards(ctx, s, nil) {
				break
			}
		},
		"Cards, cancelled": func(ctx context.Context, end func(), s Source) {
			for range Cards(ctx, s, nil) {
				end()
			}
		},
		"Serve": func(ctx context.Context, end func(), s Source) {
			_ = Serve(ctx, s, nil, func(context.Context, *Card) { end() })
		},
		"Keep": func(ctx context.Context, _ func(), s Source) {
			_ = Keep(ctx, s, nil, func(context.Context, *Card) (bool, error) { return true, nil })
		},
		"Keep, given up": func(ctx context.Context, _ func(), s Source) {
			_ = Keep(ctx, s, nil, func(context.Context, *Card) (bool, error) { return false, errors.New("mine") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				s := &slowSource{fakeSource: newFakeSource()}
				go s.insert("a", &fakeCard{uid: "04000000000001"})
				use(ctx, cancel, s)
				if n := s.using.Load(); n != 0 {
					t.Errorf("%d goroutines use the source after the return", n)
				}
			})
		})
	}
}

// A card that waits to be presented again does not outlive Serve.
func TestNothingIsPresentedAfterServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		s, card := newFakeSource(), &fakeCard{uid: "04000000000001"}
		go s.insert("a", card)
		began := time.Now()
		_ = Serve(ctx, s, nil, func(ctx context.Context, c *Card) {
			card.pull(true)
			_, _ = c.Value(ctx, 1)
			cancel()
		})
		if d := time.Since(began); d != 0 {
			t.Errorf("Serve waited %v for a card that is of no use any more", d)
		}
	})
}

// Serve tells every event in order, the end of a stay after the handler.
func TestServeTellsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, mine := newFakeSource(), errors.New("no library")
		var mu sync.Mutex
		var got []string
		note := func(format string, args ...any) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprintf(format, args...))
		}
		send := func(ev Event) { s.events <- ev; synctest.Wait() }
		go func() {
			send(Event{Kind: ReaderAdded, Reader: "a"})
			for _, reader := range []string{"a", "b"} {
				s.insert(reader, &fakeCard{uid: "04000000000001"})
				synctest.Wait()
			}
			send(Event{Kind: CardInserted, Reader: "c", Ignored: "a contact reader"})
			send(Event{Kind: CardInserted, Reader: "d", Open: func(context.Context) (Transport, error) { return nil, mine }})
			send(Event{Kind: CardRemoved, Reader: "a"})
			send(Event{Kind: ReaderAdded, Reader: "e"})
			send(Event{Kind: ServiceLost})
			send(Event{Kind: ServiceBack})
			time.Sleep(time.Hour)
			s.end <- mine
		}()
		err := Serve(t.Context(), s, &ServeConfig{
			OnEvent: func(ev Event) { note("%v %s", ev.Kind, ev.Reader) },
			OnError: func(ev Event, err error) { note("error after %v %s: %v", ev.Kind, ev.Reader, err) },
		}, func(ctx context.Context, card *Card) {
			note("card on %s", card.Reader())
			<-ctx.Done()
			time.Sleep(map[string]time.Duration{"a": time.Second, "b": time.Minute}[card.Reader()])
			note("end of the card on %s", card.Reader())
		})
		if !errors.Is(err, mine) {
			t.Error(err)
		}
		want := []string{
			"reader-added a", "inserted a", "card on a", "inserted b", "card on b", "inserted c", "inserted d",
			"error after inserted d: desfire: connect to the card on d: no answer from the card: no library",
			"end of the card on a", "removed a", "reader-added e",
			"end of the card on b", "service-lost ", "error after service-lost : " + (&ReaderError{}).Error(), "service-back ",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
