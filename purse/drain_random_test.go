package purse_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// Frames are lost, cut and refused at random, on all layouts: what a drain counts is what
// the card gave.
func TestDrainRandomFaults(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 9))
		g := []wire.Generation{wire.EV1, wire.EV2, wire.EV3}[r.IntN(3)]
		b := newBench(t, g, g != wire.EV1 && r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0)
		if b.conf.Slot != nil && r.IntN(2) == 0 {
			b.conf.Others = purse.OthersAny
		}
		frames, odds := -20, 4+r.IntN(60)
		f := &field{b.picc, func(command []byte, card func() ([]byte, error)) ([]byte, error) {
			if frames++; frames < 0 || r.IntN(odds) > 0 {
				return card()
			}
			switch r.IntN(5) {
			case 0:
				return nil, errLeft
			case 1:
				_, _ = card()
				return nil, errLeft
			case 2:
				return []byte{0x91, 0xEE}, nil
			case 3:
				_, _ = card()
				return []byte{0x91, 0x9D}, nil
			}
			answer, err := card()
			if len(answer) > 3 {
				answer = append(append([]byte(nil), answer[:1]...), answer[3:]...)
			}
			return answer, err
		}}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		d := &purse.Drain{Purse: b.open(t), Amount: 10, Debits: 10}
		told := 0
		d.OnEvent = func(e purse.Event) {
			if e.Kind == desfire.KeepOther.String() {
				cancel() // it waits for a card that is ours
			}
			if e.Kind == purse.EventDebited || e.Kind == purse.EventResolved && e.Outcome == purse.Happened {
				told++
			}
		}
		waits := 0
		err := d.Keep(ctx, f, &desfire.KeepConfig{After: func(w time.Duration) <-chan time.Time {
			if waits++; waits > 3000 {
				cancel()
			}
			return atOnce(w)
		}})
		s := d.Summary
		if ctx.Err() == context.DeadlineExceeded {
			t.Fatalf("seed %d: the drain hangs: %+v", seed, s)
		}
		cancel()
		gone := int(500-b.value(t)) / 10
		switch {
		case waits > 3000:
			t.Errorf("seed %d: it goes on for ever: %+v, %d are gone", seed, s, gone)
		case err == nil && (gone != 10 || s.End != purse.EndEnough):
			t.Errorf("seed %d: done, and %d are gone: %+v", seed, gone, s)
		case gone != s.Debits && (s.Unknown == 0 || gone != s.Debits+1):
			t.Errorf("seed %d: %v, and %d are gone: %+v", seed, err, gone, s)
		case told != s.Debits:
			t.Errorf("seed %d: told %d, counted %d", seed, told, s.Debits)
		case s.Unknown == 0 && s.Final != nil && s.Start != nil && (*s.Final != b.value(t) || *s.Start != 500):
			t.Errorf("seed %d: %v, from %d to %d, and the card holds %d", seed, err, *s.Start, *s.Final, b.value(t))
		}
	}
}
