package pcsc

import (
	"context"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	vpcdlink "github.com/go-desfire/desfire/internal/link"
	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/transporttest"
	"github.com/go-desfire/desfire/vpcd"
)

// The conformance suite through pcscd.
func TestLiveConformance(t *testing.T) {
	stack := pcsctest.Start(t)
	r := liveOpen(t, &Config{Reader: stack.Reader(0)})
	open := func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
		ctx, cancel := context.WithCancel(context.Background())
		client := vpcd.New(stack.Slot(0), func(ctx context.Context) (vpcd.Card, error) { return present(ctx) }, nil)
		left := make(chan error, 1)
		go func() { left <- client.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-left; err != nil {
				t.Errorf("vpcd: %v", err)
			}
			waitEmpty(t, stack)
		})
		e := watchEvents(t, r)
		for e.next().Kind != desfire.CardInserted {
		}
		e.stop()
		limit, stop := context.WithTimeout(ctx, 10*time.Second)
		defer stop()
		c, err := r.Connect(limit, stack.Reader(0))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	transporttest.Run(t, open, &transporttest.Config{NoEmpty: true, KeepsField: true, Reserved: vpcdlink.IsControl})
}
