package purse

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// finish sends what was begun, and its commit. What has no answer that proves
// something is settled at once, as long as the card is there.
func (p *Purse) finish(ctx context.Context, s *session, e *Entry) (*Receipt, error) {
	ev, err := p.send(ctx, s, e)
	if err == nil {
		o := Decide(e, ev, nil)
		if o.Decision == Happened {
			return p.done(ctx, s, e, &o)
		}
		// Confirmed, and yet no proof: look at the card.
	}
	p.live = nil
	if err != nil && (gone(err) || ctx.Err() != nil) {
		return nil, &InDoubtError{&Receipt{Entry: *e}, err}
	}
	r, failed := p.settle(ctx, s.card, e)
	switch {
	case r != nil && failed != nil: // the journal failed
		return r, failed
	case failed != nil && err == nil:
		return nil, failed
	case failed != nil:
		return nil, &InDoubtError{&Receipt{Entry: *e}, errors.Join(err, failed)}
	case r.Decision() == Happened:
		return r, nil
	}
	return nil, &DidNotError{r, refusal(err)}
}

// refusal is the card's no, where that is what was wrong: what became of the change is known by now.
func refusal(err error) error {
	var refused *desfire.CommandError
	if errors.As(err, &refused) {
		return refused
	}
	return err
}

// gone reports whether the card may be away: not if it answered with a status, though that may be
// forged, of the commit as well.
func gone(err error) bool {
	status := errors.As(err, new(*desfire.CommandError)) && !errors.As(err, new(*desfire.TransportError)) && !errors.As(err, new(*desfire.IntegrityError))
	return desfire.Lost(err) && !status
}

// send sends the commands and the commit. Progress is noted, so that it is known
// after a crash.
func (p *Purse) send(ctx context.Context, s *session, e *Entry) (*Evidence, error) {
	j := p.conf.Journal
	note := func(x Progress) error {
		e.Progress.Add(x)
		if err := j.Note(context.WithoutCancel(ctx), e.ID, x); err != nil {
			return &JournalError{err}
		}
		return nil
	}
	rsp, err := p.sendBy(ctx, s, e, note)
	if err != nil {
		return nil, err
	}
	ev := &Evidence{
		CommitAcked: true, SameCard: true, LeaseHeld: p.leaseHeld(e, e.uid()),
		Protected: s.keyed && s.info.Scheme != wire.SchemeD40,
	}
	if rsp.HasTMAC {
		ev.transaction(&tmac.Receipt{TMC: uint32(rsp.TMC), TMV: rsp.TMV})
	}
	for _, v := range e.Values {
		ev.Values = append(ev.Values, ValueBefore{v.File, int32(int64(v.Value) + e.Signed(v.File)), v.Source})
	}
	return ev, nil
}

// sendBy sends the commands and the commit, together or one by one.
func (p *Purse) sendBy(ctx context.Context, s *session, e *Entry, note func(Progress) error) (*wire.CommitTransactionResponse, error) {
	if s.together() {
		return p.sendTogether(ctx, s, e, note)
	}
	for i, cmd := range p.commands(s, e) {
		if err := s.run(ctx, cmd, new(wire.Empty)); err != nil {
			return nil, err
		}
		if p.acknowledges(s, e) {
			if err := note(Progress{Acked: i + 1}); err != nil {
				return nil, err
			}
		}
	}
	if err := p.more(ctx, s); err != nil {
		return nil, err
	}
	if err := note(Progress{CommitSent: true}); err != nil {
		return nil, err
	}
	return run(ctx, s, p.commit())
}

// acknowledges reports whether an answer of the session proves that a command was done.
func (p *Purse) acknowledges(s *session, e *Entry) bool {
	return p.source(s, e.Moves[0].File) == FromSession || p.conf.Policy == Accidents
}

// more is what the configuration adds before the commit.
func (p *Purse) more(ctx context.Context, s *session) error {
	if p.conf.BeforeCommit == nil {
		return nil
	}
	err := p.conf.BeforeCommit(ctx, s.card)
	s.sent = s.card.Sent()
	return err
}

func (p *Purse) commit() *wire.CommitTransaction {
	return &wire.CommitTransaction{WithOption: p.conf.TMAC != nil, ReturnTMAC: p.conf.TMAC != nil}
}

// done ends an entry whose commit was confirmed, and remembers what the card holds.
func (p *Purse) done(ctx context.Context, s *session, e *Entry, o *Outcome) (*Receipt, error) {
	s.input.Reset()
	ev := &o.Evidence
	if ev.TMC != nil {
		s.receipt = &tmac.Receipt{TMC: *ev.TMC, TMV: *ev.TMV}
	}
	if x := p.conf.Slot; x != nil {
		s.slot = slices.Clone(e.ID.Slot(x.size()))
		ev.Slot = slices.Clone(s.slot)
	}
	if x := p.conf.Record; x != nil {
		s.marker = recordOf(e.ID, e.Moves[0].Signed(), e.RecordNo, x.Settings.RecordSize)
		n := min(*s.records+1, e.Capacity)
		s.records = &n
	}
	if !e.BeginFence && e.Others != OthersNothing {
		s.values = nil // another's pending change may have gone along
	}
	for i := range s.values {
		v := &s.values[i]
		v.Value, v.Source = int32(int64(v.Value)+e.Signed(v.File)), p.source(s, v.File)
	}
	return p.end(ctx, e, o)
}

// end writes the outcome and what is remembered of the card. If the journal fails,
// the receipt tells the outcome all the same.
func (p *Purse) end(ctx context.Context, e *Entry, o *Outcome) (*Receipt, error) {
	r, err := end(ctx, p.conf.Journal, p.conf.Now, e, o)
	if err != nil {
		p.live = nil
	}
	return r, err
}

func end(ctx context.Context, j Journal, now func() time.Time, e *Entry, o *Outcome) (*Receipt, error) {
	return endAs(ctx, j, now, e, o, o)
}

// endAs is end where the state of the card takes of the outcome only what seen says.
func endAs(ctx context.Context, j Journal, now func() time.Time, e *Entry, o, seen *Outcome) (*Receipt, error) {
	ctx = context.WithoutCancel(ctx) // what is known must not be lost
	o.Time = At(now())
	state, err := j.State(ctx, e.CardApp)
	if err == nil {
		err = j.End(ctx, e.ID, *o, remember(state, e, seen))
	}
	e.Outcomes = append(e.Outcomes, *o)
	r := &Receipt{Entry: *e, After: slices.Clone(o.Evidence.Values)}
	if err != nil {
		return r, &JournalError{err}
	}
	return r, nil
}

func (p *Purse) leaseHeld(e *Entry, uid []byte) bool {
	if p.conf.Others != OthersNothing {
		return false
	}
	if p.conf.Lease == nil {
		return e.Lease == ""
	}
	epoch, held := p.conf.Lease.Epoch(uid)
	return held && epoch == e.Lease
}
