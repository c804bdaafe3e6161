package pcsc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
)

// collector runs Events inside a bubble and prints what happens.
type collector struct {
	text   []string
	events []desfire.Event
	cancel context.CancelFunc
	done   chan struct{}
	pause  time.Duration // what the consumer takes for each event
}

func collect(t *testing.T, f *fake, config *Config, pause time.Duration) *collector {
	ctx, cancel := context.WithCancel(t.Context())
	c := &collector{cancel: cancel, done: make(chan struct{}), pause: pause}
	go func() {
		defer close(c.done)
		for e, err := range open(config, f).Events(ctx) {
			if err != nil {
				t.Errorf("Events: %v", err)
			}
			c.text = append(c.text, strings.TrimSpace(e.Kind.String()+" "+e.Reader))
			c.events = append(c.events, e)
			time.Sleep(c.pause)
		}
	}()
	return c
}

// want checks what was reported since the last call.
func (c *collector) want(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(c.text, want) {
		t.Errorf("events %q\nwant   %q", c.text, want)
	}
	c.text = nil
}

func (c *collector) stop(t *testing.T, f *fake) {
	t.Helper()
	c.cancel()
	<-c.done
	c.want(t)
	if n, _ := f.open(); n != 0 {
		t.Errorf("%d contexts were not released", n)
	}
}

func TestEventsPresentStateFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A", "B SAM", "C")
		f.insert("A")
		f.insert("B SAM")
		c := collect(t, f, nil, 0)
		c.want(t, "reader-added A", "reader-added B SAM", "reader-added C", "inserted A", "inserted B SAM")
		for _, e := range c.events {
			if strings.Contains(e.Ignored, "SAM") != (e.Reader == "B SAM") {
				t.Errorf("%v of %s ignored: %q", e.Kind, e.Reader, e.Ignored)
			}
		}
		c.stop(t, f)
	})
}

func TestEventsHotPlug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := collect(t, f, nil, 0)
		c.want(t)
		f.plug("A")
		c.want(t, "reader-added A")
		// The second slot of the same reader, while the first is read.
		f.insert("A")
		c.want(t, "inserted A")
		f.plug("B")
		c.want(t, "reader-added B")
		f.remove("A")
		c.want(t, "removed A")
		f.insert("B")
		c.want(t, "inserted B")
		f.unplug("B")
		c.want(t, "removed B", "reader-removed B")
		f.unplug("A")
		c.want(t, "reader-removed A")
		time.Sleep(time.Hour)
		c.want(t)
		c.stop(t, f)
	})
}

// What happens while the consumer is busy is not lost: a card that left and
// came back is a removal and an insertion.
func TestEventsBusyConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.insert("A")
		c := collect(t, f, nil, time.Second)
		time.Sleep(1500 * time.Millisecond)
		c.want(t, "reader-added A", "inserted A")
		f.remove("A")
		f.insert("A")
		f.plug("B", "C")
		time.Sleep(10 * time.Second)
		c.want(t, "reader-added B", "reader-added C", "removed A", "inserted A")
		c.stop(t, f)
	})
}

// A reader that comes just before the wait begins, which pcsc-lite does not
// report, is found after a moment.
func TestEventsSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		c := collect(t, f, nil, 0)
		c.want(t, "reader-added A")
		f.mu.Lock() // no notification
		f.lists = append(f.lists, newFake("B").lists...)
		f.mu.Unlock()
		time.Sleep(settle + time.Millisecond)
		c.want(t, "reader-added B")
		time.Sleep(time.Second)
		f.mu.Lock()
		waits := f.waits
		f.mu.Unlock()
		time.Sleep(time.Hour)
		f.mu.Lock()
		if f.waits != waits || f.timeouts[len(f.timeouts)-1] != infinite {
			t.Errorf("%d waits in an hour in which nothing happened", f.waits-waits)
		}
		f.mu.Unlock()
		c.stop(t, f)
	})
}

// Where the service does not report readers, the list is read once a second.
func TestEventsWithoutPnP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.noPnP = true
		c := collect(t, f, nil, 0)
		c.want(t)
		f.plug("A")
		time.Sleep(pollReaders + time.Millisecond)
		c.want(t, "reader-added A")
		f.insert("A") // needs no poll
		c.want(t, "inserted A")
		f.plug("B")
		time.Sleep(pollReaders + time.Millisecond)
		c.want(t, "reader-added B")
		f.unplug("A")
		time.Sleep(pollReaders + time.Millisecond)
		c.want(t, "removed A", "reader-removed A")
		c.stop(t, f)
	})
}

func TestEventsFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("ACS ACR122U 00 00", "Virtual PCD 00 00")
		f.insert("ACS ACR122U 00 00")
		c := collect(t, f, &Config{Reader: "virtual"}, 0)
		c.want(t, "reader-added Virtual PCD 00 00")
		f.insert("Virtual PCD 00 00")
		c.want(t, "inserted Virtual PCD 00 00")
		c.stop(t, f)
	})
}

func TestEventsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A", "B")
		f.lists[0].atr = []byte{0x3B, 0xFD, 0x13, 0x00, 0x00}
		f.lists[1].mute = true
		f.insert("A")
		f.insert("B")
		c := collect(t, f, nil, 0)
		c.want(t, "reader-added A", "reader-added B", "inserted A", "inserted B")
		if a, b := c.events[2].Ignored, c.events[3].Ignored; !strings.Contains(a, "contact") || !strings.Contains(b, "answer") {
			t.Errorf("ignored %q, %q", a, b)
		}
		// Laid flat, the card answers.
		f.do(func() { f.lists[1].mute = false })
		c.want(t, "removed B", "inserted B")
		if e := c.events[len(c.events)-1]; e.Ignored != "" {
			t.Errorf("ignored %q", e.Ignored)
		}
		c.stop(t, f)

		c = collect(t, f, &Config{Everything: true}, 0)
		c.want(t, "reader-added A", "reader-added B", "inserted A", "inserted B")
		for _, e := range c.events {
			if e.Ignored != "" {
				t.Errorf("%v of %s ignored although everything is wanted: %s", e.Kind, e.Reader, e.Ignored)
			}
		}
		c.stop(t, f)
	})
}

func TestEventsServiceLost(t *testing.T) {
	for _, code := range []Error{codeNoService, codeServiceStopped, codeCommError, codeInvalidHandle, codeBrokenPipe, codeServerUnavailable, codeSystemCancelled} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("A", "B")
			f.insert("A")
			c := collect(t, f, nil, 0)
			c.want(t, "reader-added A", "reader-added B", "inserted A")
			f.stop(code)
			c.want(t, "removed A", "service-lost")
			if e := c.events[len(c.events)-1]; !errors.Is(e.Err, code) {
				t.Errorf("service-lost: %v, want %v", e.Err, code)
			}
			time.Sleep(time.Hour)
			c.want(t)
			f.start()
			time.Sleep(maxBackoff)
			c.want(t, "service-back", "reader-added A", "reader-added B", "inserted A")
			c.stop(t, f)
		})
	}
}

func TestEventsNoServiceAtFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.down = codeNoService
		c := collect(t, f, nil, 0)
		c.want(t, "service-lost")
		if err := c.events[0].Err; !errors.Is(err, ErrNoService) || !strings.Contains(err.Error(), "start pcscd") {
			t.Errorf("service-lost: %v", err)
		}
		time.Sleep(time.Minute)
		f.start()
		time.Sleep(maxBackoff)
		c.want(t, "service-back", "reader-added A")
		f.stop(codeNoService)
		c.want(t, "service-lost")
		c.cancel()
		<-c.done
	})
}

// Answers that are no reason to give up.
func TestEventsOddAnswers(t *testing.T) {
	for _, code := range []Error{codeTimeout, codeCancelled, codeUnknownReader, codeReaderUnavailable} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("A")
			c := collect(t, f, nil, 0)
			time.Sleep(time.Second)
			c.want(t, "reader-added A")
			f.mu.Lock()
			f.refuse = []Error{code, code}
			f.mu.Unlock()
			f.insert("A") // wakes the wait that is under way
			time.Sleep(time.Second)
			c.want(t, "inserted A")
			f.remove("A")
			c.want(t, "removed A")
			c.stop(t, f)
		})
	}
}

// A cancel that comes before the wait has begun is lost; the next is not.
func TestEventsCancel(t *testing.T) {
	for _, delay := range []time.Duration{0, 1, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("A")
			c := collect(t, f, nil, 0)
			time.Sleep(delay)
			start := time.Now()
			c.cancel()
			<-c.done
			if d := time.Since(start); d > 2*cancelEvery {
				t.Errorf("ended after %v", d)
			}
			if n, _ := f.open(); n != 0 {
				t.Errorf("%d contexts were not released", n)
			}
		})
	}
}

// A service that hangs does not hold us up, and its context is released when
// it comes to itself.
func TestEventsDeafService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.deaf = true
		c := collect(t, f, nil, 0)
		time.Sleep(time.Second)
		c.want(t, "reader-added A")
		start := time.Now()
		c.cancel()
		<-c.done
		if d := time.Since(start); d > cancelWait+time.Millisecond {
			t.Errorf("ended after %v", d)
		}
		if n, _ := f.open(); n != 1 {
			t.Errorf("%d contexts, want the one that hangs", n)
		}
		f.insert("A")
		synctest.Wait()
		if n, _ := f.open(); n != 0 {
			t.Error("the context that hung was not released")
		}
	})
}

func TestEventsBreak(t *testing.T) {
	for stop := range 5 {
		f := newFake("A", "B")
		f.insert("A")
		n := 0
		for range open(nil, f).Events(t.Context()) {
			switch n++; n {
			case 3:
				f.stop(codeNoService)
			}
			if n > stop {
				break
			}
		}
		if n != stop+1 {
			t.Errorf("%d events, want %d", n, stop+1)
		}
		if n, _ := f.open(); n != 0 {
			t.Errorf("stopped after %d: %d contexts were not released", stop+1, n)
		}
	}
}

func TestEventsEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := newFake("A")
	for e, err := range open(nil, f).Events(ctx) {
		t.Errorf("%v, %v", e.Kind, err)
	}
}

func TestList(t *testing.T) {
	f := newFake("A", "B SAM", "C")
	f.insert("A")
	f.lists[2].atr = []byte{0x3B, 0x00}
	f.insert("C")
	infos, err := open(nil, f).List(t.Context())
	if err != nil || len(infos) != 3 {
		t.Fatalf("%+v, %v", infos, err)
	}
	if infos[0].State != StatePresent || len(infos[0].ATR) != 6 || infos[0].Ignored != "" ||
		infos[1].State != StateEmpty || infos[1].Ignored == "" || infos[2].Ignored == "" {
		t.Errorf("%+v", infos)
	}
	if infos, err = open(&Config{Reader: "c"}, f).List(t.Context()); err != nil || len(infos) != 1 || infos[0].Name != "C" {
		t.Errorf("filtered: %+v, %v", infos, err)
	}
	if _, err = open(&Config{Reader: "x"}, f).List(t.Context()); !errors.Is(err, ErrNoReader) || !strings.Contains(err.Error(), "B SAM") {
		t.Errorf("no match: %v", err)
	}
	f.refuse = []Error{codeUnknownReader} // a reader leaves in between
	if _, err = open(nil, f).List(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err = open(nil, newFake()).List(t.Context()); !errors.Is(err, ErrNoReader) || errors.Is(err, ErrNoService) {
		t.Errorf("no reader: %v", err)
	}
	f.stop(codeNoService)
	if _, err = open(nil, f).List(t.Context()); !errors.Is(err, ErrNoService) {
		t.Errorf("no service: %v", err)
	}
	if n, _ := f.open(); n != 0 {
		t.Errorf("%d contexts were not released", n)
	}
}
