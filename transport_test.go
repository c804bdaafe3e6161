package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// sharedLink is a connection to a card that other programs use, too.
type sharedLink struct {
	*sim.Activation
	selections    int // of the card level
	reset, closed bool
}

func (l *sharedLink) Shared() bool            { return true }
func (l *sharedLink) ResetOnClose(reset bool) { l.reset = reset }
func (l *sharedLink) Close() error            { l.closed = true; return l.Activation.Close() }

func (l *sharedLink) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if bytes.Equal(command, []byte{0x90, 0x5A, 0, 0, 3, 0, 0, 0, 0}) {
		l.selections++
	}
	return l.Activation.Transmit(ctx, command)
}

// counter counts exchanges, and does nothing else.
type counter struct {
	t desfire.Transport
	n int
}

func (c *counter) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c.n++
	return c.t.Transmit(ctx, command)
}

func (c *counter) Unwrap() desfire.Transport { return c.t }

// A wrapper loses nothing of what it wraps.
func TestWrappedTransport(t *testing.T) {
	ctx := context.Background()
	for _, g := range []desfire.Generation{wire.EV2, wire.Light, wire.NTAG424} {
		t.Run(g.String(), func(t *testing.T) {
			picc, err := sim.New(&sim.Config{Generation: g})
			if err != nil {
				t.Fatal(err)
			}
			link := &sharedLink{Activation: picc.Present()}
			outer := &counter{t: trace.NewRecorder(nil).Wrap(&counter{t: link})}
			card, err := desfire.Connect(ctx, outer, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			if g == wire.EV2 {
				want = 1 // the other program may have left an application selected
			}
			if link.selections != want {
				t.Errorf("the card level was selected %d times, want %d", link.selections, want)
			}
			if !bytes.Equal(card.ATR(), link.ATR()) || len(card.ATR()) == 0 {
				t.Errorf("ATR %X, want %X", card.ATR(), link.ATR())
			}
			if err := card.Reconnect(ctx); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("a wrapper without Reconnect: %v", err)
			}
			if g == wire.EV2 {
				if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
					t.Fatal(err)
				}
			}
			if err := card.Close(); err != nil {
				t.Fatal(err)
			}
			if !link.closed || link.reset != (g == wire.EV2) {
				t.Errorf("closed %v, reset %v", link.closed, link.reset)
			}
		})
	}
}

// deaf cannot reconnect, though it has the method, and answers no DESFire command.
type deaf struct{}

func (deaf) Transmit(context.Context, []byte) ([]byte, error) { return []byte{0x6D, 0x00}, nil }
func (deaf) Reconnect(context.Context) error                  { return errors.ErrUnsupported }

// A Reconnect that is not supported is as good as none.
func TestReconnectUnsupported(t *testing.T) {
	_, err := desfire.Connect(context.Background(), deaf{}, nil)
	var no *desfire.NotDESFireError
	if !errors.As(err, &no) {
		t.Error(err)
	}
}
