package sim_test

import (
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/transporttest"
	"github.com/go-desfire/desfire/wire"
)

// An activation is a transport of the reader.
var _ desfire.Transport = (*sim.Activation)(nil)

// A relay is, whatever it wraps.
func TestRelayTransport(t *testing.T) {
	for _, keep := range []bool{false, true} {
		transporttest.RunFixed(t, func(t *testing.T) transporttest.Transport {
			c, err := sim.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			return (&sim.Relay{KeepPower: keep}).Present(c)
		}, []byte{0x5A, 0, 0, 0})
	}
}

func TestTransport(t *testing.T) {
	for _, g := range []wire.Generation{wire.D40, wire.EV3} {
		transporttest.RunFixed(t, func(t *testing.T) transporttest.Transport {
			c, err := sim.New(&sim.Config{Generation: g})
			if err != nil {
				t.Fatal(err)
			}
			return c.Present()
		}, []byte{0x5A, 0, 0, 0})
	}
}
