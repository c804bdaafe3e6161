package tcp

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/internal/link"
	"github.com/go-desfire/desfire/transporttest"
)

// serve presents cards on a port of its own until the test ends.
func serve(t *testing.T, s *Server) (addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l, err := Listen(ctx, ":0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

func connected(t *testing.T, addr string, c *Config) *Transport {
	t.Helper()
	tr, err := Dial(context.Background(), addr, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

func TestConformance(t *testing.T) {
	open := func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
		addr := serve(t, &Server{Present: func(ctx context.Context) (Card, error) { return present(ctx) }})
		return connected(t, addr, nil)
	}
	transporttest.Run(t, open, &transporttest.Config{Reserved: link.IsControl})
}
