package purse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// Do makes several movements that happen together or not at all; otherwise it is
// as Debit.
func (p *Purse) Do(ctx context.Context, card *desfire.Card, o Order) (*Receipt, error) {
	if err := o.check(&p.conf); err != nil {
		return nil, err
	}
	if err := p.entitled(o.Moves); err != nil {
		return nil, err
	}
	before, err := p.known(ctx, &o)
	if err != nil || before != nil && before.has(Happened) {
		return stored(before), err
	}
	s, err := p.enterFor(ctx, card, &o)
	if err != nil {
		return nil, err
	}
	if settled, err := p.settleFirst(ctx, s, before); err != nil || settled != nil {
		return settled, err
	}
	if before != nil { // what became of it may be known by now
		if before, err = p.known(ctx, &o); err != nil || before != nil && before.has(Happened) {
			return stored(before), err
		}
		if before != nil && before.IsOpen() {
			return nil, &InDoubtError{&Receipt{Entry: *before}, fmt.Errorf("it was begun on card %s, and this is card %s", before.UID, p.conf.cardApp(s.uid).UID)}
		}
	}
	if p.live != s { // the settlement left the session
		if s, err = p.enterFor(ctx, card, &o); err != nil {
			return nil, err
		}
	}
	if r, err := p.overruled(ctx, s, before, o.Moves); err != nil || r != nil {
		return r, err
	}
	e, err := p.begin(ctx, s, &o, before)
	if err != nil {
		return nil, p.left(err)
	}
	return p.finish(ctx, s, e)
}

// enterFor opens a session for an order, on the card that it is for.
func (p *Purse) enterFor(ctx context.Context, card *desfire.Card, o *Order) (*session, error) {
	s, err := p.enter(ctx, card, p.conf.first(), o.Moves)
	if err == nil && o.UID != nil && !bytes.Equal(s.uid, o.UID) {
		return nil, &OtherCardError{o.UID, s.uid}
	}
	return s, err
}

// left forgets the session after an error, since what the card has of it is not
// known.
func (p *Purse) left(err error) error {
	p.live = nil
	return err
}

func stored(e *Entry) *Receipt {
	if e == nil {
		return nil
	}
	return &Receipt{Entry: *e, Stored: true}
}

// entitled refuses movements that the key has no right to.
func (p *Purse) entitled(moves []Move) error {
	acts := map[Kind]inspect.Act{Debit: inspect.ActDebit, Credit: inspect.ActCredit, LimitedCredit: inspect.ActLimitedCredit}
	for _, m := range moves {
		fs := &p.conf.value(m.File).Settings
		if m.Kind == LimitedCredit && !fs.Flags.Has(wire.ValueLimitedCredit) {
			return &RequestError{fmt.Sprintf("file %d was made without limited credit", m.File)}
		}
		g, _ := inspect.RightsOf(fs).Of(acts[m.Kind])
		switch {
		case p.conf.NoKey && !g.Free:
			return &RequestError{fmt.Sprintf("file %d is not free for %v: its rights are: %s", m.File, m.Kind, inspect.RightsOf(fs).Words())}
		case !p.conf.NoKey && !g.Allows(p.conf.KeyNo):
			return &RequestError{fmt.Sprintf("key %d has no right to %v on file %d: its rights are: %s", p.conf.KeyNo, m.Kind, m.File, inspect.RightsOf(fs).Words())}
		case p.conf.Policy == Hostile && g.Free:
			return &RequestError{fmt.Sprintf("anybody may make a %v on file %d: what it holds proves nothing", m.Kind, m.File)}
		}
	}
	return nil
}

// known is the last attempt of the request; nil if there was none.
func (p *Purse) known(ctx context.Context, o *Order) (*Entry, error) {
	if o.ID == "" {
		return nil, nil
	}
	e, err := p.conf.Journal.Request(ctx, o.ID)
	if err != nil {
		return nil, &JournalError{err}
	}
	if e != nil && !bytes.Equal(e.Fingerprint, o.fingerprint(p.conf.Place)) {
		return nil, &FingerprintError{o.ID, e.ID}
	}
	if e == nil || e.Attempt == 1 || e.has(Happened) {
		return e, nil
	}
	// An attempt that a person took for not made may be known to have happened since.
	for old, err := range p.conf.Journal.Entries(ctx) {
		if err != nil {
			return nil, &JournalError{err}
		}
		if old.Request == o.ID && old.has(Happened) {
			return old, nil
		}
	}
	return e, nil
}

// has reports whether a decision is the last one.
func (e *Entry) has(d Decision) bool { return e.Outcome() != nil && e.Outcome().Decision == d }

// settleFirst settles what is open on the card. It returns a receipt if that was
// the change that is asked for, and it happened.
func (p *Purse) settleFirst(ctx context.Context, s *session, asked *Entry) (*Receipt, error) {
	e, err := p.conf.Journal.Open(ctx, p.conf.cardApp(s.uid))
	if err != nil {
		return nil, &JournalError{err}
	}
	if e == nil {
		return nil, nil
	}
	r, err := p.settle(ctx, s.card, e)
	switch {
	case err != nil && asked != nil && asked.ID == e.ID:
		return r, err
	case err != nil:
		return nil, errors.Join(&OpenEntryError{e.CardApp, e.ID}, err)
	case asked != nil && asked.ID == e.ID && r.Decision() == Happened:
		return r, nil
	}
	return nil, nil
}

// begin looks at the card, writes the intent and returns it. Nothing pends before
// it is on disk.
func (p *Purse) begin(ctx context.Context, s *session, o *Order, before *Entry) (*Entry, error) {
	c := &p.conf
	state, err := p.history(ctx, s)
	if err != nil {
		return nil, err
	}
	lease, err := p.lease(s)
	if err != nil {
		return nil, err
	}
	if state != nil && lease != "" && lease == state.Lease {
		p.preload(s, state)
	}
	late := c.reader() != nil || p.namesAlong(s)
	if !late {
		if err := p.inspect(ctx, s, o.Moves, state); err != nil {
			return nil, err
		}
	}
	id, err := c.Journal.NewID(ctx)
	if err != nil {
		return nil, &JournalError{err}
	}
	fence, enc, err := p.beginFence(ctx, s, id, o.Moves)
	if err != nil {
		return nil, err
	}
	if late { // the name pends, and is all that does
		if err := p.inspect(ctx, s, o.Moves, state); err != nil {
			if _, ok := s.card.Session(); ok {
				_ = s.card.Abort(ctx)
			}
			return nil, err
		}
	}
	e := p.entry(s, o, id, lease, state)
	e.BeginFence, e.EncTMRI = fence, enc
	if e.Attempt = 1; before != nil {
		e.Attempt = before.Attempt + 1
	}
	if _, e.TMKey, err = c.tmKey(ctx, s.uid); err != nil {
		return nil, err
	}
	if e.TMI, err = p.planned(s, e); err != nil {
		return nil, err
	}
	if err := c.Journal.Begin(ctx, e); err != nil {
		if fence {
			_ = s.card.Abort(ctx) // of the name alone, or nothing
		}
		if errors.As(err, new(*OpenEntryError)) {
			return nil, err
		}
		return nil, &JournalError{err}
	}
	return e, nil
}

// inspect reads what is not known yet, and refuses a card of another history and
// what its values do not allow. After it the session is that of the key that moves
// values.
func (p *Purse) inspect(ctx context.Context, s *session, moves []Move, state *CardState) error {
	if err := p.look(ctx, s, moves); err != nil {
		return err
	}
	if err := p.compare(ctx, s, state); err != nil {
		return err
	}
	return p.within(s, moves)
}

// lease is under which lease we work; empty where there is none.
func (p *Purse) lease(s *session) (string, error) {
	if p.conf.Lease == nil {
		return "", nil
	}
	epoch, held := p.conf.Lease.Epoch(s.uid)
	if !held && p.conf.Others == OthersNothing {
		return "", &ConfigError{"Lease", "no lease of this card is held, and without one others may move its value"}
	}
	if held && epoch == "" {
		return "", &ConfigError{"Lease", "the lease of this card has no epoch, so that nothing tells whether it was lost in between"}
	}
	if !held {
		return "", nil
	}
	return epoch, nil
}

// preload takes over what the last transaction under the same lease left.
func (p *Purse) preload(s *session, state *CardState) {
	if was := p.conf.Slot.kept(state); s.slot == nil && was != nil && len(state.SlotOr) == 0 {
		s.slot = slices.Clone(was)
	}
	for _, v := range state.Values {
		if _, ok := s.value(v.File); !ok {
			s.values = append(s.values, ValueBefore{v.File, v.Value, FromLease})
		}
	}
}

// within refuses what the limits of a value do not allow, before anything is begun.
func (p *Purse) within(s *session, moves []Move) error {
	for _, m := range moves {
		v, _ := s.value(m.File)
		fs := &p.conf.value(m.File).Settings
		if _, err := (Change{m.Kind, m.Amount}).Within(v.Value, fs.Lower, fs.Upper); err != nil {
			return err
		}
	}
	return nil
}

// beginFence makes sure that nothing of others pends when we begin. With
// CommitReaderID that is the naming itself: a card that has a name already refuses
// another, and drops what was pending.
func (p *Purse) beginFence(ctx context.Context, s *session, id ID, moves []Move) (fence bool, enc Hex, err error) {
	c := &p.conf
	switch {
	case c.TMAC != nil && c.TMAC.NamesReader:
		if err := p.as(ctx, s, c.first()); err != nil {
			return false, nil, err
		}
		rsp, denied, err := p.name(ctx, s, id, moves)
		if denied {
			// Another's transaction was pending, and is dropped now.
			if err := p.again(ctx, s, moves); err != nil {
				return false, nil, err
			}
			rsp, _, err = p.name(ctx, s, id, moves)
		}
		if err != nil {
			return false, nil, err
		}
		if s.keyed && len(rsp.EncTMRI) != len(id) {
			return false, nil, &desfire.IntegrityError{Command: "CommitReaderID", Err: fmt.Errorf("%d bytes instead of %d", len(rsp.EncTMRI), len(id))}
		}
		return true, slices.Clone(rsp.EncTMRI), nil
	case c.BeginFence && c.Policy == Hostile:
		if err := p.emptyAndAbort(ctx, s, moves[0].File); err != nil {
			return false, nil, err
		}
		s.input.Reset()
		return true, nil, nil
	}
	return c.Policy == Accidents, nil, nil
}

// emptyAndAbort makes something pend and drops it, with all that pends.
func (p *Purse) emptyAndAbort(ctx context.Context, s *session, file wire.FileNo) error {
	if s.together() {
		x := new(script)
		add(x, s, &wire.Debit{File: file}, nil)
		add(x, s, &wire.AbortTransaction{}, nil)
		_, err := x.run(ctx, s)
		return err
	}
	if _, err := run(ctx, s, &wire.Debit{File: file}); err != nil {
		return err
	}
	_, err := run(ctx, s, &wire.AbortTransaction{})
	return err
}

// again opens the session anew and looks at the card once more.
func (p *Purse) again(ctx context.Context, s *session, moves []Move) error {
	p.live = nil
	uid := s.uid
	next, err := p.enter(ctx, s.card, p.conf.first(), moves)
	if err != nil {
		return err
	}
	if !bytes.Equal(next.uid, uid) {
		return &desfire.IntegrityError{Command: "GetCardUID", Err: fmt.Errorf("it was %X and is %X", uid, next.uid)}
	}
	*s = *next
	p.live = s
	if p.conf.reader() != nil {
		return nil // the look comes after the name
	}
	return p.look(ctx, s, moves)
}

// entry is the intent.
func (p *Purse) entry(s *session, o *Order, id ID, lease string, state *CardState) *Entry {
	c := &p.conf
	e := &Entry{
		ID: id, Request: o.ID, Fingerprint: o.fingerprint(c.Place), Meta: o.Meta,
		Began: At(c.Now()), Terminal: c.Terminal, Reader: s.card.Reader(), Policy: c.Policy, Others: c.Others,
		CardApp: c.cardApp(s.uid), UIDProof: s.proof, Key: s.facts, Scheme: s.info.Scheme.String(), LRP: s.lrp(),
		Moves: slices.Clone(o.Moves), Lease: lease,
	}
	if s.keyed {
		no := c.KeyNo
		e.KeyNo, e.ReaderKeyNo, e.Method = &no, clonePointer(c.reader()), s.info.Method.String()
	}
	for _, m := range o.Moves {
		v, _ := s.value(m.File)
		e.Values = append(e.Values, v)
	}
	if t := c.TMAC; t != nil {
		e.HasTMAC, e.NamesReader, e.Excluded = true, t.NamesReader, t.Settings.Option.Has(wire.OptionTMIExclude)
		e.TMC0, e.TMV0, e.TMKeyVer = s.receipt.TMC, s.receipt.TMV, byte(t.Settings.TMKeyVersion)
	}
	if x := c.Slot; x != nil {
		no := x.No
		e.SlotFile, e.SlotNo, e.Slot0 = &no, x.Number, slices.Clone(s.slot)
	}
	if x := c.Record; x != nil {
		no := x.No
		e.RecordFile, e.Marker, e.Records = &no, slices.Clone(s.marker), *s.records
		e.Capacity, e.Cyclic = int(x.Settings.MaxRecords), x.Settings.Type == wire.FileCyclicRecord
		if e.Cyclic {
			e.Capacity--
		}
		e.NeverCleared = x.Settings.Access.ReadWrite == wire.Never
		// In an empty file the numbers begin anywhere, so that they do not seem to go on
		// where somebody cleared it.
		if e.RecordNo = binary.LittleEndian.Uint32(id[10:]) >> 1; len(s.marker) > 0 {
			_, _, n, _ := ParseRecord(s.marker)
			e.RecordNo = n + 1
		}
	}
	return e
}

// commands are those that make something pend, in their order.
func (p *Purse) commands(s *session, e *Entry) (cmds []wire.Command) {
	c := &p.conf
	if x := c.Slot; x != nil {
		w := wire.WriteData{File: x.No, Offset: x.offset(), Data: e.ID.Slot(x.size())}
		if s.classic() {
			cmds = append(cmds, &w)
		} else {
			cmds = append(cmds, &wire.WriteDataISO{WriteData: w})
		}
	}
	if x := c.Record; x != nil {
		w := wire.WriteRecord{File: x.No, Data: recordOf(e.ID, e.Moves[0].Signed(), e.RecordNo, x.Settings.RecordSize)}
		if s.classic() {
			cmds = append(cmds, &w)
		} else {
			cmds = append(cmds, &wire.WriteRecordISO{WriteRecord: w})
		}
	}
	for _, m := range e.Moves {
		switch m.Kind {
		case Credit:
			cmds = append(cmds, &wire.Credit{File: m.File, Amount: m.Amount})
		case LimitedCredit:
			cmds = append(cmds, &wire.LimitedCredit{File: m.File, Amount: m.Amount})
		default:
			cmds = append(cmds, &wire.Debit{File: m.File, Amount: m.Amount})
		}
	}
	return cmds
}

// planned is the whole input of the transaction MAC, as it will be.
func (p *Purse) planned(s *session, e *Entry) (Hex, error) {
	if p.conf.TMAC == nil {
		return nil, nil
	}
	in := tmac.Input{RecordSizes: s.input.RecordSizes, Exclude: s.input.Exclude}
	for _, cmd := range p.commands(s, e) {
		if err := in.Add(cmd, nil); err != nil {
			return nil, err
		}
	}
	return slices.Concat(s.input.Bytes(), in.Bytes()), nil
}
