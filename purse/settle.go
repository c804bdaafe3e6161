package purse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Settle finds out what became of the change that is open on the card, and says
// it; nil if none is. It makes sure first that nothing of it can still happen. An
// *InDoubtError says that it is still not known, and what would decide it.
func (p *Purse) Settle(ctx context.Context, card *desfire.Card) (*Receipt, error) {
	app, err := p.which(ctx, card)
	if err != nil {
		return nil, err
	}
	e, err := p.conf.Journal.Open(ctx, app)
	switch {
	case err != nil:
		return nil, &JournalError{err}
	case e == nil:
		return nil, nil
	}
	return p.settle(ctx, card, e)
}

// which is the card, and the application. What a card says in clear of itself is
// enough to find what is open: the settlement proves it.
func (p *Purse) which(ctx context.Context, card *desfire.Card) (CardApp, error) {
	if uid := card.UID(); uid != nil {
		return p.conf.cardApp(uid), nil
	}
	s, err := p.enter(ctx, card, p.conf.KeyNo, nil)
	if err != nil {
		return CardApp{}, err
	}
	return p.conf.cardApp(s.uid), nil
}

// fences is how often a settlement is tried before a person is asked to try again.
const fences = 3

// settle decides an open entry with its card.
func (p *Purse) settle(ctx context.Context, card *desfire.Card, e *Entry) (*Receipt, error) {
	if len(e.Moves) == 0 {
		return nil, &InDoubtError{&Receipt{Entry: *e}, errors.New("its entry moves nothing: this is no entry of a purse")}
	}
	p.live = nil
	var o Outcome
	var failed error
	for range fences {
		ev, err := p.ask(ctx, card, e, true)
		if ev == nil { // nothing was said
			return nil, &InDoubtError{&Receipt{Entry: *e}, err}
		}
		// What was read counts only if the change was open then.
		now, jerr := p.conf.Journal.Entry(ctx, e.ID)
		if jerr == nil && now != nil && !now.IsOpen() {
			return stored(now), nil
		}
		var state *CardState
		if jerr == nil {
			state, jerr = p.conf.Journal.State(ctx, e.CardApp)
		}
		if jerr != nil {
			return nil, &InDoubtError{&Receipt{Entry: *e}, &JournalError{jerr}}
		}
		o, failed = Decide(e, ev, state), err
		if failed == nil || o.Decision != InDoubt {
			break
		}
		if desfire.Lost(err) || ctx.Err() != nil {
			return nil, &InDoubtError{&Receipt{Entry: *e}, err}
		}
	}
	if !o.Evidence.SameCard {
		return nil, &InDoubtError{&Receipt{Entry: *e}, failed} // another card says nothing of this one
	}
	if last := e.Outcome(); last != nil && o.Decision == InDoubt && sameFindings(last, &o) {
		return nil, &InDoubtError{&Receipt{Entry: *e}, failed}
	}
	r, err := p.end(ctx, e, &o)
	switch {
	case err != nil:
		return r, err
	case o.Decision == InDoubt:
		return nil, &InDoubtError{r, failed}
	}
	return r, nil
}

// sameFindings reports whether a settlement found nothing new.
func sameFindings(a, b *Outcome) bool {
	x, y := a.Evidence, b.Evidence
	x.SettlementID, y.SettlementID = nil, nil
	return a.Decision == b.Decision && a.Rule == b.Rule && a.Why == b.Why && reflect.DeepEqual(a.Alarms, b.Alarms) && reflect.DeepEqual(x, y)
}

// ask settles what pends and returns what the card holds. With an error that came
// after something was read it returns that as well, without a fence: it may tell
// that the change happened, and not that it did not.
//
// own: the entry is of this journal, in which the settlement is noted.
func (p *Purse) ask(ctx context.Context, card *desfire.Card, e *Entry, own bool) (*Evidence, error) {
	c := &p.conf
	if err := c.rightCard(card); err != nil {
		return nil, err
	}
	if err := c.state(card); err != nil {
		return nil, err
	}
	conf, facts, err := p.settleConfig(ctx, card, e, own)
	if err != nil {
		return nil, err
	}
	found, err := card.Settle(ctx, conf)
	if found == nil || err != nil && found.Value == nil && found.Receipt == nil && found.Slot == nil {
		return nil, err
	}
	ev := &Evidence{Fence: Fence(found.Fence), Protected: found.Protected, LeaseHeld: own && p.leaseHeld(e, e.uid())}
	if p.same(ev, found, card, e); !ev.SameCard && err == nil {
		err = fmt.Errorf("the card is not %s, on which transaction %v was begun", e.UID, e.ID)
	}
	if sErr := c.strongNow(card); sErr != nil {
		return nil, sErr
	}
	two := conf.TMAC != nil && conf.TMAC.Reader != nil
	if used := conf.Login.Key != nil && (!two || found.Value != nil); used && !facts.NoVersion {
		ev.KeyVersion = &facts.Version
	}
	return ev, errors.Join(err, p.found(ctx, ev, found, conf, e))
}

// strongNow checks the session that a settlement opened.
func (c *Config) strongNow(card *desfire.Card) error {
	info, ok := card.Session()
	if !ok || c.NoKey {
		return nil
	}
	return c.strong(info.Scheme, 0)
}

// same proves, as far as that can be, that the card is the entry's.
func (p *Purse) same(ev *Evidence, found *desfire.Settlement, card *desfire.Card, e *Entry) {
	uid := card.UID()
	if found.UID != nil {
		uid = found.UID
	}
	ev.SameCard = p.conf.cardApp(uid) == e.CardApp
}

// settleConfig says what to read, and how to fence.
func (p *Purse) settleConfig(ctx context.Context, card *desfire.Card, e *Entry, own bool) (conf *desfire.SettleConfig, facts keystore.Facts, err error) {
	c := &p.conf
	conf = &desfire.SettleConfig{Place: c.Place, Accidents: c.Policy == Accidents, Value: &e.Moves[0].File}
	for _, m := range e.Moves[1:] {
		conf.Values = append(conf.Values, m.File)
	}
	if !c.NoKey {
		if conf.Login, facts, err = c.loginKey(ctx, card, c.Place, c.KeyNo, c.Method); err != nil {
			return nil, facts, err
		}
		scheme := c.method(card, conf.Login.Key).Scheme()
		conf.CardUID = !c.Diversified && scheme != wire.SchemeD40 && card.Generation().Has(wire.FeatureCardUID)
	}
	if t := c.TMAC; t != nil {
		conf.TMAC = &desfire.SettleTMAC{File: t.No}
		if t.NamesReader && c.Policy == Hostile {
			id, err := c.Journal.NewID(ctx)
			if err != nil {
				return nil, facts, &JournalError{err}
			}
			if own {
				if err := c.Journal.Note(ctx, e.ID, Progress{Settlements: []ID{id}}); err != nil {
					return nil, facts, &JournalError{err}
				}
			}
			e.Progress.Settlements = append(e.Progress.Settlements, id)
			conf.TMAC.ReaderID = (*[16]byte)(&id)
		}
		if no := c.reader(); no != nil && (conf.TMAC.ReaderID != nil || c.receiptKey() == *no) {
			login, _, err := c.loginKey(ctx, card, c.Place, *no, c.Method)
			if err != nil {
				return nil, facts, err
			}
			conf.TMAC.Reader, conf.TMAC.ReaderReads = &login, c.receiptKey() == *no
		}
	}
	if n := len(e.Slot0); e.SlotFile != nil && n > 0 && (own || c.othersSlot(e)) { // that of the change, whichever ours is now
		conf.Slot = &desfire.SettleData{File: *e.SlotFile, Offset: uint32(e.SlotNo * n), Length: uint32(n)}
	}
	if x := c.Slot; x != nil && x.Spare != nil {
		conf.Spare = &desfire.SettleSpare{File: x.No, Offset: *x.Spare}
	}
	if x := c.Record; x != nil && e.RecordFile != nil && *e.RecordFile == x.No {
		conf.Records = &desfire.SettleRecords{File: x.No, Count: uint32(x.Newest), Number: true}
	}
	if x := c.Elsewhere; x != nil && c.Policy == Hostile {
		login, _, err := c.loginKey(ctx, card, x.Place, x.KeyNo, x.Method)
		if err != nil {
			return nil, facts, err
		}
		conf.Elsewhere = &desfire.SettleElsewhere{Place: x.Place, Login: login}
	}
	return conf, facts, nil
}

// found is what a settlement read, as evidence.
func (p *Purse) found(ctx context.Context, ev *Evidence, x *desfire.Settlement, conf *desfire.SettleConfig, e *Entry) error {
	source := FromSession
	if !x.Protected {
		source = FromClear
	}
	if x.Value != nil {
		ev.Values = append(ev.Values, ValueBefore{*conf.Value, *x.Value, source})
	}
	for i, v := range x.Values {
		ev.Values = append(ev.Values, ValueBefore{conf.Values[i], v, source})
	}
	ev.Slot = slices.Clone(x.Slot)
	if x.Number != nil {
		ev.HasRecords = true
		size := int(p.conf.Record.Settings.RecordSize)
		if len(x.Records)%size != 0 {
			return &desfire.IntegrityError{Command: "ReadRecords", Err: fmt.Errorf("%d bytes are no records of %d", len(x.Records), size)}
		}
		for b := range slices.Chunk(x.Records, size) {
			ev.Records = append(ev.Records, bytes.Clone(b))
		}
		slices.Reverse(ev.Records) // the newest first
		ev.AllRecords = len(ev.Records) == int(*x.Number)
	}
	ev.transaction(x.Receipt)
	if x.EncTMRI != nil {
		ev.EncTMRI = slices.Clone(x.EncTMRI[:])
		if id := conf.TMAC.ReaderID; id != nil {
			mine := ID(*id)
			ev.SettlementID = &mine
		}
	}
	return p.compute(ctx, ev, e)
}
