package phone

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/transporttest"
)

// A card at a phone is a transport like every other, over a real WebSocket with TLS.
func TestConformance(t *testing.T) {
	book := newBookIn(t, t.TempDir())
	s := listening(t, book, ServerConfig{})
	n := 0
	open := func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
		n++
		seen := events(t, s)
		l := linked(t, paired(t, s, t.Name()))
		offering(t, l, Card{ATR: []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}, Open: func(ctx context.Context) (desfire.Transport, error) { return present(ctx) }})
		for {
			ev := within(t, "card", seen)
			if ev.Kind == desfire.CardInserted && ev.Reader == "phone:"+l.Credential().Name() {
				return opened(t, ev)
			}
		}
	}
	transporttest.Run(t, open, nil)
}
