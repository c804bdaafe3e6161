package purseproof

import (
	"context"
	"errors"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// What a relay does.
var relayScenarios = []scenario{
	{
		no: 1, name: "answer to the debit lost, selection forged, once more", on: pairs(hard, "value, exclusive", "slot", "record", "TMAC", keyed, "TMAC and slot"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsDebit)
			for j.f.moves == nil { // the begin fence
				j.pass(s.p)
				j.until(s.p, wire.InsDebit)
			}
			_, _ = s.p.deliver(j.f)
			j.give(nil, lostFrame)
			j.run(s.p)
			s.a.present()
			j = s.forged(s.a.debit("x", 5))
			for range 3 {
				if j.failed == nil {
					break
				}
				s.a.present()
				j = s.a.debit("x", 5).run(s.p)
			}
			if j.failed != nil {
				s.Error(j.failed)
			}
			s.holds(startsAt - 5)
		},
	},
	{
		no: 2, name: "the relay commits what the terminal did not", on: pairs(hard, "slot"),
		play: func(s *scene) {
			s.killed(s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction))
			s.otherCommits()
			s.holds(startsAt - 5)
			s.settled(s.a)
		},
		want: purse.Happened, rule: purse.RuleSlot,
	},
	{
		no: 2, name: "the relay commits what the terminal did not, record", on: pairs(hard, "record"),
		play: func(s *scene) {
			s.killed(s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction))
			s.otherCommits()
			s.holds(startsAt - 5)
			s.settled(s.a)
		},
		want: purse.Happened, rule: purse.RuleRecord,
	},
	{
		no: 2, name: "the relay commits what the terminal did not, transaction MAC", on: pairs(ev2s, keyed),
		play: func(s *scene) {
			s.killed(s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction))
			s.otherCommits()
			s.holds(startsAt - 5)
			s.settled(s.a)
		},
		want: purse.Happened, rule: purse.RuleTMV,
	},
	{
		no: 3, name: "everything that commits, after the settlement", on: pairs(ev2s, "TMAC"),
		play: func(s *scene) {
			s.torn(s.a, "x", 5)
			s.settled(s.a)
			s.y.r = seededRand(3)
			for range 60 {
				s.y.intrude(s.p)
			}
			s.y.tell(s.p, plainCommit)
			s.holds(startsAt)
		},
		want: purse.DidNot, rule: purse.RuleCounter,
	},
	{
		no: 4, name: "equal debits of two terminals", on: pairs(hard, "slot"),
		play: func(s *scene) {
			if s.w.lay.gen.Has(wire.FeatureTMAC) {
				s.refused("Others", func(c *purse.Config) {
					c.Slot, c.TMAC = nil, &purse.TMAC{File: layoutOf("EV2", sealed).file(tmacNo)}
				})
			}
			s.torn(s.a, "x", 5)
			s.paid(s.b, "y", 5)
			s.settled(s.a)
			s.holds(startsAt - 5)
		},
		want: purse.DidNot, rule: purse.RuleSlot,
	},
	{
		no: 8, name: "two transactions at once: the second names itself", on: pairs(ev2s, "TMAC and slot"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction)
			if j := s.forged(s.b.debit("y", 5)); j.failed == nil {
				s.holds(startsAt - 5) // the refusal dropped what was pending, and B began anew
			} else {
				s.holds(startsAt)
			}
			s.killed(j)
			before := s.p.value()
			s.y.tell(s.p, plainCommit)
			s.holds(before)
			s.settled(s.a)
		},
		want: purse.DidNot, rule: purse.RuleSlot,
	},
	{
		no: 8, name: "two transactions at once: slots", on: pairs(hard, "slot"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction)
			k := s.forged(s.b.debit("y", 5))
			s.killed(j)
			s.holds(startsAt - 10)
			if k.failed != nil {
				s.Errorf("the second: %v", k.failed)
			}
			s.settled(s.a)
		},
		want: purse.Happened, rule: purse.RuleSlot,
	},
	{
		no: 8, name: "records without a begin fence", on: pairs(hard, "record"),
		play: func(s *scene) { s.refused("Record", func(c *purse.Config) { c.BeginFence = false }) },
	},
	{
		no: 9, name: "a commit between dummy and abort", on: pairs(hard, "slot"),
		edit: func(img *sim.Image) { fileOf(img, valueNo).Value.Value = 0 },
		play: func(s *scene) {
			j := s.a.do(purse.Order{ID: "x", Moves: s.w.moves(purse.Credit, 5)}).until(s.p, wire.InsCommitTransaction)
			j.lose()
			j.run(s.p)
			s.a.present()
			j = s.a.settle().until(s.p, wire.InsAbortTransaction)
			s.y.tell(s.p, plainCommit)
			j.run(s.p)
			if j.failed != nil {
				s.Error(j.failed)
			}
			s.holds(0)
		},
		want: purse.DidNot, rule: purse.RuleSlot,
	},
	{
		no: 10, name: "forged answers to the abort and the naming", on: pairs(hard, "slot", "TMAC"),
		play: func(s *scene) {
			s.torn(s.a, "x", 5)
			for _, ins := range []byte{wire.InsAbortTransaction, wire.InsCommitReaderID} {
				if ins == wire.InsCommitReaderID && !s.w.lay.tmac {
					continue
				}
				for _, forged := range [][]byte{{0x91, 0}, {0x91, 0x0C}, {0x91, 0x9D}, append(make([]byte, 8), 0x91, 0), append(make([]byte, 24), 0x91, 0)} {
					s.a.present()
					j := s.a.settle()
					for !j.done && !j.hangs() {
						if j.f != nil && j.f.ins() == ins {
							j.give(slices.Clone(forged), nil)
							continue
						}
						j.pass(s.p)
					}
					if o := s.a.entries()[0].Outcome(); j.failed == nil || o != nil && o.Decision != purse.InDoubt {
						s.Errorf("%X to %X: settled", forged, ins)
					}
				}
			}
			s.settled(s.a)
			if o := s.a.entries()[0].Outcome(); o.Decision != purse.DidNot {
				s.Errorf("%v", o.Decision)
			}
		},
	},
	{
		no: 11, name: "D40", on: [][2]string{{"D40", "slot"}, {"D40", "record"}, {"D40", "value, exclusive"}},
		play: func(s *scene) {
			for _, m := range []bool{true, false} {
				field := "Method"
				if !m {
					field = "Generation"
				}
				s.refused(field, func(c *purse.Config) {
					if c.Policy, c.BeginFence = purse.Hostile, true; !m {
						c.Method = nil
					}
				})
			}
			// A swallowed debit and a forged commit: whoever excludes relays is told that
			// this is no proof.
			j := s.a.debit("x", 5)
			for !j.done && !j.hangs() {
				if j.f != nil && slices.Contains([]byte{wire.InsDebit, wire.InsWriteData, wire.InsWriteRecord, wire.InsCommitTransaction}, j.f.ins()) {
					j.give([]byte{0x91, 0}, nil)
					continue
				}
				j.pass(s.p)
			}
			if j.failed != nil || j.receipt.Entry.Outcome().RelayExcluded {
				s.Errorf("%v %+v", j.failed, j.receipt)
			}
			s.holds(startsAt)
			s.w.terms = s.w.terms[1:] // it is wrong, and says that it may be
		},
	},
	{
		no: 12, name: "a commit between the naming and the debit", on: pairs(ev2s, keyed),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsDebit)
			s.otherCommits()
			j.run(s.p)
			s.settled(s.a)
			s.holds(startsAt)
		},
		want: purse.InDoubt, rule: purse.RuleReceipt, alarm: purse.RuleReceipt,
	},
	{
		no: 13, name: "a commit between receipt and movement", on: pairs(hard, "slot", "record"),
		play: func(s *scene) {
			j := s.toMove()
			s.otherCommits()
			j.run(s.p)
			s.settled(s.a)
			s.holds(startsAt)
		},
		want: purse.InDoubt, rule: purse.RuleReceipt, alarm: purse.RuleReceipt,
	},
	{
		no: 13, name: "nothing committed between receipt and movement", on: pairs(hard, "slot"),
		play: func(s *scene) {
			j := s.toMove()
			j.lose()
			j.run(s.p)
			s.settled(s.a)
			s.holds(startsAt)
		},
		want: purse.DidNot, rule: purse.RuleSlot,
	},
	{
		no: 31, name: "a fence elsewhere where two applications can be selected", on: pairs([]string{"EV1 AES on EV3"}, "slot"),
		play: func(s *scene) {
			s.torn(s.a, "x", 5)
			s.a.change = func(c *purse.Config) {
				m := s.w.lay.method
				c.Elsewhere = &purse.Elsewhere{Place: wire.Place{AID: 0xF48122}, Method: &m}
				keys := s.w.lay.keys(false, s.p.uid)
				for r, k := range keys {
					if r.Place.IsCard() {
						r.Place = c.Elsewhere.Place
						keys[r] = k
						break
					}
				}
				c.Keys = keys
			}
			c := s.w.lay.conf(0, s.a.journal, s.a.keys)
			s.a.change(&c)
			if _, err := purse.Open(c); err != nil {
				if !errors.As(err, new(*purse.ConfigError)) {
					s.Error(err)
				}
				return
			}
			s.a.open()
			if j := s.settled(s.a); !errors.As(j.failed, new(*desfire.FenceError)) {
				s.Errorf("%v, want no fence", j.failed)
			}
		},
	},
	{
		no: 32, name: "the relay commits the settlement's own name", on: pairs(ev2s, keyed),
		play: settlementCommitted,
		want: purse.DidNot, rule: purse.RuleOtherOwner,
	},
	{
		no: 32, name: "the relay commits the settlement's own name, slot", on: pairs(ev2s, "TMAC and slot"),
		play: settlementCommitted,
		want: purse.DidNot, rule: purse.RuleSlot,
	},
	{
		no: 32, name: "the relay commits the settlement's own name, no key", on: pairs(ev2s, "TMAC"),
		play: settlementCommitted,
		want: purse.InDoubt, rule: purse.RuleNoKey,
	},
}

// toMove debits until the movement waits.
func (s *scene) toMove() *job {
	j := s.a.debit("x", 5).until(s.p, wire.InsDebit)
	for !j.done && j.f.moves == nil {
		j.pass(s.p)
		j.until(s.p, wire.InsDebit)
	}
	return j
}

func settlementCommitted(s *scene) {
	s.torn(s.a, "x", 5)
	j := s.a.settle().until(s.p, wire.InsCommitReaderID)
	j.pass(s.p)
	ctx := context.Background()
	if c := s.y.session(s.p, false); c == nil || c.Commit(ctx) != nil {
		s.Error("the relay could not commit")
	}
	j.run(s.p)
	s.settled(s.a)
	s.holds(startsAt)
}
