package purse

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// together reports whether commands of the session go out together, see
// desfire.Card.Sequence.
func (s *session) together() bool {
	return s.keyed && (s.info.Scheme == wire.SchemeEV2 || s.info.Scheme == wire.SchemeLRP) && s.card.Scripts()
}

// script is commands that go out together, and what is done with their answers.
type script struct {
	calls []desfire.Sequenced
	takes []func() (done bool, err error)
}

// add adds a command. take is called if it succeeded; it may be nil.
func add[R wire.Message](x *script, s *session, cmd wire.Request[R], take func(rsp R) error) *desfire.Call[R] {
	call := desfire.Cmd(cmd)
	x.calls = append(x.calls, call)
	x.takes = append(x.takes, func() (bool, error) {
		if call.Err != nil {
			return false, nil
		}
		err := s.input.Add(cmd, call.Response)
		if err == nil && take != nil {
			err = take(call.Response)
		}
		return true, err
	})
	return call
}

// run sends the commands and takes the answers that came. It returns how many commands are done.
func (x *script) run(ctx context.Context, s *session) (done int, err error) {
	err = s.card.Sequence(ctx, x.calls...)
	s.sent = s.card.Sent()
	for _, take := range x.takes {
		ok, failed := take()
		if !ok {
			break
		}
		if done++; failed != nil && err == nil {
			err = failed
		}
	}
	return done, err
}

// addRead adds a read of n bytes, which take keeps.
func (s *session) addRead(x *script, no wire.FileNo, offset, n uint32, take func(b []byte) error) {
	whole := func(rsp *wire.Data) error {
		if len(rsp.Data) != int(n) {
			return &desfire.IntegrityError{Command: "ReadData", Err: fmt.Errorf("%d bytes instead of %d", len(rsp.Data), n)}
		}
		return take(bytes.Clone(rsp.Data))
	}
	cmd := wire.ReadData{File: no, Offset: offset, Length: n}
	if s.classic() {
		add(x, s, &cmd, whole)
	} else {
		add(x, s, &wire.ReadDataISO{ReadData: cmd}, whole)
	}
}

// addNewest adds a read of the newest record.
func (s *session) addNewest(x *script, r *Record) {
	take := func(rsp *wire.Data) error {
		if len(rsp.Data) != int(r.Settings.RecordSize) {
			return &desfire.IntegrityError{Command: "ReadRecords", Err: fmt.Errorf("%d bytes instead of one record of %d", len(rsp.Data), r.Settings.RecordSize)}
		}
		s.marker = bytes.Clone(rsp.Data)
		return nil
	}
	cmd := wire.ReadRecords{File: r.No, Count: 1}
	if s.classic() {
		add(x, s, &cmd, take)
	} else {
		add(x, s, &wire.ReadRecordsISO{ReadRecords: cmd}, take)
	}
}

// lookTogether is look in as few round trips as it takes: one, or two where records are
// counted before they are read. x is what goes out before, more adds what goes out with the last of
// it; more may be nil.
func (p *Purse) lookTogether(ctx context.Context, s *session, moves []Move, x *script, more func(x *script)) error {
	c := &p.conf
	if t := c.TMAC; t != nil && s.receipt == nil {
		s.addRead(x, t.No, 0, 12, func(b []byte) error {
			r, err := tmac.ParseReceipt(b)
			if err == nil {
				s.receipt = &r
			}
			return err
		})
	}
	if f := c.Slot; f != nil && s.slot == nil {
		s.addRead(x, f.No, f.offset(), uint32(f.size()), func(b []byte) error {
			s.slot = b
			return nil
		})
	}
	if r := c.Record; r != nil && s.records == nil {
		n := 0
		add(x, s, &wire.GetFileSettings{File: r.No}, func(fs *wire.FileSettings) error {
			n = int(fs.Records)
			return nil
		})
		if _, err := x.run(ctx, s); err != nil {
			return err
		}
		*x, s.marker = script{}, nil
		if n > 0 { // a read of an empty file would be refused and end the session
			s.addNewest(x, r)
		}
		defer func() {
			if n == 0 || s.marker != nil {
				s.records = &n
			}
		}()
	}
	for _, m := range moves {
		if _, ok := s.value(m.File); ok {
			continue
		}
		add(x, s, &wire.GetValue{File: m.File}, func(v *wire.Value) error {
			s.values = append(s.values, ValueBefore{m.File, v.Value, p.source(s, m.File)})
			return nil
		})
	}
	if more != nil {
		more(x)
	}
	_, err := x.run(ctx, s)
	return err
}

// namesAlong reports whether the name of the reader goes out with what is read before it: where
// something is left to read when it is known which card it is.
func (p *Purse) namesAlong(s *session) bool {
	t := p.conf.TMAC
	return t != nil && t.NamesReader && p.conf.reader() == nil && s.receipt == nil && s.together()
}

// name names the reader, after what is left to read where that goes along. denied: the card
// refused the name.
func (p *Purse) name(ctx context.Context, s *session, id ID, moves []Move) (rsp *wire.ReaderID, denied bool, err error) {
	cmd := &wire.CommitReaderID{TMRI: id}
	if !p.namesAlong(s) {
		rsp, err = run(ctx, s, cmd)
		return rsp, errors.Is(err, wire.StatusPermissionDenied), err
	}
	var call *desfire.Call[*wire.ReaderID]
	err = p.lookTogether(ctx, s, moves, new(script), func(x *script) { call = add(x, s, cmd, nil) })
	if call == nil {
		return nil, false, err
	}
	return call.Response, errors.Is(call.Err, wire.StatusPermissionDenied), err
}

// sendTogether is send where commands go out together. Against a relay each receipt has to be
// acknowledged before a movement leaves: it may keep a receipt from the card, and have a command without a
// MAC counted in its place, so that the movement is committed without it.
func (p *Purse) sendTogether(ctx context.Context, s *session, e *Entry, note func(Progress) error) (*wire.CommitTransactionResponse, error) {
	cmds := p.commands(s, e)
	first := len(cmds) - len(e.Moves) // receipts
	if p.conf.Policy == Accidents {
		first = 0
	}
	x, acked := new(script), 0
	flush := func() error {
		if len(x.calls) == 0 {
			return nil
		}
		n, err := x.run(ctx, s)
		*x = script{}
		if acked = min(acked+n, len(cmds)); n > 0 && p.acknowledges(s, e) {
			if failed := note(Progress{Acked: acked}); err == nil {
				err = failed
			}
		}
		return err
	}
	for i, cmd := range cmds {
		if i == first {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		switch m := cmd.(type) {
		case *wire.WriteData:
			add(x, s, m, nil)
		case *wire.WriteDataISO:
			add(x, s, m, nil)
		case *wire.WriteRecord:
			add(x, s, m, nil)
		case *wire.WriteRecordISO:
			add(x, s, m, nil)
		case *wire.Credit:
			add(x, s, m, nil)
		case *wire.LimitedCredit:
			add(x, s, m, nil)
		case *wire.Debit:
			add(x, s, m, nil)
		}
	}
	if !p.along() {
		if err := flush(); err != nil {
			return nil, err
		}
		if err := p.more(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := note(Progress{CommitSent: true}); err != nil {
		return nil, err
	}
	commit := add(x, s, p.commit(), nil)
	if err := flush(); commit.Err != nil {
		return nil, err
	}
	return commit.Response, nil // whatever the journal says
}

// along reports whether the commit may leave with the movements, before they are acknowledged: not
// where that is evidence, unless CommitAlong says so. Where all answers are lost nothing would be
// acknowledged, and a receipt alone does not tell whether the movements were committed with it.
func (p *Purse) along() bool {
	c := &p.conf
	switch {
	case c.BeforeCommit != nil:
		return false
	case c.Policy == Accidents, c.CommitAlong:
		return true
	case c.Slot == nil && c.Record == nil && (c.TMAC == nil || !c.TMAC.NamesReader):
		return true
	}
	return c.Others == OthersNothing && c.Lease == nil // the value tells, whenever it is read
}
