package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
)

var getVersion = []byte{0x90, 0x60, 0, 0, 0}

func testEndedContext(t *testing.T, f *fixture) {
	f.exchange(t, getVersion)
	before := f.count(&f.commands)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := within(t, "Transmit with an ended context", f.transmit(ctx, getVersion))
	mustFail(t, "ended context", r)
	if !errors.Is(r.err, context.Canceled) {
		t.Errorf("error %v, want %v in it", r.err, context.Canceled)
	}
	if sent(r.err) {
		t.Error("Sent is true, but nothing was")
	}
	if n := f.count(&f.commands); n != before {
		t.Error("the command came to the card")
	}
}

func testCancel(t *testing.T, f *fixture) {
	f.hang(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := f.transmit(ctx, getVersion)
	within(t, "command to the card", f.hung)
	cancel()
	f.finished(t, within(t, "Transmit after cancel", done), context.Canceled)
}

func testDeadline(t *testing.T, f *fixture) {
	f.hang(t)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	f.finished(t, within(t, "Transmit after the deadline", f.transmit(ctx, getVersion)), context.DeadlineExceeded)
}

// finished checks that an exchange was given up and the connection with it.
func (f *fixture) finished(t *testing.T, r result, want error) {
	t.Helper()
	mustFail(t, "given-up exchange", r)
	if !errors.Is(r.err, want) {
		t.Errorf("error %v, want %v in it", r.err, want)
	}
	if !sent(r.err) {
		t.Error("Sent is false, but the card had the command")
	}
	f.set(echo)
	before := f.count(&f.commands)
	late := within(t, "Transmit after a given-up exchange", f.transmit(context.Background(), getVersion))
	mustFail(t, "call after a given-up exchange", late)
	if f.count(&f.commands) != before {
		t.Error("a command came to the card after a given-up exchange")
	}
	if sent(late.err) {
		t.Error("call after a given-up exchange: Sent is true, but nothing was")
	}
}

func reconnector(t *testing.T, tr Transport) interface{ Reconnect(context.Context) error } {
	t.Helper()
	r, ok := tr.(interface{ Reconnect(context.Context) error })
	if !ok {
		t.Skip("this transport has no Reconnect")
	}
	return r
}

func testReconnect(t *testing.T, f *fixture) {
	r := reconnector(t, f.tr)
	for range 3 {
		f.exchange(t, getVersion)
		activations, ended := f.count(&f.activations), f.count(&f.ended)
		supported := reconnect(t, r)
		f.exchange(t, getVersion)
		if !supported {
			if f.count(&f.activations) != activations {
				t.Error("Reconnect says that it is not supported, but the card was activated anew")
			}
			t.Skip("this transport says that it cannot reconnect")
		}
		if f.count(&f.activations) == activations {
			t.Fatal("no new activation after Reconnect")
		}
		eventually(t, "end of the old activation", func() bool { return f.count(&f.ended) > ended })
	}
}

// reconnect is false where that is not supported.
func reconnect(t *testing.T, r interface{ Reconnect(context.Context) error }) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := r.Reconnect(ctx)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("Reconnect: %v", err)
	}
	return err == nil
}

func testReconnectAfterCancel(t *testing.T, f *fixture) {
	r := reconnector(t, f.tr)
	var release sync.WaitGroup
	release.Add(1)
	f.set(func(context.Context, []byte) ([]byte, error) {
		f.hung <- struct{}{}
		release.Wait() // a card that answers late, when nobody listens
		return []byte("late"), nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := f.transmit(ctx, getVersion)
	within(t, "command to the card", f.hung)
	cancel()
	mustFail(t, "given-up exchange", within(t, "Transmit after cancel", done))
	f.set(echo)
	release.Done()
	after, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if err := r.Reconnect(after); err != nil {
		t.Skipf("this transport is finished for good: %v", err)
	}
	for range 3 {
		if got := f.exchange(t, getVersion); !bytes.Equal(got, turned(getVersion)) {
			t.Fatalf("answer after Reconnect is % X", got)
		}
	}
}

func closer(t *testing.T, tr Transport) io.Closer {
	t.Helper()
	c, ok := frame.Ability[io.Closer](tr)
	if !ok {
		t.Skip("this transport has no Close")
	}
	return c
}

func testCloseWhileHanging(t *testing.T, f *fixture) {
	c := closer(t, f.tr)
	f.hang(t)
	done := f.transmit(context.Background(), getVersion)
	within(t, "command to the card", f.hung)
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	within(t, "Close while an exchange hangs", closed)
	r := within(t, "Transmit after Close", done)
	mustFail(t, "closed exchange", r)
	if !sent(r.err) {
		t.Error("Sent is false, but the card had the command")
	}
}

func testCloseByMany(t *testing.T, f *fixture) {
	f.exchange(t, getVersion)
	closeByMany(t, f.tr)
}

func closeByMany(t *testing.T, tr Transport) {
	c := closer(t, tr)
	closed := make(chan error, 8)
	for range cap(closed) {
		go func() { closed <- c.Close() }()
	}
	for range cap(closed) {
		within(t, "Close", closed)
	}
	if err := c.Close(); err != nil {
		t.Errorf("one more Close: %v", err)
	}
}

func testCloseEndsField(t *testing.T, f *fixture) {
	if f.cfg.KeepsField {
		t.Skip("this transport may leave the card powered")
	}
	c := closer(t, f.tr)
	f.exchange(t, getVersion)
	c.Close()
	eventually(t, "the card's field ends with Close", func() bool { return f.count(&f.ended) >= 1 })
}

func testUseAfterClose(t *testing.T, f *fixture) {
	c := closer(t, f.tr)
	f.exchange(t, getVersion)
	before := f.count(&f.commands)
	c.Close()
	r := within(t, "Transmit after Close", f.transmit(context.Background(), getVersion))
	mustFail(t, "use after Close", r)
	if sent(r.err) {
		t.Error("Sent is true, but nothing was")
	}
	if f.count(&f.commands) != before {
		t.Error("the command came to the card")
	}
	if r, ok := f.tr.(interface{ Reconnect(context.Context) error }); ok {
		if r.Reconnect(context.Background()) == nil {
			t.Error("Reconnect after Close succeeds")
		}
	}
}

func testCardFails(t *testing.T, f *fixture) {
	f.exchange(t, getVersion)
	f.set(func(context.Context, []byte) ([]byte, error) { return nil, errors.New("pulled away") })
	r := within(t, "Transmit to a card that vanishes", f.transmit(context.Background(), getVersion))
	mustFail(t, "card that vanishes", r)
	if !sent(r.err) {
		t.Error("Sent is false, but the card had the command")
	}
	f.set(echo)
	mustFail(t, "call after the card vanished", within(t, "the next Transmit", f.transmit(context.Background(), getVersion)))
}

func testDescriptions(t *testing.T, f *fixture) {
	f.exchange(t, getVersion)
	if c, ok := frame.Ability[atrHolder](f.tr); ok && !bytes.Equal(c.ATR(), atr) {
		t.Errorf("ATR % X, the card has % X", c.ATR(), atr)
	}
	describe(t, f.tr)
}

func describe(t *testing.T, tr Transport) {
	testUnwrap(t, tr)
	if s, ok := frame.Ability[fmt.Stringer](tr); ok && s.String() == "" {
		t.Error("String is empty")
	}
	if c, ok := frame.Ability[atrHolder](tr); ok {
		if a := c.ATR(); len(a) > 0 {
			clear(a)
			if bytes.Equal(c.ATR(), a) {
				t.Error("ATR is not the caller's own copy")
			}
		}
	}
}

type atrHolder = interface{ ATR() []byte }

// testUnwrap: an Unwrap of another type would be overlooked, and with it all
// that the wrapper leaves to what it wraps.
func testUnwrap(t *testing.T, tr Transport) {
	if _, ok := reflect.TypeOf(tr).MethodByName("Unwrap"); !ok {
		return
	}
	w, ok := tr.(interface{ Unwrap() Transport })
	switch {
	case !ok:
		t.Errorf("Unwrap of %T is not Unwrap() desfire.Transport", tr)
	case w.Unwrap() == nil:
		t.Errorf("Unwrap of %T gives nothing", tr)
	}
}
