package purseproof

import (
	"context"
	"time"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// What only the centre decides.
var centreScenarios = []scenario{
	{
		no: 7, name: "late reports", on: pairs(ev2s, "TMAC"),
		play: func(s *scene) {
			s.torn(s.a, "x", 5)
			s.paid(s.b, "y", 5) // n is B's
			s.settled(s.a)
			a, b := s.reported(s.a), s.reported(s.b)
			s.centre(purse.InDoubt, "", a)
			s.centre(purse.DidNot, purse.RuleOtherOwner, a, b)
			s.centre(purse.DidNot, purse.RuleOtherOwner, b, a, b)
		},
		want: purse.InDoubt, rule: purse.RuleNoKey,
	},
	{
		no: 7, name: "a report of the number after", on: pairs(ev2s, "TMAC"),
		play: func(s *scene) {
			s.unheard(s.a, "x", 5) // n is ours, and nobody here can tell
			s.paid(s.b, "y", 5)    // n + 1
			s.settled(s.a)
			s.centre(purse.InDoubt, "", s.bare(s.a))
			s.centre(purse.Happened, purse.RuleTMV, s.bare(s.a), s.reported(s.b))
		},
		want: purse.InDoubt, rule: purse.RuleNoKey,
	},
	{
		no: 17, name: "a clone with the same keys", on: pairs(ev2s, "TMAC"),
		play: func(s *scene) {
			clone := plasticOf(s, s.w.lay, s.p.uid, s.p.picc.Image().Encode(), 5, nil)
			s.paid(s.a, "x", 5)
			original := s.p
			s.p = clone
			s.paid(s.b, "y", 7)
			s.p = original
			books, err := purse.Reconcile(context.Background(), s.w.centre(), []purse.Report{s.reported(s.a), s.reported(s.b)})
			if err != nil {
				s.Fatal(err)
			}
			found := false
			for _, a := range books.Cards[0].Alarms {
				found = found || a.Rule == purse.RuleOtherHistory && a.Block
			}
			if !found {
				s.Errorf("nobody is told: %+v", books.Cards[0].Alarms)
			}
			s.w.terms = s.w.terms[:1] // the other's card is not one of the world
		},
		want: purse.Happened, rule: purse.RuleCommit,
	},
	{
		no: 12, name: "a commit between the naming and the debit, at the centre", on: pairs(ev2s, "TMAC"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsDebit)
			s.otherCommits()
			j.run(s.p)
			s.settled(s.a)
			s.holds(startsAt)
			s.centre(purse.DidNot, purse.RuleMerged, s.reported(s.a))
		},
		want: purse.InDoubt, rule: purse.RuleNoKey,
	},
	{
		no: 28, name: "closed books with two open changes that are equal", on: pairs(hard, "value, others debit"),
		play: func(s *scene) {
			s.torn(s.a, "x", 5)
			s.unheard(s.b, "y", 5)
			s.settled(s.a)
			s.settled(s.b)
			s.holds(startsAt - 5)
			s.centre(purse.InDoubt, "", s.reported(s.a), s.reported(s.b))
		},
	},
	{
		no: 28, name: "closed books with one open change", on: pairs(hard, "value, others debit"),
		play: func(s *scene) {
			s.unheard(s.a, "x", 5)
			s.later()
			s.paid(s.b, "y", 5)
			s.later()
			s.settled(s.a)
			s.holds(startsAt - 10)
			s.centre(purse.Happened, purse.RuleClosedBooks, s.reported(s.a), s.reported(s.b))
			s.centre(purse.InDoubt, "", s.reported(s.a))
		},
	},
	{
		no: 29, name: "a refund without proof, and evidence that comes later", on: pairs(ev2s, "TMAC"),
		play: func(s *scene) {
			s.unheard(s.a, "x", 5)
			s.paid(s.b, "y", 5)
			s.settled(s.a)
			id := s.a.entries()[0].ID
			if _, err := s.a.purse.Decide(context.Background(), id, purse.DidNot, "the customer was refunded"); err != nil {
				s.Error(err)
			}
			s.centre(purse.Happened, "", s.reported(s.a), s.reported(s.b))
		},
	},
}

// later lets an hour pass, so that all clocks agree about the order.
func (s *scene) later() { s.w.now = s.w.now.Add(time.Hour) }

// reported is all that a terminal reports now.
func (s *scene) reported(tm *terminal) purse.Report {
	s.w.now = s.w.clock().AddDate(0, 0, 1)
	r, err := purse.ReportOf(context.Background(), tm.journal, s.w.nameOf(tm), purse.At(s.w.now))
	if err != nil {
		s.Fatal(err)
	}
	return *r
}

// bare is the report of a terminal that never met the card again.
func (s *scene) bare(tm *terminal) purse.Report {
	r := s.reported(tm)
	for i := range r.Entries {
		r.Entries[i].Outcomes = nil
	}
	return r
}

// centre reconciles, and compares what becomes of A's first change; an empty rule
// is any.
func (s *scene) centre(want purse.Decision, rule purse.Rule, reports ...purse.Report) {
	s.Helper()
	books, err := purse.Reconcile(context.Background(), s.w.centre(), reports)
	if err != nil {
		s.Error(err)
		return
	}
	id := s.a.entries()[0].ID
	for _, c := range books.Cards {
		for _, x := range c.Entries {
			if o := x.Outcome; x.Entry.ID == id && (o.Decision != want || rule != "" && o.Rule != rule) {
				s.Errorf("the centre, %d reports: %v by rule %s (%s), want %v by rule %s", len(reports), o.Decision, o.Rule, o.Why, want, rule)
			}
		}
	}
}
