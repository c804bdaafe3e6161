package transporttest_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/transporttest"
	"github.com/go-desfire/desfire/wire"
)

// FuzzFixed tests transports to simulated cards of all generations, past a fault
// that never strikes: each command that the card answers alike passes.
func FuzzFixed(f *testing.F) {
	f.Add(byte(0), byte(0), []byte{0x90, 0x64, 0, 0, 1, 0, 0})
	f.Add(byte(2), byte(1), []byte{0x90, 0x60, 0, 0, 0})
	f.Add(byte(3), byte(0), []byte{0x64, 0})
	f.Add(byte(5), byte(1), []byte{0x00})
	f.Fuzz(func(t *testing.T, gen, relayed byte, command []byte) {
		if len(command) == 0 {
			return
		}
		make := func(t *testing.T) transporttest.Transport {
			picc, err := sim.New(&sim.Config{Generation: wire.Generations[int(gen)%len(wire.Generations)], UID: []byte{4, 1, 2, 3, 4, 5, 6}})
			if err != nil {
				t.Fatal(err)
			}
			if relayed&1 == 0 {
				return &slot{picc.Present()}
			}
			faults, err := sim.ParseFaults("lose-answer@#60000")
			if err != nil {
				t.Fatal(err)
			}
			return faults.Relay.Present(picc)
		}
		// what the card answers alike each time, and no more
		var first []byte
		tr := make(t)
		for i := range 8 {
			r, err := tr.Transmit(context.Background(), append([]byte(nil), command...))
			if err != nil {
				return
			}
			if i == 0 {
				first = append(first, r...)
			} else if string(first) != string(r) {
				return
			}
		}
		transporttest.RunFixed(t, make, command)
	})
}
