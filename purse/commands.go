package purse

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// run sends a command and adds it to the input of the transaction MAC.
func run[R wire.Message](ctx context.Context, s *session, cmd wire.Request[R]) (R, error) {
	rsp := cmd.Response()
	return rsp, s.run(ctx, cmd, rsp)
}

// run is run for a command of any kind.
func (s *session) run(ctx context.Context, cmd wire.Command, rsp wire.Message) error {
	err := s.card.Run(ctx, cmd, rsp)
	s.sent = s.card.Sent()
	if err != nil {
		return err
	}
	return s.input.Add(cmd, rsp)
}

// classic reports whether the card takes the first commands for data, besides those of ISO/IEC 7816-4 chaining.
func (s *session) classic() bool { return s.card.Generation().Has(wire.FeatureClassic) }

func (s *session) readData(ctx context.Context, no wire.FileNo, offset, n uint32) ([]byte, error) {
	cmd := wire.ReadData{File: no, Offset: offset, Length: n}
	var rsp *wire.Data
	var err error
	if s.classic() {
		rsp, err = run(ctx, s, &cmd)
	} else {
		rsp, err = run(ctx, s, &wire.ReadDataISO{ReadData: cmd})
	}
	if err != nil {
		return nil, err
	}
	if len(rsp.Data) != int(n) {
		return nil, &desfire.IntegrityError{Command: "ReadData", Err: fmt.Errorf("%d bytes instead of %d", len(rsp.Data), n)}
	}
	return append([]byte(nil), rsp.Data...), nil
}

func (s *session) readNewest(ctx context.Context, no wire.FileNo, n int) ([]byte, error) {
	cmd := wire.ReadRecords{File: no, Count: uint32(n)}
	var rsp *wire.Data
	var err error
	if s.classic() {
		rsp, err = run(ctx, s, &cmd)
	} else {
		rsp, err = run(ctx, s, &wire.ReadRecordsISO{ReadRecords: cmd})
	}
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), rsp.Data...), nil
}

// look reads what is not known yet.
func (p *Purse) look(ctx context.Context, s *session, moves []Move) error {
	c := &p.conf
	if s.together() && c.reader() == nil {
		return p.lookTogether(ctx, s, moves, new(script), nil)
	}
	if t := c.TMAC; t != nil && s.receipt == nil {
		if err := p.as(ctx, s, c.receiptKey()); err != nil {
			return err
		}
		b, err := s.readData(ctx, t.No, 0, 12)
		if err != nil {
			return err
		}
		r, err := tmac.ParseReceipt(b)
		if err != nil {
			return err
		}
		s.receipt = &r
	}
	if err := p.as(ctx, s, c.KeyNo); err != nil {
		return err
	}
	if x := c.Slot; x != nil && s.slot == nil {
		b, err := s.readData(ctx, x.No, x.offset(), uint32(x.size()))
		if err != nil {
			return err
		}
		s.slot = b
	}
	if err := p.lookAtRecords(ctx, s); err != nil {
		return err
	}
	for _, m := range moves {
		if _, ok := s.value(m.File); ok {
			continue
		}
		v, err := run(ctx, s, &wire.GetValue{File: m.File})
		if err != nil {
			return err
		}
		s.values = append(s.values, ValueBefore{m.File, v.Value, p.source(s, m.File)})
	}
	return nil
}

// source is how far a value that is read in a session is protected.
func (p *Purse) source(s *session, no wire.FileNo) Source {
	if !s.keyed || s.info.Scheme == wire.SchemeD40 || s.info.Scheme != wire.SchemeEV1 && p.conf.value(no).Settings.Comm() == wire.CommPlain {
		return FromClear
	}
	return FromSession
}

func (p *Purse) lookAtRecords(ctx context.Context, s *session) error {
	x := p.conf.Record
	if x == nil || s.records != nil {
		return nil
	}
	fs, err := run(ctx, s, &wire.GetFileSettings{File: x.No})
	if err != nil {
		return err
	}
	n := int(fs.Records)
	s.marker = nil
	if n > 0 { // a read of an empty file would be refused and end the session
		if s.marker, err = s.readNewest(ctx, x.No, 1); err != nil {
			return err
		}
		if len(s.marker) != int(x.Settings.RecordSize) {
			return &desfire.IntegrityError{Command: "ReadRecords", Err: fmt.Errorf("%d bytes instead of one record of %d", len(s.marker), x.Settings.RecordSize)}
		}
	}
	s.records = &n
	return nil
}

// recordOf is the record that an attempt writes.
func recordOf(id ID, signed int64, no uint32, size uint32) []byte {
	b := make([]byte, size)
	copy(b, id[:])
	binary.LittleEndian.PutUint32(b[16:], uint32(int32(signed)))
	binary.LittleEndian.PutUint32(b[20:], no)
	return b
}

// ParseRecord takes a record of a purse apart; false if it has another form.
func ParseRecord(b []byte) (id ID, signed int32, no uint32, ok bool) {
	if len(b) < recordSize {
		return ID{}, 0, 0, false
	}
	return ID(b[:16]), int32(binary.LittleEndian.Uint32(b[16:])), binary.LittleEndian.Uint32(b[20:]), true
}
