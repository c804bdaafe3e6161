package transporttest_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/transporttest"
	"github.com/go-desfire/desfire/wire"
)

// slot is a transport to the one card of a machine.
type slot struct{ card *sim.Activation }

func (s *slot) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	return s.card.Transmit(ctx, command)
}

func (s *slot) Close() error { return s.card.Close() }

func testSlot(t *testing.T) {
	getKeyVersion := []byte{0x90, 0x64, 0, 0, 1, 0, 0}
	transporttest.RunFixed(t, func(t *testing.T) transporttest.Transport {
		picc, err := sim.New(&sim.Config{Generation: wire.EV2})
		if err != nil {
			t.Fatal(err)
		}
		return &slot{picc.Present()}
	}, getKeyVersion)
}

func TestSlot(t *testing.T) { testSlot(t) }

// The test of a transport whose card is always there. Run tests those that can
// be given other cards.
func ExampleRunFixed() {
	_ = []testing.InternalTest{{Name: "TestSlot", F: testSlot}}
}
