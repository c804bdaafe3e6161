package perso_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/fuzzair"
	"github.com/go-desfire/desfire/perso"
)

// FuzzAir plays the air while a layout is applied. What Apply calls done is on
// the card; applied again without the air, the card becomes what it should be,
// and the journal leaves nothing open.
func FuzzAir(f *testing.F) {
	for n := range jobs(f) {
		f.Add(byte(n), []byte{})
		f.Add(byte(n), []byte{byte(n), byte(fuzzair.DropAnswer), 0, 5, byte(fuzzair.Forge), 4})
	}
	list := jobs(f)
	f.Fuzz(func(t *testing.T, which byte, in []byte) {
		ctx := context.Background()
		j := &list[int(which)%len(list)]
		picc := j.ready(t)
		a := fuzzair.New(picc, nil)
		card, err := desfire.Connect(ctx, a, nil)
		if err != nil {
			t.Fatal(err)
		}
		var moves []fuzzair.Move
		for _, m := range fuzzair.Moves(in, 4) {
			switch m.Kind {
			case fuzzair.FlipCommand, fuzzair.CutCommand, fuzzair.Insert, fuzzair.Twice: // what another reader does to the card is not Apply's to mend
				continue
			}
			m.After *= 8
			moves = append(moves, m)
		}
		conf := j.conf(len(j.before))
		a.Play(moves)
		plan, err := perso.Apply(ctx, card, j.layout, conf)
		a.Play(nil)
		a.Late(ctx)
		if err == nil && len(moves) == 0 && len(plan.Impossible) > 0 {
			t.Fatal(plan.Impossible)
		}
		picc.Lift()
		if err := picc.Return(); err != nil {
			t.Fatal(err)
		}
		if plan != nil && len(in)%2 == 1 { // the plan that was begun
			if err = plan.Apply(ctx, connect(t, picc), conf); errors.As(err, new(*perso.WrongCardError)) {
				_, err = perso.Apply(ctx, connect(t, picc), j.layout, conf)
			}
		} else {
			_, err = perso.Apply(ctx, connect(t, picc), j.layout, conf)
		}
		if err != nil {
			t.Fatalf("%s, %+v: again: %v", j.name, moves, err)
		}
		differences, err := perso.Verify(ctx, connect(t, picc), j.layout, conf)
		if err != nil || perso.Differs(differences) {
			t.Errorf("%s, %+v: %v, %v", j.name, moves, err, differences)
		}
		if open := conf.Journal.(*memJournal).open(); len(open) > 0 {
			t.Errorf("%s, %+v: the journal left open: %v", j.name, moves, open)
		}
	})
}
