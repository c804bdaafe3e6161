package purseproof

import (
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// A relay has the name committed alone, between the key that names and the key that
// moves. Where a chip puts the session aside then, the movements are confirmed all
// the same: the card names the change as its last transaction, and it did not happen.
func TestCommittedBetweenTwoKeys(t *testing.T) {
	for _, name := range []string{"EV2", "EV2 on EV3", "LRP"} {
		for _, resumes := range []bool{false, true} {
			for _, key := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, put aside %v, key %v", name, resumes, key), func(t *testing.T) {
					l := layoutOf(name, "TMAC, two keys")
					l.resumes, l.tmKey = resumes, key
					w := newWorld(t, l, 1, 1, 2)
					s := &scene{T: t, w: w, a: w.terms[0], b: w.terms[1], p: w.cards[0]}
					s.y = &relay{w: w, at: map[*terminal]*plastic{}}
					s.paid(s.a, "x", 5)
					// The session goes on, so that the counter is not read again.
					j := s.a.debit("y", 5).until(s.p, wire.InsCommitReaderID)
					j.pass(s.p)
					j.until(s.p, wire.InsAuthenticateEV2NonFirst)
					s.y.tell(s.p, j.f.bytes)
					s.y.tell(s.p, plainCommit) // which breaks it off
					s.y.tell(s.p, plainCommit)
					j.run(s.p)
					begun := s.a.entries()[1:]
					switch {
					case !resumes && len(begun) != 0:
						t.Errorf("begun after the session was broken: %+v", begun[0])
					case resumes && (len(begun) != 1 || !begun[0].AllAcked() || begun[0].Outcome() == nil || begun[0].Outcome().Decision == purse.Happened):
						t.Errorf("%v: %+v", j.failed, begun)
					}
					s.holds(startsAt - 5)
					w.check()
					if doubt, _ := w.reconcile(w.reports(seededRand(1), true), "all reports"); len(doubt) > 1 {
						t.Errorf("in doubt at the centre: %v", doubt)
					}
					w.report()
				})
			}
		}
	}
}

// Each exchange of a change and of its settlement is cut, before the card and after
// it; the others of the matrix are a sample.
func TestTwoKeysCut(t *testing.T) {
	for _, l := range layouts() {
		if !l.two {
			continue
		}
		t.Run(l.String(), func(t *testing.T) {
			for _, x := range purseJobs {
				n := new(mishap).play(t, l, &x, 0)
				for at := 1; at <= n; at++ {
					for i := range mishaps[:4] {
						if mishaps[i].play(t, l, &x, at); t.Failed() {
							return
						}
					}
				}
			}
		})
	}
}
