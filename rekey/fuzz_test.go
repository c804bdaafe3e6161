package rekey_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/fuzzair"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
)

// FuzzAir plays the air of a key change. Neither Run nor the journal says what
// the card's image does not hold, and an honest reader makes an end of it
// afterwards.
func FuzzAir(f *testing.F) {
	cases := airCases(f)
	for n := range cases {
		f.Add(byte(n), []byte{})
		f.Add(byte(n), []byte{byte(n), byte(fuzzair.DropAnswer), 0})
	}
	after := make([][]sim.ImageKey, len(cases))
	f.Fuzz(func(t *testing.T, which byte, in []byte) {
		ctx := context.Background()
		n := int(which) % len(cases)
		tc := &cases[n]
		picc := tc.card(t)
		a := fuzzair.New(picc, nil)
		card, err := desfire.Connect(ctx, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		if after[n] == nil { // what it becomes without
			ch, whole := tc.ch, tc.card(t)
			ch.Journal = new(memoryJournal)
			if outcome, err := rekey.Run(ctx, connect(t, whole), &ch); err != nil || outcome != rekey.Done {
				t.Fatal(outcome, err)
			}
			after[n] = whole.Image().Keys
		}
		moves := fuzzair.Moves(in, 4)
		a.Play(moves)
		j := new(memoryJournal)
		ch := tc.ch
		ch.Journal = j
		outcome, err := rekey.Run(ctx, card, &ch)
		a.Play(nil)
		a.Late(ctx)
		name := fmt.Sprintf("%s, %+v", tc.name, moves)
		isNew := tc.holds(t, name, picc, after[n])
		last := rekey.State("")
		if len(j.entries) > 0 {
			last = j.entries[len(j.entries)-1].State
		}
		switch {
		case isNew && (outcome == rekey.Undone || outcome == rekey.Untouched || last == rekey.Unchanged):
			t.Errorf("%s: %q, journal %q, yet the card holds the new key: %v", name, outcome, j.states(), err)
		case !isNew && (outcome == rekey.Done || outcome == rekey.Already || last == rekey.Changed || err == nil):
			t.Errorf("%s: %q, journal %q, yet the card holds the old key: %v", name, outcome, j.states(), err)
		case outcome == rekey.InDoubt && (!errors.As(err, new(*desfire.OutcomeUnknownError)) || desfire.SafeToRetry(err)):
			t.Errorf("%s: in doubt, and the error does not say so: %v", name, err)
		}
		tc.recover(t, name, picc, isNew, after[n])
	})
}
