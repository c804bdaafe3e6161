package transporttest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// fixture is one transport and the card behind it.
type fixture struct {
	cfg  Config
	tr   Transport
	hung chan struct{} // a token for each command that the card sits on

	mu          sync.Mutex
	answer      func(ctx context.Context, command []byte) ([]byte, error)
	activations int
	ended       int
	commands    int
}

var atr = []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}

// card is one activation.
type card struct {
	*fixture
	once sync.Once
}

func (f *fixture) present(context.Context) (Card, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.activations++
	return &card{fixture: f}, nil
}

func (c *card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c.mu.Lock()
	c.commands++
	answer := c.answer
	c.mu.Unlock()
	defer c.synchronize()
	return answer(ctx, command)
}

// synchronize orders the card before the test also where the answer goes
// through another process, which the race detector does not see.
func (f *fixture) synchronize() {
	f.mu.Lock()
	defer f.mu.Unlock()
}

func (c *card) Close() error {
	c.once.Do(func() {
		c.mu.Lock()
		c.ended++
		c.mu.Unlock()
	})
	return nil
}

func (c *card) ATR() []byte { return bytes.Clone(atr) }

func (f *fixture) set(answer func(ctx context.Context, command []byte) ([]byte, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fixture) count(what *int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *what
}

// echo answers with the command turned inside out, so that an answer fits one
// command only.
func echo(_ context.Context, command []byte) ([]byte, error) { return turned(command), nil }

func turned(command []byte) []byte {
	r := make([]byte, len(command))
	for i, b := range command {
		r[len(r)-1-i] = ^b
	}
	return r
}

// hang answers nothing until the field is gone or the test has ended.
func (f *fixture) hang(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	f.set(func(ctx context.Context, _ []byte) ([]byte, error) {
		f.hung <- struct{}{}
		select {
		case <-ctx.Done():
		case <-release:
		}
		return nil, errors.New("the card hung until the end")
	})
}

// result is what one Transmit in a goroutine came to.
type result struct {
	response []byte
	err      error
}

func (f *fixture) transmit(ctx context.Context, command []byte) <-chan result {
	done := make(chan result, 1)
	go func() {
		r, err := f.tr.Transmit(ctx, command)
		done <- result{bytes.Clone(r), err}
	}()
	return done
}

// exchange is a Transmit that must succeed.
func (f *fixture) exchange(t *testing.T, command []byte) []byte {
	t.Helper()
	defer f.synchronize()
	return exchange(t, f.tr, command)
}

func exchange(t *testing.T, tr Transport, command []byte) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := tr.Transmit(ctx, command)
	if err != nil {
		t.Fatalf("Transmit(% X): %v", head(command), err)
	}
	return r
}

// head is what a message shows of a long frame.
func head(b []byte) []byte { return b[:min(len(b), 16)] }

// within waits for something that must happen soon.
func within[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened in %v", what, patience)
		panic("not reached")
	}
}

// eventually waits until a condition holds that nothing signals.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not so after %v", what, patience)
		}
	}
}

func mustFail(t *testing.T, what string, r result) {
	t.Helper()
	if r.err == nil {
		t.Errorf("%s: answer % X, want an error", what, head(r.response))
	}
	if len(r.response) > 0 {
		t.Errorf("%s: error with answer % X", what, head(r.response))
	}
}

// sent reads Sent of an error, true without one.
func sent(err error) bool {
	var s interface{ Sent() bool }
	return !errors.As(err, &s) || s.Sent()
}
