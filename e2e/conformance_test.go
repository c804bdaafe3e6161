package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/transporttest"
	"github.com/go-desfire/desfire/vpcd"
)

// The PC/SC transport keeps the contract, with a scripted card behind pcscd.
func TestTransportPCSC(t *testing.T) {
	stack := pcsctest.Start(t)
	open := func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
		client := vpcd.New(stack.Slot(0), func(ctx context.Context) (vpcd.Card, error) { return present(ctx) },
			&vpcd.Config{Retry: 50 * time.Millisecond})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- client.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			<-done
			awaitEmpty(t, stack.Reader(0))
		})
		awaitCard(t, stack.Reader(0))
		return connect(t, stack.Reader(0))
	}
	transporttest.Run(t, open, &transporttest.Config{
		MaxCommand: 4096, MaxResponse: 4096,
		NoEmpty: true, KeepsField: true,
		Reserved: func(command []byte) bool { return len(command) == 1 && command[0] <= 4 && command[0] != 3 },
	})
}
