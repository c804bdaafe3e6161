package matrix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire"
)

// A relay that does at random what relays do, from before the debit until Settle
// has succeeded: from then on nothing moves.
func TestSettleAgainstRandomRelay(t *testing.T) {
	runs := 60
	if *whole {
		runs = 1000
	}
	for i := range relayCases {
		x := &relayCases[i]
		if x.refused {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			settled := 0
			for seed := range runs {
				b := x.sit(t)
				r := rand.New(rand.NewPCG(uint64(i), uint64(seed)))
				b.air.meet = b.air.random(r)
				err := b.debit()
				if err == nil && x.ch.protects() && b.value() != 400 {
					t.Errorf("run %d: done, the card holds %d", seed, b.value())
				}
				for range 6 {
					s, err := b.card.Settle(b.ctx, b.conf)
					if err == nil {
						settled++
						b.after(s, fmt.Sprintf("run %d", seed))
						break
					}
					if !errors.As(err, new(*desfire.FenceError)) {
						t.Errorf("run %d: %v", seed, err)
					}
				}
			}
			if settled == 0 {
				t.Error("no fence at all")
			}
		})
	}
}

// random meets one command in three.
func (a *relay) random(r *rand.Rand) func(int, byte, []byte) ([]byte, error, bool) {
	answers := [][]byte{{0x91, 0}, {0x91, 0x0C}, {0x91, 0x9D}, {0x91, 0xAE}, {0x91, 0xCA}, {0x90, 0}, append(make([]byte, 8), 0x91, 0)}
	return func(_ int, ins byte, command []byte) ([]byte, error, bool) {
		answer := bytes.Clone(answers[r.IntN(len(answers))])
		if selection(ins) && r.IntN(2) == 0 {
			a.hold(command)
			if ins == 0xA4 {
				return []byte{0x90, 0}, nil, true
			}
			return []byte{0x91, 0}, nil, true
		}
		switch r.IntN(18) {
		case 0: // held back, no answer
			a.hold(command)
			return nil, &airError{text: "no answer", sent: true}, true
		case 1: // held back, answer made up
			a.hold(command)
			return answer, nil, true
		case 2: // done, answer made up
			_, _ = a.act.Transmit(context.Background(), command)
			return answer, nil, true
		case 3: // done, no answer
			_, _ = a.act.Transmit(context.Background(), command)
			return nil, &airError{text: "no answer", sent: true}, true
		case 4, 5:
			intrusions[r.IntN(len(intrusions))].do(a)
		}
		return nil, nil, false
	}
}
