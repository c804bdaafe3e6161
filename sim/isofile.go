package sim

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// isoFile finds the file that an ISO command means, selects it if it is named,
// and judges the access. ISO commands are plain: a key counts only in a session
// before EV2, for files in plain mode, and in an EV1 session for reading files in
// MAC mode, whose answers then carry a CMAC (command reference 15).
func (c *Card) isoFile(op operation, named bool, id uint8) wire.Status {
	a := c.call.app
	switch {
	case c.v.session.scheme == wire.SchemeEV2, c.v.session.scheme == wire.SchemeLRP:
		return wire.StatusISOSecurityStatus
	case a == nil:
		return wire.StatusISOConditionsOfUse
	case named && id != 0:
		if a.file(wire.FileNo(id)) == nil {
			return wire.StatusISOFileNotFound
		}
		c.v.ef, c.v.efSelected = wire.FileNo(id), true
	}
	if !c.v.efSelected || a.tmacFile() != nil {
		return wire.StatusISOConditionsOfUse
	}
	switch c.access(op, c.v.ef) {
	case wire.StatusOK:
		maced := c.call.mode == wire.CommMAC && op.read && c.v.session.scheme == wire.SchemeEV1
		if c.call.mode != wire.CommPlain && !maced {
			return wire.StatusISOSecurityStatus
		}
		return wire.StatusOK
	case wire.StatusFileNotFound:
		return wire.StatusISOFileNotFound
	}
	if c.call.file != nil && !op.worksOn(c.call.file.typ) {
		return wire.StatusISOConditionsOfUse
	}
	return wire.StatusISOSecurityStatus
}

// isoStatus is a native status in ISO words.
func isoStatus(st wire.Status) wire.Status {
	switch st {
	case wire.StatusEEPROMError, wire.StatusOutOfEEPROM:
		return wire.StatusISOMemoryFailure
	case wire.StatusBoundaryError:
		return wire.StatusISONotEnoughMemory
	case wire.StatusLengthError:
		return wire.StatusISOWrongLength
	case wire.StatusPermissionDenied:
		return wire.StatusISOConditionsOfUse
	}
	return st
}

// ev1MAC is how long the CMAC of an EV1 session is.
const ev1MAC = 8

func (c *Card) isoReadBinary(m *wire.ISOReadBinary, rsp *wire.Data) wire.Status {
	if st := c.isoFile(opISORead, m.EF.InP1, m.EF.ID); st != wire.StatusOK {
		return st
	}
	data := c.call.file.data
	if int(m.Offset) >= len(data) {
		return wire.StatusISOWrongP1P2
	}
	data, st := c.mirrored(data)
	if st != wire.StatusOK {
		return wire.StatusISOSecurityStatus
	}
	rest := data[m.Offset:]
	room := m.Length
	if c.call.mode == wire.CommMAC { // it counts in Le
		if room -= ev1MAC; room <= 0 {
			return wire.StatusISOWrongLength
		}
	}
	n := min(room, len(rest))
	rsp.Data = append(rsp.Data[:0], rest[:n]...)
	if room > len(rest) && m.Length != 256 && c.quirks.WarnEndOfFile {
		return wire.StatusISOEndOfFile
	}
	return wire.StatusOK
}

func (c *Card) isoUpdateBinary(m *wire.ISOUpdateBinary, _ *wire.Empty) wire.Status {
	if st := c.isoFile(opISOWrite, m.EF.InP1, m.EF.ID); st != wire.StatusOK {
		return st
	}
	f := c.call.file
	switch {
	case len(m.Data) == 0:
		return wire.StatusISOWrongLength
	case int(m.Offset)+len(m.Data) > len(f.data):
		return c.quirks.StatusUpdateBeyondEnd
	}
	return isoStatus(c.writeData(&wire.WriteData{File: f.no, Offset: uint32(m.Offset), Data: m.Data}, nil))
}

// isoReadRecord reads records, the newest first by number.
func (c *Card) isoReadRecord(m *wire.ISOReadRecord, rsp *wire.Data) wire.Status {
	if m.Mode != wire.RecordOne && m.Mode != wire.RecordFrom {
		return wire.StatusISOWrongP1P2
	}
	if st := c.isoFile(opReadRecords, m.EF != 0, m.EF); st != wire.StatusOK {
		return st
	}
	n := uint32(1)
	if m.Mode == wire.RecordFrom {
		n = 0
	}
	if c.readRecords(&wire.ReadRecords{File: c.call.file.no, Record: c.isoRecordNo(m.Record), Count: n}, rsp) != wire.StatusOK {
		return wire.StatusISORecordNotFound
	}
	room := m.Length
	if c.call.mode == wire.CommMAC {
		room = max(room-ev1MAC, 0)
	}
	rsp.Data = rsp.Data[:min(len(rsp.Data), room)]
	return wire.StatusOK
}

// isoRecordNo is the native number of the record that P1 names. 00 is the
// current record, which is the newest.
func (c *Card) isoRecordNo(p1 uint8) uint32 {
	return uint32(p1 - min(p1, c.quirks.ISORecordBase))
}

// isoAppendRecord begins the record of the transaction.
func (c *Card) isoAppendRecord(m *wire.ISOAppendRecord, _ *wire.Empty) wire.Status {
	if st := c.isoFile(opWriteRecord, m.EF != 0, m.EF); st != wire.StatusOK {
		return st
	}
	w := &wire.WriteRecord{File: c.call.file.no, Data: m.Data}
	if st := c.recordFits(0, len(m.Data)); st != wire.StatusOK {
		if st == wire.StatusBoundaryError && len(m.Data) > c.call.file.recordSize {
			return wire.StatusISOWrongLength
		}
		return isoStatus(st)
	}
	return isoStatus(c.writeRecord(w, nil))
}

// isoUpdateRecord changes a record at CommitTransaction. Its layout is that of
// ISO 7816-4, unverified.
func (c *Card) isoUpdateRecord(m *wire.ISOUpdateRecord, _ *wire.Empty) wire.Status {
	if m.Mode != wire.RecordOne {
		return wire.StatusISOWrongP1P2
	}
	if st := c.isoFile(opChangeRecords, m.EF != 0, m.EF); st != wire.StatusOK {
		return st
	}
	record := c.isoRecordNo(m.Record)
	switch st := c.updateFits(record, 0, len(m.Data)); {
	case int(record) >= len(c.call.file.records):
		return wire.StatusISORecordNotFound
	case st == wire.StatusBoundaryError:
		return wire.StatusISOWrongLength
	case st != wire.StatusOK:
		return isoStatus(st)
	}
	return isoStatus(c.updateRecord(&wire.UpdateRecord{
		File: c.call.file.no, Record: record, Data: slices.Clone(m.Data),
	}, nil))
}
