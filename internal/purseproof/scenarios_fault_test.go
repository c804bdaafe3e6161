package purseproof

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func scenarioName(x *scenario, on [2]string) string {
	return fmt.Sprintf("%02d %s/%s, %s", x.no, x.name, on[0], on[1])
}

// pairs are all of some channels with all of some receipts, as far as they exist.
func pairs(channels []string, receipts ...string) (all [][2]string) {
	for _, c := range channels {
		for _, r := range receipts {
			if layoutOf(c, r).possible() {
				all = append(all, [2]string{c, r})
			}
		}
	}
	return all
}

var (
	ev1s   = []string{"EV1 DES", "EV1 3K3DES", "EV1 AES", "EV1 AES on EV3"}
	ev2s   = []string{"EV2", "EV2 on EV3", "LRP"}
	ev2    = []string{"EV2"}
	hard   = append(append([]string(nil), ev1s...), ev2s...)
	keyed  = "TMAC, key at the terminal"
	sealed = "TMAC without names, slot"
)

// Lost frames, lost power, and programs that end.
var faultScenarios = []scenario{
	{
		no: 23, name: "an amount of 0", on: pairs(ev2, "slot"),
		play: func(s *scene) {
			if j := s.a.debit("x", 0).run(s.p); !errors.As(j.failed, new(*purse.RequestError)) || len(s.a.entries()) > 0 {
				s.Errorf("%v", j.failed)
			}
		},
	},
	{
		no: 24, name: "a refund, its commit unheard, exactly once", on: pairs(hard, "slot", "record", keyed),
		play: func(s *scene) {
			s.paid(s.a, "fare", 5)
			refund := purse.Order{ID: "refund", Moves: s.w.moves(purse.LimitedCredit, 5)}
			j := s.a.do(refund).until(s.p, wire.InsCommitTransaction)
			_, _ = s.p.deliver(j.f)
			j.give(nil, lostFrame)
			j.run(s.p)
			for range 2 {
				s.a.present()
				if j := s.a.do(refund).run(s.p); j.failed != nil || j.receipt.Decision() != purse.Happened {
					s.Errorf("the refund again: %v", j.failed)
				}
			}
			s.holds(startsAt)
			credit := purse.Order{ID: "load", Moves: s.w.moves(purse.Credit, 50)}
			if j := s.a.do(credit).run(s.p); j.failed != nil {
				s.Error(j.failed)
			}
			s.holds(startsAt + 50)
		},
		want: purse.Happened, rule: purse.RuleCommit,
	},
	{
		no: 25, name: "power lost before the commit", on: pairs(hard, "slot"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction)
			s.p.powerCycle()
			j.give(nil, &gone{true})
			s.settled(s.a)
			s.holds(startsAt)
		},
		want: purse.DidNot, rule: purse.RuleSlot,
	},
	{
		no: 25, name: "power lost after the commit", on: pairs(hard, "slot"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction)
			_, _ = s.p.deliver(j.f)
			s.p.powerCycle()
			j.give(nil, &gone{true})
			s.settled(s.a)
			s.holds(startsAt - 5)
		},
		want: purse.Happened, rule: purse.RuleSlot,
	},
	{
		no: 25, name: "the memory fails at the commit", on: pairs(hard, "slot"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction)
			s.p.picc.Inject(sim.Fault{Exchange: 1, Kind: sim.FailWrite})
			j.run(s.p)
			s.settled(s.a)
			s.holds(startsAt)
		},
		want: purse.DidNot, rule: purse.RuleSlot,
	},
	{
		no: 25, name: "the answer to the commit is cut by a byte", on: pairs(hard, "slot", "TMAC and slot"),
		play: func(s *scene) {
			j := s.a.debit("x", 5).until(s.p, wire.InsCommitTransaction)
			answer, err := s.p.deliver(j.f)
			j.give(answer[:len(answer)-1], err)
			j.run(s.p)
			s.settled(s.a)
			s.holds(startsAt - 5)
		},
		want: purse.Happened, rule: purse.RuleSlot,
	},
	{
		no: 27, name: "the lease is lost in the middle", on: pairs(hard, "value, lease"),
		play: func(s *scene) {
			s.leased(s.a)
			s.torn(s.a, "x", 5)
			s.leased(s.b)
			s.paid(s.b, "y", 5)
			s.leased(s.a)
			s.settled(s.a)
			s.holds(startsAt - 5)
		},
		want: purse.InDoubt, rule: purse.RuleNone,
	},
	{
		no: 21, name: "two purses in one application", on: pairs(ev2, "two values, exclusive"),
		set: func(l *layout) { l.values = 2 },
		play: func(s *scene) {
			one := func(no wire.FileNo) func(ctx context.Context, card *desfire.Card) (*purse.Receipt, error) {
				return func(ctx context.Context, card *desfire.Card) (*purse.Receipt, error) {
					return s.a.purse.Do(ctx, card, purse.Order{Moves: []purse.Move{{File: no, Kind: purse.Debit, Amount: 5}}})
				}
			}
			swap := func(first, second wire.FileNo) {
				s.a.change = func(c *purse.Config) {
					c.Values = []purse.File{s.w.lay.file(first), s.w.lay.file(second)}
				}
				s.a.open()
			}
			swap(valueNo, secondNo)
			j := s.a.start("debit of one", one(valueNo)).until(s.p, wire.InsCommitTransaction)
			s.killed(j)
			swap(secondNo, valueNo)
			// What is open is settled first, whichever file it moves.
			if j := s.a.start("debit of the other", one(secondNo)).run(s.p); j.failed != nil {
				s.Error(j.failed)
			}
			s.holds(startsAt)
			open := 0
			for _, e := range s.a.entries() {
				if e.IsOpen() {
					open++
				}
			}
			if open > 0 {
				s.Errorf("%d entries are open", open)
			}
		},
		want: purse.DidNot, rule: purse.RuleValue,
	},
}

func (s *scene) leased(tm *terminal) {
	x := string(s.p.uid)
	s.w.lease[x] = leased{tm, s.w.lease[x].epoch + 1}
}
