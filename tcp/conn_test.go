package tcp

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"
)

func TestTransmitDoesNotAllocate(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tr := connected(t, serve(t, &Server{Present: (&deck{}).present}), nil)
	command := []byte{0x60}
	once := func() {
		if _, err := tr.Transmit(ctx, command); err != nil {
			t.Fatal(err)
		}
	}
	once()
	if n := testing.AllocsPerRun(500, once); n != 0 {
		t.Errorf("%v allocations in client and server together", n)
	}
}

// After each pause it is the goroutine that reads, and the answers stay those of
// their commands.
func TestPauses(t *testing.T) {
	tr := connected(t, serve(t, &Server{Present: (&deck{}).present}), nil)
	var last, want []byte
	for i := range 60 {
		if i%3 == 0 {
			time.Sleep(rest * time.Duration(i%4))
			if !bytes.Equal(last, want) {
				t.Fatalf("exchange %d: the answer has become % X, it was % X", i, last, want)
			}
		}
		command := bytes.Repeat([]byte{0x60 + byte(i)}, 2+i)
		r, err := tr.Transmit(context.Background(), command)
		if err != nil || !bytes.Equal(r, command) {
			t.Fatalf("exchange %d: % X, %v", i, r, err)
		}
		last, want = r, command
	}
}

// A context that ends between exchanges ends none, and one that has ended sends
// nothing and leaves the connection.
func TestContextsBetweenExchanges(t *testing.T) {
	tr := connected(t, serve(t, &Server{Present: (&deck{}).present}), nil)
	for i := range 40 {
		ctx, cancel := context.WithCancel(context.Background())
		for range 1 + i%3 {
			if _, err := tr.Transmit(ctx, []byte{0x60}); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if i%2 == 0 {
			time.Sleep(time.Duration(i) * time.Millisecond / 4)
		}
		var e *Error
		if _, err := tr.Transmit(ctx, []byte{0x60}); !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Sent() {
			t.Fatalf("under a context that has ended: %v", err)
		}
	}
}
