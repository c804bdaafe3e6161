package purse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// Operator is a person who decides what no evidence does, with a reason that stays in
// the journal. It needs no card, no key and no purse. Evidence that comes later, at the centre
// for example, still counts for more.
type Operator struct {
	Journal Journal
	Now     func() time.Time // nil: time.Now
}

// Decide closes an open change by a person's word.
func (x *Operator) Decide(ctx context.Context, id ID, d Decision, reason string) (*Receipt, error) {
	e, err := written(ctx, x.Journal, id)
	switch {
	case err != nil:
		return nil, err
	case !e.IsOpen():
		return nil, &RequestError{fmt.Sprintf("transaction %v is decided already: %v by rule %s", id, e.Outcome().Decision, e.Outcome().Rule)}
	case d != Happened && d != DidNot:
		return nil, &RequestError{fmt.Sprintf("a person can say %q or %q, not %q", Happened, DidNot, d)}
	case strings.TrimSpace(reason) == "":
		return nil, &RequestError{"a reason is missing, for those who read the journal"}
	}
	o := &Outcome{Decision: d, Rule: RuleOperator, Why: reason}
	return x.end(ctx, e, o, o)
}

// Decide is as Operator.Decide.
func (p *Purse) Decide(ctx context.Context, id ID, d Decision, reason string) (*Receipt, error) {
	p.live = nil
	return (&Operator{p.conf.Journal, p.conf.Now}).Decide(ctx, id, d, reason)
}

// written is an entry of the journal; an error if there is none.
func written(ctx context.Context, j Journal, id ID) (*Entry, error) {
	e, err := j.Entry(ctx, id)
	switch {
	case err != nil:
		return nil, &JournalError{err}
	case e == nil:
		return nil, &RequestError{fmt.Sprintf("there is no transaction %v in the journal", id)}
	}
	return e, nil
}

// overruled asks the card, before a request is made again, whether an attempt that
// a person took for not made happened after all: the slot or the transaction MAC
// may still prove it. Values do not, since others may have moved them since.
func (p *Purse) overruled(ctx context.Context, s *session, before *Entry, moves []Move) (*Receipt, error) {
	if before == nil || before.CardApp != p.conf.cardApp(s.uid) {
		return nil, nil
	}
	if !before.has(DidNot) || before.Outcome().Rule != RuleOperator {
		return nil, nil
	}
	if err := p.look(ctx, s, moves); err != nil {
		return nil, p.left(err)
	}
	ev, err := p.seen(ctx, s, before)
	if err != nil {
		return nil, err
	}
	o := Decide(before, ev, nil)
	if o.Decision != Happened {
		return nil, nil // the person's word stands
	}
	r, err := p.end(ctx, before, &o)
	if r != nil {
		r.Stored = true
	}
	return r, err
}

// seen is what a look at the card says of an entry of it: receipts, not values.
func (p *Purse) seen(ctx context.Context, s *session, e *Entry) (*Evidence, error) {
	ev := &Evidence{SameCard: true, Protected: s.keyed && s.info.Scheme != wire.SchemeD40}
	if x := p.conf.Slot; x != nil && e.SlotFile != nil && *e.SlotFile == x.No && e.SlotNo == x.Number {
		ev.Slot = slices.Clone(s.slot)
	}
	ev.transaction(s.receipt)
	return ev, p.compute(ctx, ev, e)
}

// says is what a look decides of what is open.
func (p *Purse) says(ctx context.Context, s *session, v *View) (*Outcome, error) {
	ev, err := p.seen(ctx, s, v.Open)
	if err != nil {
		return nil, err
	}
	ev.Values, ev.LeaseHeld = slices.Clone(s.values), p.leaseHeld(v.Open, v.Open.uid())
	if p.conf.Policy == Accidents {
		ev.Fence = Fence(desfire.FenceSelection) // each session begins with one
	}
	o := Decide(v.Open, ev, v.State)
	return &o, nil
}

// Learn is as Operator.Learn.
func (p *Purse) Learn(ctx context.Context, id ID, o Outcome) (*Receipt, error) {
	p.live = nil
	return (&Operator{p.conf.Journal, p.conf.Now}).Learn(ctx, id, o)
}

// Learn takes over what the centre decided (Reconcile): what was in doubt here, or
// was a person's word, is decided by it. An outcome that contradicts what this
// journal has evidence for is an error, and the card is blocked. What the evidence of others says of
// the card counts for this entry only.
func (x *Operator) Learn(ctx context.Context, id ID, o Outcome) (*Receipt, error) {
	e, err := written(ctx, x.Journal, id)
	switch {
	case err != nil:
		return nil, err
	case o.Decision != Happened && o.Decision != DidNot || !o.Rule.decides():
		return nil, &RequestError{fmt.Sprintf("transaction %v: %v by rule %s decides nothing", id, o.Decision, o.Rule)}
	}
	last := e.Outcome()
	if last == nil || last.Decision == InDoubt || last.Rule == RuleOperator {
		return x.end(ctx, e, &o, &Outcome{Decision: o.Decision, Rule: o.Rule})
	}
	if last.Decision == o.Decision {
		return &Receipt{Entry: *e, Stored: true}, nil
	}
	why := fmt.Sprintf("transaction %v %v by rule %s, and the centre says that it %v by rule %s", id, last.Decision, last.Rule, o.Decision, o.Rule)
	state, err := x.Journal.State(ctx, e.CardApp)
	if err != nil {
		return nil, &JournalError{err}
	}
	if state == nil {
		state = &CardState{CardApp: e.CardApp}
	}
	return nil, blockCard(ctx, x.Journal, state, why)
}

// end writes an outcome, of which the state of the card takes only what seen says.
func (x *Operator) end(ctx context.Context, e *Entry, o, seen *Outcome) (*Receipt, error) {
	now := x.Now
	if now == nil {
		now = time.Now
	}
	return endAs(ctx, x.Journal, now, e, o, seen)
}

// Unblock is as Operator.Unblock.
func (p *Purse) Unblock(ctx context.Context, card CardApp, reason string) error {
	return (&Operator{p.conf.Journal, p.conf.Now}).Unblock(ctx, card, reason)
}

// Unblock lets a blocked card be used again. What its slot, its counter and the versions
// of its keys were is forgotten.
func (x *Operator) Unblock(ctx context.Context, card CardApp, reason string) error {
	if strings.TrimSpace(reason) == "" {
		return &RequestError{"a reason is missing, for those who read the journal"}
	}
	state, err := x.Journal.State(ctx, card)
	switch {
	case err != nil:
		return &JournalError{err}
	case state == nil || state.Blocked == "":
		return &RequestError{fmt.Sprintf("card %s is not blocked", card.UID)}
	}
	next := &CardState{CardApp: card, RecordNo: state.RecordNo, Unblocked: reason}
	if err := x.Journal.Keep(ctx, next); err != nil {
		return &JournalError{err}
	}
	return nil
}

// View is what a card shows of a purse.
type View struct {
	CardApp
	UIDProof UIDProof      `json:"uid_proof"`
	Values   []ValueBefore `json:"values"`
	TMC      *uint32       `json:"tmc,omitempty"`
	TMV      *TMV          `json:"tmv,omitempty"`
	Slot     Hex           `json:"slot,omitempty"`
	Newest   Hex           `json:"newest_record,omitempty"`
	Records  *int          `json:"records,omitempty"`
	Open     *Entry        `json:"open,omitempty"` // what is not decided yet
	// Says is what all this decides of Open, nil where nothing is open. It is written nowhere. A
	// look makes no fence against a relay, so that with policy Hostile it can say that a change
	// happened, and hardly ever that it did not: Settle finds out more.
	Says  *Outcome   `json:"says,omitempty"`
	State *CardState `json:"state,omitempty"` // what the journal knows of the card
}

// Look reads what the card holds, and what the journal has of it. It decides nothing.
func (p *Purse) Look(ctx context.Context, card *desfire.Card) (*View, error) {
	s, err := p.enter(ctx, card, p.conf.receiptKey(), nil)
	if err != nil {
		return nil, err
	}
	moves := make([]Move, len(p.conf.Values))
	for i := range moves {
		moves[i].File = p.conf.Values[i].No
	}
	if err := p.look(ctx, s, moves); err != nil {
		return nil, p.left(err)
	}
	v := &View{CardApp: p.conf.cardApp(s.uid), UIDProof: s.proof, Slot: append(Hex(nil), s.slot...), Newest: append(Hex(nil), s.marker...), Records: s.records}
	v.Values = append(v.Values, s.values...)
	if s.receipt != nil {
		n, m := s.receipt.TMC, TMV(s.receipt.TMV)
		v.TMC, v.TMV = &n, &m
	}
	var errs [2]error
	v.Open, errs[0] = p.conf.Journal.Open(ctx, v.CardApp)
	v.State, errs[1] = p.conf.Journal.State(ctx, v.CardApp)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, &JournalError{err}
	}
	if v.Open != nil {
		if v.Says, err = p.says(ctx, s, v); err != nil {
			return nil, p.left(err)
		}
	}
	return v, nil
}
