package tcp

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// Lifting ends the connection of a client that never said a word, and none is
// remembered that has gone.
func TestLiftEndsSilentClients(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, err := Listen(ctx, ":0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Present: func(context.Context) (Card, error) { return nil, errors.New("no card") }}
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	known := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.conns)
	}
	await := func(n int) {
		t.Helper()
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if known() == n {
				return
			}
		}
		t.Fatalf("%d connections are known, want %d", known(), n)
	}
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	await(2)
	gone.Close()
	await(1)
	s.Lift()
	_ = silent.SetReadDeadline(time.Now().Add(patience))
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the silent client: %v, want the end", err)
	}
	await(0)
}
