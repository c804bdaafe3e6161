package fleet

import (
	"fmt"
	"time"

	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
)

// judge ends all gates, gives their journals to a centre of its own, and compares what
// cards did with what journals, the answers to orders and the centre say.
func (s *storm) judge() {
	s.t.Helper()
	ctx := s.t.Context()
	var reports []purse.Report
	for _, g := range s.gates {
		g.stop()
		j, err := boltjournal.Open(g.journal, boltjournal.Options{Existing: true})
		if err != nil {
			s.t.Fatal(err)
		}
		r, err := purse.ReportOf(ctx, j, g.name, purse.At(time.Now()))
		if err != nil {
			s.t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			s.t.Fatal(err)
		}
		reports = append(reports, *r)
	}
	keys, err := keyring.Open(s.stock.keys, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	books, err := purse.Reconcile(ctx, &purse.Centre{Keys: keys, Proved: func(string) bool { return true }}, reports)
	if err != nil {
		s.t.Fatal(err)
	}
	judged := map[purse.ID]*purse.Judged{}
	decided := 0
	for i := range books.Cards {
		for k := range books.Cards[i].Entries {
			j := &books.Cards[i].Entries[k]
			judged[j.Entry.ID] = j
			if j.Changed {
				decided++
			}
		}
	}
	requests := map[string]purse.ID{}
	for _, p := range s.people {
		uid := fmt.Sprintf("%X", p.card.uid)
		value, moves := p.card.truth()
		happened := map[purse.ID]int64{}
		sum := int64(startsAt)
		for _, m := range moves {
			sum += m.by
			switch before, again := happened[m.id]; {
			case m.id.IsZero() || m.by == 0:
				s.t.Errorf("card %s: a commit moved %d, and wrote %v", uid, m.by, m.id)
			case again:
				s.t.Errorf("card %s: %v moved %d, and then %d", uid, m.id, before, m.by)
			}
			happened[m.id] = m.by
			if judged[m.id] == nil {
				s.t.Errorf("card %s: %v moved %d, and no journal has it", uid, m.id, m.by)
			}
		}
		if sum != int64(value) {
			s.t.Errorf("card %s holds %d, and its moves make %d: the test is wrong", uid, value, sum)
		}
		for id, j := range judged {
			if j.Entry.UID != uid {
				continue
			}
			by, did := happened[id]
			switch j.Outcome.Decision {
			case purse.Happened:
				if !did || by != j.Entry.Signed(valueFile) {
					s.t.Errorf("card %s: %v of %q is said to have happened by rule %v, and moved %d", uid, id, j.Entry.Request, j.Outcome.Rule, by)
				}
				if before, twice := requests[j.Entry.Request]; twice {
					s.t.Errorf("card %s: %q was made twice, as %v and %v", uid, j.Entry.Request, before, id)
				}
				requests[j.Entry.Request] = id
			case purse.DidNot:
				if did {
					s.t.Errorf("card %s: %v of %q is said not to have happened by rule %v, and moved %d", uid, id, j.Entry.Request, j.Outcome.Rule, by)
				}
			default:
				s.t.Errorf("card %s: %v of %q is in doubt in the centre: %v", uid, id, j.Entry.Request, j.Outcome.Why)
			}
		}
		for _, r := range p.receipts {
			if _, did := happened[r.Entry.ID]; !did {
				s.t.Errorf("card %s: %q has a receipt of %v, which the card does not know", uid, r.Entry.Request, r.Entry.ID)
			} else if requests[r.Entry.Request] != r.Entry.ID {
				s.t.Errorf("card %s: %q has a receipt of %v, which the centre does not know to have happened", uid, r.Entry.Request, r.Entry.ID)
			}
		}
		for _, o := range p.open {
			if _, did := requests[o.ID]; !did {
				s.t.Logf("card %s: %q at %s is known not to have happened, by the centre", uid, o.ID, o.at.name)
			}
		}
	}
	s.t.Logf("%d transactions in the journals, %d of them decided otherwise or only by the centre", len(judged), decided)
}
