package purse

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// SettleOther finds out, with the card, what became of a change that another journal began: of a
// terminal whose cards this purse takes as well. It makes sure first that nothing of the change can still
// happen. The journal stays as it is; the outcome, which may be in doubt and then has
// evidence for others, is for who has the entry. An error says that the card was not looked at, or was
// lost meanwhile, or is another one.
//
// Of the entry is believed what the other terminal alone can know: what it read, what it sent, and what was
// answered. What the configuration of this purse says as well counts as it stands here: which files there
// are and what protects them, who can move values, which keys there are.
func (p *Purse) SettleOther(ctx context.Context, card *desfire.Card, e *Entry) (*Outcome, error) {
	x, err := p.other(ctx, e)
	if err != nil {
		return nil, err
	}
	p.live = nil
	state, err := p.conf.Journal.State(ctx, x.CardApp)
	if err != nil {
		return nil, &JournalError{err}
	}
	for try := 0; ; try++ {
		ev, err := p.ask(ctx, card, x, false)
		if ev == nil {
			return nil, err
		}
		if !ev.SameCard {
			return nil, err
		}
		o := Decide(x, ev, state)
		o.Time = At(p.conf.Now())
		switch {
		case err == nil || o.Decision != InDoubt:
			return &o, nil
		case desfire.Lost(err) || ctx.Err() != nil || try == fences-1:
			return nil, err
		}
	}
}

// other is the entry of another journal as it is believed here.
func (p *Purse) other(ctx context.Context, e *Entry) (*Entry, error) {
	c := &p.conf
	if e == nil {
		return nil, &RequestError{"there is no entry"}
	}
	if err := e.check(); err != nil {
		return nil, &RequestError{fmt.Sprintf("the entry %v of another journal: %v", e.ID, err)}
	}
	own, err := c.Journal.Entry(ctx, e.ID)
	switch {
	case err != nil:
		return nil, &JournalError{err}
	case own != nil:
		return nil, &RequestError{fmt.Sprintf("transaction %v is of this journal: Settle settles it", e.ID)}
	case e.App != c.Place.String():
		return nil, &RequestError{fmt.Sprintf("transaction %v is of application %s, and this purse is of %s", e.ID, e.App, c.Place)}
	}
	x := e.Clone()
	for _, m := range x.Moves {
		f := c.value(m.File)
		if f == nil {
			return nil, &RequestError{fmt.Sprintf("transaction %v moves file %d, which is none of the purse", e.ID, m.File)}
		}
		if x.Others == OthersDebit && (c.Others == OthersAny || c.adds(f)) {
			x.Others = OthersAny
		}
	}
	if t := c.TMAC; t != nil && x.HasTMAC {
		x.Excluded = x.Excluded || t.Settings.Option.Has(wire.OptionTMIExclude)
	}
	if r := c.Record; r != nil && x.RecordFile != nil && *x.RecordFile == r.No {
		x.Cyclic = r.Settings.Type == wire.FileCyclicRecord
		if x.Capacity = int(r.Settings.MaxRecords); x.Cyclic {
			x.Capacity--
		}
		x.NeverCleared = r.Settings.Access.ReadWrite == wire.Never
	}
	return x, nil
}

// adds reports whether this purse can raise a value.
func (c *Config) adds(f *File) bool {
	return slices.ContainsFunc([]inspect.Act{inspect.ActCredit, inspect.ActLimitedCredit}, func(act inspect.Act) bool {
		g, ok := inspect.RightsOf(&f.Settings).Of(act)
		return ok && (g.Free || !c.NoKey && g.Allows(c.KeyNo))
	})
}

// othersSlot reports whether the slot of an entry of another journal is one: of the file that this purse
// knows, and not its own.
func (c *Config) othersSlot(e *Entry) bool {
	s, n := c.Slot, len(e.Slot0)
	if s == nil || *e.SlotFile != s.No || n != 8 && n != 16 || e.SlotNo < 0 {
		return false
	}
	from, to := uint64(e.SlotNo)*uint64(n), uint64(e.SlotNo+1)*uint64(n)
	if to > uint64(s.Settings.Size) {
		return false
	}
	mine := uint64(s.offset())
	return to <= mine || from >= mine+uint64(s.size())
}
