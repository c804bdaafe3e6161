package purseproof

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/go-desfire/desfire/purse"
)

// clock is the time of a world: it goes on by a second whenever it is asked.
func (w *world) clock() time.Time {
	w.now = w.now.Add(time.Second)
	return w.now
}

// reports are those of all terminals; complete tells whether they have everything.
func (w *world) reports(r *rand.Rand, complete bool) (all []purse.Report) {
	w.now = w.now.Add(time.Hour)
	for _, tm := range w.terms {
		until := purse.At(w.now)
		if !complete && r.IntN(2) == 0 {
			if r.IntN(2) == 0 {
				continue
			}
			until = purse.Time{}
		}
		x, err := purse.ReportOf(context.Background(), tm.journal, w.nameOf(tm), until)
		if err != nil {
			w.t.Fatal(err)
		}
		if until.IsZero() && len(x.Entries) > 0 { // part of it
			x.Entries = x.Entries[:r.IntN(len(x.Entries)+1)]
		}
		all = append(all, *x)
	}
	return all
}

func (w *world) nameOf(tm *terminal) string {
	return w.lay.conf(tm.number, nil, nil).Terminal
}

func (w *world) centre() *purse.Centre {
	var uids [][]byte
	for _, p := range w.cards {
		uids = append(uids, p.uid)
	}
	c := &purse.Centre{Keys: w.lay.keys(true, uids...)}
	for _, tm := range w.terms {
		c.Holders = append(c.Holders, w.nameOf(tm))
	}
	return c
}

// reconcile compares what a centre decides with what the cards did, and returns
// how much it leaves in doubt.
func (w *world) reconcile(reports []purse.Report, what string) (doubt map[purse.Rule]int, alarms int) {
	doubt = map[purse.Rule]int{}
	books, err := purse.Reconcile(context.Background(), w.centre(), reports)
	if err != nil {
		w.fault("the centre, %s: %v", what, err)
		return doubt, 0
	}
	for i := range books.Cards {
		alarms += len(books.Cards[i].Alarms)
		for _, x := range books.Cards[i].Entries {
			o, is := x.Outcome, w.cardOf(&x.Entry).truth(&x.Entry)
			switch {
			case o.Decision == purse.Happened && is != whole, o.Decision == purse.DidNot && is != none:
				w.fault("the centre, %s: %v %v: %v by rule %s (%s), and in truth it %v", what, x.Entry.ID, x.Entry.Moves, o.Decision, o.Rule, o.Why, is)
			case o.Decision == purse.InDoubt:
				doubt[o.Rule]++
			}
		}
	}
	return doubt, alarms
}
