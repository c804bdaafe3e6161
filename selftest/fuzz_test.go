package selftest_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/internal/fuzzair"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/wire"
)

func FuzzReadReport(f *testing.F) {
	f.Add([]byte(`{"format":"desfire-selftest","version":1,"card":{"generation":"ev3","hardware":"0401"},"steps":[{"id":"a","result":"pass"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := selftest.ReadReport(data)
		if err != nil || r.Card.Generation == wire.UnknownGeneration {
			return
		}
		again, err := selftest.ReadReport(r.Encode())
		if err != nil || !bytes.Equal(again.Encode(), r.Encode()) {
			t.Fatalf("%v", err)
		}
	})
}

// FuzzAnswers plays the air of a run. It ends with a report that tells the frames
// that were seen, and nothing else; and where nothing was done to them, all
// steps pass.
func FuzzAnswers(f *testing.F) {
	for g := range wire.Generations {
		f.Add(byte(g), []byte{})
		f.Add(byte(g|0x80), []byte{})
	}
	f.Add(byte(3), []byte{20, 9, 5, 9, 5, 3})
	f.Fuzz(func(t *testing.T, how byte, in []byte) {
		generation := wire.Generations[int(how&0x7F)%len(wire.Generations)]
		picc := newSim(t, generation)
		before := picc.Image().Encode()
		a := fuzzair.New(picc, nil)
		card := connect(t, a)
		a.Log = nil
		var moves []fuzzair.Move
		for _, m := range fuzzair.Moves(in, 16) {
			m.After *= 16 // a run has hundreds of exchanges
			moves = append(moves, m)
		}
		a.Play(moves)
		wipe := how&0x80 != 0
		var cf selftest.Config
		if wipe {
			cf.WipeCard, cf.Lasting = uid, true
		}
		r, err := selftest.Run(t.Context(), card, conf(cf))
		if err != nil {
			if len(moves) == 0 {
				t.Fatal(err)
			}
			return
		}
		if len(moves) == 0 {
			complain(t, r)
		}
		if alone := slices.ContainsFunc(moves, func(m fuzzair.Move) bool { return m.Kind == fuzzair.FlipCommand }); !wipe && !alone && !bytes.Equal(picc.Image().Encode(), before) {
			t.Error("the card was changed without permission")
		}
		at := 0
		for _, s := range r.Steps {
			for _, e := range s.Exchanges {
				for ; at < len(a.Log) && (len(a.Log[at].Command) != e.Sent || len(a.Log[at].Answer) != e.Received); at++ {
				}
				if at == len(a.Log) {
					t.Fatalf("%s tells an exchange that was not: %+v", s.ID, e)
				}
				at++
			}
		}
		again, err := selftest.ReadReport(r.Encode())
		if err != nil || again.Count(selftest.Pass) != r.Count(selftest.Pass) || again.Failed() != r.Failed() {
			t.Fatalf("the report reads otherwise: %v", err)
		}
	})
}
