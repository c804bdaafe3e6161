package phone

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
)

// instant is a card that answers at once.
type instant struct{}

func (instant) Transmit(_ context.Context, command []byte) ([]byte, error) { return command, nil }

// BenchmarkExchange is a short command and its answer over WebSocket and TLS on one computer.
func BenchmarkExchange(b *testing.B) {
	s := listening(b, newBookIn(b, b.TempDir()), ServerConfig{})
	seen := events(b, s)
	l := linked(b, paired(b, s, "phone"))
	offering(b, l, Card{Open: func(context.Context) (desfire.Transport, error) { return instant{}, nil }})
	next(b, seen, desfire.ReaderAdded)
	tr := opened(b, next(b, seen, desfire.CardInserted))
	for b.Loop() {
		if _, err := tr.Transmit(context.Background(), []byte{0x90, 0x60, 0, 0, 0}); err != nil {
			b.Fatal(err)
		}
	}
}
