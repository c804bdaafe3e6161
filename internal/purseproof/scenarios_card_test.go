package purseproof

import (
	"errors"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// Which card it is, and what Open refuses.
var cardScenarios = []scenario{
	{
		no: 6, name: "a random identifier", on: pairs(hard, "slot"),
		set: func(l *layout) { l.randomID = true },
		play: func(s *scene) {
			s.unheard(s.a, "x", 5)
			s.settled(s.a)
			if e := s.a.entries()[0]; e.UIDProof != purse.UIDBySession {
				s.Errorf("the UID is proved by %q", e.UIDProof)
			}
		},
		want: purse.Happened, rule: purse.RuleSlot,
	},
	{
		no: 16, name: "a key that is also elsewhere", on: pairs(hard, "slot"),
		play: func(s *scene) {
			s.refused("Keys", func(c *purse.Config) {
				keys := s.w.lay.keys(false, s.p.uid)
				keys[keystore.Ref{Key: keystore.Number(0)}] = keystore.Given{Key: s.w.lay.keyNo(1, s.p.uid)}
				c.Keys = keys
			})
		},
	},
	{
		no: 26, name: "a journal from before", on: pairs(hard, "slot"),
		play: func(s *scene) {
			m := newMortal(s.w, "restored")
			s.a.journal = m
			s.a.open()
			s.paid(s.a, "x", 5)
			restored := m.after()
			s.paid(s.a, "y", 5)
			s.a.journal = restored
			s.a.open()
			if j := s.a.debit("z", 5).run(s.p); !errors.As(j.failed, new(*purse.BlockedError)) {
				s.Errorf("%v, want a blocked card", j.failed)
			}
			s.holds(startsAt - 10)
		},
	},
	{
		no: 17, name: "another card in its place", on: pairs(hard, "slot", "value, exclusive", "record"),
		set: func(l *layout) { l.randomID = true },
		play: func(s *scene) {
			s.torn(s.a, "x", 5)
			other := s.w.cards[1]
			s.a.present()
			j := s.a.settle().run(other)
			if j.failed != nil || j.receipt != nil {
				s.Errorf("settled on another card: %v %+v", j.failed, j.receipt)
			}
			// Swapped between finding out which card it is, and settling.
			s.a.present()
			j = s.a.settle().until(s.p, wire.InsGetCardUID)
			j.pass(s.p)
			for range 2 {
				j.run(other)
			}
			if o := s.a.entries()[0].Outcome(); o != nil && o.Decision != purse.InDoubt {
				s.Errorf("%v by %s on another card", o.Decision, o.Rule)
			}
			s.settled(s.a)
			if o := s.a.entries()[0].Outcome(); o == nil || o.Decision != purse.DidNot {
				s.Errorf("%+v", o)
			}
		},
	},
	{
		no: 20, name: "files that prove nothing", on: pairs(ev2, "TMAC and slot"),
		play: func(s *scene) {
			free := func(f *purse.File) { f.Settings.Access.Write = wire.Free }
			s.refused("Slot", func(c *purse.Config) { free(&c.Slot.File) })
			s.refused("Slot", func(c *purse.Config) { c.Slot.Settings.Type = wire.FileStandard })
			s.refused("Slot", func(c *purse.Config) { c.Slot.No |= 0x80 }) // of a secondary application
			s.refused("Slot", func(c *purse.Config) { c.Slot.Number = slots })
			s.refused("Values", func(c *purse.Config) { c.Values[0].Settings.Option &^= 3 })
			s.refused("Values", func(c *purse.Config) { c.Values[0].No |= 0x80 })
			s.refused("Values", func(c *purse.Config) { c.Values = append(c.Values, c.Values[0]) })
			s.refused("Values", func(c *purse.Config) { c.Values = nil })
			s.refused("TMAC", func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite = wire.Free })
			s.refused("TMAC", func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite = wire.Never })
			s.refused("TMAC", func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite = 3 })
			s.refused("NoKey", func(c *purse.Config) { c.NoKey = true })
			s.refused("BeginFence", func(c *purse.Config) {
				c.Slot, c.TMAC, c.Others, c.Lease = nil, nil, purse.OthersNothing, s.a
			})
			s.refused("Journal", func(c *purse.Config) { c.Journal = nil })
			c := s.w.lay.conf(0, purse.Memory(nil), s.a.keys)
			c.Values[0].Settings.Access = wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}
			p, err := purse.Open(c)
			if err == nil {
				s.a.purse = p
				err = s.a.debit("x", 5).run(s.p).failed
			}
			if !errors.As(err, new(*purse.ConfigError)) && !errors.As(err, new(*purse.RequestError)) {
				s.Errorf("a free value file: %v", err)
			}
			s.holds(startsAt)
		},
	},
}
