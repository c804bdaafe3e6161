package sim

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

func recordCommands() []*command {
	writeFits := func(c *Card, m *wire.WriteRecord) wire.Status { return c.recordFits(m.Offset, c.coder.Announced()) }
	updateFits := func(c *Card, m *wire.UpdateRecord) wire.Status {
		return c.updateFits(m.Record, m.Offset, c.coder.Announced())
	}
	// The same without AF chaining.
	readISO := onFile(opReadRecords, nil,
		func(c *Card, m *wire.ReadRecordsISO, rsp *wire.Data) wire.Status {
			return c.readRecords(&m.ReadRecords, rsp)
		})
	writeISO := onFile(opWriteRecord,
		func(c *Card, m *wire.WriteRecordISO) wire.Status { return writeFits(c, &m.WriteRecord) },
		func(c *Card, m *wire.WriteRecordISO, rsp *wire.Empty) wire.Status {
			return c.writeRecord(&m.WriteRecord, rsp)
		})
	updateISO := onFile(opChangeRecords,
		func(c *Card, m *wire.UpdateRecordISO) wire.Status { return updateFits(c, &m.UpdateRecord) },
		func(c *Card, m *wire.UpdateRecordISO, rsp *wire.Empty) wire.Status {
			return c.updateRecord(&m.UpdateRecord, rsp)
		})
	readISO.whole, writeISO.whole, updateISO.whole = true, true, true
	return []*command{
		onFile(opReadRecords, nil, (*Card).readRecords),
		onFile(opWriteRecord, writeFits, (*Card).writeRecord),
		onFile(opChangeRecords, updateFits, (*Card).updateRecord),
		readISO, writeISO, updateISO,
		onFile(opChangeRecords, nil, (*Card).clearRecordFile),
	}
}

// visible is how many records the file holds for readers: one slot of a cyclic
// file is the working copy.
func (f *file) visible() int {
	if f.typ == wire.FileCyclicRecord {
		return f.maxRecords - 1
	}
	return f.maxRecords
}

// readRecords answers committed records, the oldest of the range first. Record
// 0 is the newest.
func (c *Card) readRecords(m *wire.ReadRecords, rsp *wire.Data) wire.Status {
	f := c.call.file
	have := uint32(len(f.records))
	count := m.Count
	if count == 0 && m.Record < have {
		count = have - m.Record
	}
	if m.Record >= have || count > have-m.Record {
		return wire.StatusBoundaryError
	}
	rsp.Data = rsp.Data[:0]
	last := have - m.Record
	for _, r := range f.records[last-count : last] {
		rsp.Data = append(rsp.Data, r...)
	}
	c.track(c.header(f.no, m.Record, count), rsp.Data)
	return wire.StatusOK
}

// recordFits judges the header of WriteRecord.
func (c *Card) recordFits(offset uint32, n int) wire.Status {
	f := c.call.file
	p := c.v.pending.find(c.call.app.aid, f.no)
	switch {
	case n == 0:
		return wire.StatusLengthError // command reference 2.5
	case p != nil && p.record != nil && p.recordBy != c.v.session.first && c.quirks.StatusForeignRecord != wire.StatusOK:
		return c.quirks.StatusForeignRecord
	case p != nil && (p.cleared || p.update != nil):
		return wire.StatusPermissionDenied // after ClearRecordFile or UpdateRecord: hardware notes 5
	case int(offset) >= f.recordSize || n > f.recordSize-int(offset):
		return wire.StatusBoundaryError
	case f.typ == wire.FileLinearRecord && len(f.records) >= f.maxRecords:
		return wire.StatusBoundaryError
	}
	return wire.StatusOK
}

// writeRecord writes into the one new record of the transaction.
func (c *Card) writeRecord(m *wire.WriteRecord, _ *wire.Empty) wire.Status {
	f := c.call.file
	p := c.pendingOf(f)
	if p.record == nil {
		p.record, p.recordBy = make([]byte, f.recordSize), c.v.session.first
	}
	copy(p.record[m.Offset:], m.Data)
	c.track(c.header(f.no, m.Offset, uint32(len(m.Data))), m.Data)
	return wire.StatusOK
}

// updateFits judges the header of UpdateRecord.
func (c *Card) updateFits(record, offset uint32, n int) wire.Status {
	f := c.call.file
	p := c.v.pending.find(c.call.app.aid, f.no)
	switch {
	case n == 0:
		return wire.StatusLengthError
	case p != nil && (p.cleared || p.record != nil || p.update != nil && p.updated != int(record)):
		return wire.StatusPermissionDenied // hardware notes 5
	case int(record) >= len(f.records),
		int(offset) >= f.recordSize || n > f.recordSize-int(offset):
		return wire.StatusBoundaryError
	}
	return wire.StatusOK
}

// updateRecord changes one committed record at Commit.
func (c *Card) updateRecord(m *wire.UpdateRecord, _ *wire.Empty) wire.Status {
	f := c.call.file
	p := c.pendingOf(f)
	if p.update == nil {
		p.updated = int(m.Record)
		p.update = slices.Clone(f.records[len(f.records)-1-p.updated])
	}
	copy(p.update[m.Offset:], m.Data)
	c.track(c.header(f.no, m.Record, m.Offset, uint32(len(m.Data))), m.Data)
	return wire.StatusOK
}

// clearRecordFile empties the file at Commit.
func (c *Card) clearRecordFile(*wire.ClearRecordFile, *wire.Empty) wire.Status {
	p := c.pendingOf(c.call.file)
	p.cleared, p.record, p.update = true, nil, nil
	c.track(c.header(c.call.file.no), nil)
	return wire.StatusOK
}
