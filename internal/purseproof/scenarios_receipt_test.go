package purseproof

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func fullCounter(img *sim.Image) { fileOf(img, tmacNo).TMAC.Counter = 0xFFFF }

// rolled debits more than the record file shows.
func rolled(s *scene) {
	for i := range showing + 2 {
		s.paid(s.b, fmt.Sprint("y", i), 1)
	}
}

// Records, transaction MACs, several files.
var receiptScenarios = []scenario{
	{
		no: 5, name: "the session read before the transaction", on: pairs(ev2s, keyed),
		play: func(s *scene) {
			s.a.start("look", func(ctx context.Context, card *desfire.Card) (*purse.Receipt, error) {
				_, err := s.a.purse.Look(ctx, card)
				return nil, err
			}).run(s.p)
			s.unheardIn(s.a, "x", 5)
			s.settled(s.a)
			s.holds(startsAt - 5)
		},
		want: purse.Happened, rule: purse.RuleTMV,
	},
	{
		no: 14, name: "the marker is still shown", on: pairs(hard, "record"),
		play: func(s *scene) {
			s.paid(s.b, "y", 5)
			s.torn(s.a, "x", 5)
			s.paid(s.b, "z", 5)
			s.settled(s.a)
		},
		want: purse.DidNot, rule: purse.RuleRecord,
	},
	{
		no: 14, name: "the file was empty and is not full", on: pairs(hard, "record"),
		play: func(s *scene) {
			s.torn(s.a, "x", 5)
			s.settled(s.a)
		},
		want: purse.DidNot, rule: purse.RuleRecord,
	},
	{
		no: 14, name: "the file was empty, and may have been cleared since", on: pairs(hard, "record"),
		set: func(l *layout) { l.clearable = true },
		play: func(s *scene) {
			s.unheard(s.a, "x", 5)
			s.direct(func(ctx context.Context, c *desfire.Card) error {
				_, err := c.Transact(ctx, func() error { return c.ClearRecordFile(ctx, recordNo) })
				return err
			})
			s.settled(s.a)
		},
		want: purse.InDoubt, rule: purse.RuleBothWays,
	},
	{
		no: 14, name: "the record has left the file", on: pairs(hard, "record"),
		play: func(s *scene) {
			s.unheard(s.a, "x", 5)
			rolled(s)
			s.settled(s.a)
		},
		want: purse.InDoubt, rule: purse.RuleBothWays,
	},
	{
		no: 14, name: "the marker has left the file", on: pairs(hard, "record"),
		play: func(s *scene) {
			s.paid(s.b, "before", 5)
			s.torn(s.a, "x", 5)
			rolled(s)
			s.settled(s.a)
		},
		want: purse.InDoubt, rule: purse.RuleBothWays,
	},
	{
		no: 14, name: "the file was cleared", on: pairs(hard, "record"),
		set: func(l *layout) { l.clearable = true },
		play: func(s *scene) {
			s.paid(s.b, "before", 5)
			s.torn(s.a, "x", 5)
			s.direct(func(ctx context.Context, c *desfire.Card) error {
				_, err := c.Transact(ctx, func() error { return c.ClearRecordFile(ctx, recordNo) })
				return err
			})
			s.settled(s.a)
		},
		want: purse.InDoubt, rule: purse.RuleReceipt, alarm: purse.RuleReceipt,
	},
	{
		no: 14, name: "the marker stands there twice", on: pairs(hard, "record"),
		play: func(s *scene) {
			s.paid(s.b, "before", 5)
			f := s.p.file(recordNo)
			last := append([]byte(nil), f.Records[len(f.Records)-1]...)
			s.torn(s.a, "x", 5)
			s.direct(func(ctx context.Context, c *desfire.Card) error {
				_, err := c.Transact(ctx, func() error { return c.WriteRecord(ctx, recordNo, 0, last) })
				return err
			})
			s.settled(s.a)
		},
		want: purse.InDoubt, rule: purse.RuleBothWays,
	},
	{
		no: 15, name: "the transaction MAC file was made anew", on: pairs(ev2s, "TMAC"),
		play: func(s *scene) {
			s.torn(s.a, "x", 5)
			s.p.remake(s, anew)
			s.settled(s.a)
		},
		want: purse.InDoubt, rule: purse.RuleOtherHistory, alarm: purse.RuleOtherHistory, blocked: true,
	},
	{
		no: 15, name: "the transaction MAC file was made anew, counter 0 before", on: pairs(ev2s, "TMAC"),
		set: func(l *layout) { l.fresh = true },
		play: func(s *scene) {
			s.unheard(s.a, "x", 5)
			s.p.remake(s, anew)
			s.settled(s.a)
		},
		want: purse.InDoubt, rule: purse.RuleOtherHistory, alarm: purse.RuleOtherHistory, blocked: true,
	},
	{
		no: 18, name: "ours was the last number that there is", on: pairs([]string{"EV2", "EV2 on EV3"}, keyed),
		edit: func(img *sim.Image) {
			t := fileOf(img, tmacNo).TMAC
			n := t.Counter + 1
			t.Limit = &n
		},
		play: func(s *scene) {
			s.unheard(s.a, "x", 5)
			s.settled(s.a)
			s.holds(startsAt - 5)
		},
		want: purse.Happened, rule: purse.RuleTMV,
	},
	{
		no: 19, name: "the first commits of LRP, around FFFF", on: pairs([]string{"LRP"}, "TMAC", keyed),
		edit: fullCounter,
		play: func(s *scene) {
			for i := range 3 {
				s.paid(s.a, fmt.Sprint("x", i), 5)
				s.paid(s.b, fmt.Sprint("y", i), 5)
			}
			s.torn(s.a, "z", 5)
			s.settled(s.a)
			s.holds(startsAt - 30)
			for _, e := range s.a.entries() {
				if o := e.Outcome(); o.Decision == purse.InDoubt || len(o.Alarms) > 0 {
					s.Errorf("%v %+v", o.Decision, o.Alarms)
				}
			}
		},
		want: purse.Happened, rule: purse.RuleCommit,
	},
	{
		no: 22, name: "one of two files moved", on: pairs(hard, "two values, exclusive"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsDebit)
			j.pass(s.p)
			s.otherCommits()
			j.run(s.p)
			s.settled(s.a)
			s.holds(startsAt - 5)
		},
		want: purse.InDoubt, rule: purse.RuleOtherHistory, alarm: purse.RuleOtherHistory, blocked: true,
	},
}

// anew deletes the transaction MAC file and makes it again, as an administrator does.
func anew(img *sim.Image) {
	t := fileOf(img, tmacNo).TMAC
	t.Counter, t.Value, t.ReaderID = 0, make(sim.Hex, 8), make(sim.Hex, 16)
}
