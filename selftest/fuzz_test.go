package selftest_test

import (
	"bytes"
	"testing"

	"github.com/go-desfire/desfire"
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

// FuzzAnswers changes answers of the card: a run always ends with a report.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte{3, 0x91, 0xAF}, byte(1))
	f.Add([]byte{0xFF, 0x00}, byte(5))
	f.Fuzz(func(t *testing.T, noise []byte, every byte) {
		if len(noise) == 0 {
			return
		}
		generation := wire.Generations[int(noise[0])%len(wire.Generations)]
		m := &meddler{Activation: newSim(t, generation).Present()}
		card, err := desfire.Connect(t.Context(), m, nil)
		if err != nil {
			return
		}
		m.answer = func(n int, _, a []byte) ([]byte, error) {
			if n%(int(every)+2) == 0 && n > 20 {
				for i := range a {
					a[i] ^= noise[(n+i)%len(noise)]
				}
			}
			return a, nil
		}
		r, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: uid, Only: "value.*,list.*,auth.*,fixed.*"}))
		if err == nil {
			r.Encode()
		}
	})
}
