package sim

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

func fileCommands() []*command {
	return []*command{
		on((*Card).getFileIDs),
		on((*Card).getISOFileIDs),
		on((*Card).createStdDataFile),
		on((*Card).createBackupDataFile),
		on((*Card).createValueFile),
		on((*Card).createLinearRecordFile),
		on((*Card).createCyclicRecordFile),
		on((*Card).deleteFile),
	}
}

// getFileIDs lists the files in order of creation, as recorded from a D40
// (testdata/dumps/orca-d40-4k.json is not sorted).
func (c *Card) getFileIDs(_ *wire.GetFileIDs, rsp *wire.FileIDs) wire.Status {
	rsp.Files = rsp.Files[:0]
	for _, f := range c.call.app.files {
		rsp.Files = append(rsp.Files, f.no)
	}
	return c.allowedBy(c.call.app.settings, wire.SettFreeDirectory)
}

func (c *Card) getISOFileIDs(_ *wire.GetISOFileIDs, rsp *wire.ISOFileIDs) wire.Status {
	rsp.FIDs = rsp.FIDs[:0]
	for _, f := range c.call.app.files {
		if f.isoID != 0 {
			rsp.FIDs = append(rsp.FIDs, f.isoID)
		}
	}
	return c.allowedBy(c.call.app.settings, wire.SettFreeDirectory)
}

func (c *Card) createStdDataFile(m *wire.CreateStdDataFile, _ *wire.Empty) wire.Status {
	return c.createDataFile(wire.FileStandard, m.File, m.FID, m.Option, m.Access, m.Size)
}

func (c *Card) createBackupDataFile(m *wire.CreateBackupDataFile, _ *wire.Empty) wire.Status {
	return c.createDataFile(wire.FileBackup, m.File, m.FID, m.Option, m.Access, m.Size)
}

func (c *Card) createDataFile(t wire.FileType, no wire.FileNo, id wire.ISOFID, o wire.FileOption, r wire.AccessRights, size uint32) wire.Status {
	if size == 0 {
		return wire.StatusParameterError
	}
	return c.createFile(&file{no: no, typ: t, rights: r, isoID: id}, o, int(size))
}

func (c *Card) createValueFile(m *wire.CreateValueFile, _ *wire.Empty) wire.Status {
	known := wire.ValueLimitedCredit
	if c.gen.Has(wire.FeatureEV1Commands) {
		known |= wire.ValueFreeGet
	}
	if m.Lower > m.Value || m.Value > m.Upper || m.Flags&^known != 0 {
		return wire.StatusParameterError
	}
	return c.createFile(&file{
		no: m.File, typ: wire.FileValue, rights: m.Access,
		lower: m.Lower, upper: m.Upper, value: m.Value,
		limitedOn: m.Flags.Has(wire.ValueLimitedCredit), freeGet: m.Flags.Has(wire.ValueFreeGet),
	}, m.Option, 0)
}

func (c *Card) createLinearRecordFile(m *wire.CreateLinearRecordFile, _ *wire.Empty) wire.Status {
	return c.createRecordFile(wire.FileLinearRecord, m.File, m.FID, m.Option, m.Access, m.RecordSize, m.MaxRecords, 1)
}

func (c *Card) createCyclicRecordFile(m *wire.CreateCyclicRecordFile, _ *wire.Empty) wire.Status {
	return c.createRecordFile(wire.FileCyclicRecord, m.File, m.FID, m.Option, m.Access, m.RecordSize, m.MaxRecords, 2)
}

func (c *Card) createRecordFile(
	t wire.FileType, no wire.FileNo, id wire.ISOFID, o wire.FileOption, r wire.AccessRights, size, n, least uint32,
) wire.Status {
	if size == 0 || n < least {
		return wire.StatusParameterError
	}
	return c.createFile(&file{no: no, typ: t, rights: r, isoID: id, recordSize: int(size), maxRecords: int(n)}, o, 0)
}

// createFile creates a file with size bytes of data. Files of an application
// have ISO identifiers all or none; those that cannot have one are left out.
func (c *Card) createFile(f *file, option wire.FileOption, size int) wire.Status {
	if f.no.Secondary() && c.v.second != wire.PICC {
		c.call.app = c.nvm.app(c.v.second)
		f.no = f.no.Local()
	}
	a := c.call.app
	f.comm = option.Comm()
	known := wire.FileOption(3)
	if f.typ == wire.FileStandard && c.gen.Has(wire.FeatureFileCounters) && c.quirks.SDMAtCreate {
		known |= wire.OptionSDM
		f.sdmOption = option.Has(wire.OptionSDM)
	}
	mayHaveID := f.typ != wire.FileValue && f.typ != wire.FileTransactionMAC
	switch {
	case mayHaveID && a.fileIDs != (f.isoID != 0):
		return wire.StatusLengthError
	case int(f.no) >= profiles[c.gen].maxFiles,
		option&^known != 0,
		f.isoID != 0 && reservedISOID(f.isoID),
		!c.quirks.AbsentKeyInRights && !rightsExist(f.rights, a.keyCount):
		return wire.StatusParameterError
	}
	if st := c.allowedBy(a.settings, wire.SettFreeCreate); st != wire.StatusOK {
		return st
	}
	for _, x := range a.files {
		if x.no == f.no || f.isoID != 0 && x.isoID == f.isoID {
			return wire.StatusDuplicateError
		}
	}
	next := c.nvm.edit()
	if !next.allocateFor(a.aid, f.cost(size)) {
		return wire.StatusOutOfEEPROM
	}
	f.data = make([]byte, size)
	app := next.editApp(a.aid)
	app.files = append(app.files, f)
	return c.commit(next)
}

// rightsExist reports whether every key that the rights name is there.
func rightsExist(r wire.AccessRights, keys int) bool {
	for _, x := range [...]wire.Access{r.Read, r.Write, r.ReadWrite, r.Change} {
		if x < wire.Free && int(x) >= keys {
			return false
		}
	}
	return true
}

// deleteFile deletes a file. Its space stays taken until FormatPICC.
func (c *Card) deleteFile(m *wire.DeleteFile, _ *wire.Empty) wire.Status {
	f := c.fileOf(m.File)
	a := c.call.app
	switch {
	case f == nil:
		return wire.StatusFileNotFound
	case c.nvm.fixed() && f.tmac == nil:
		return wire.StatusPermissionDenied
	}
	if st := c.allowedBy(a.settings, wire.SettFreeCreate); st != wire.StatusOK {
		return st
	}
	next := c.nvm.edit()
	app := next.editApp(a.aid)
	if f.tmac != nil {
		app.deletedTMAC = f.tmac
	}
	app.files = slices.DeleteFunc(app.files, func(x *file) bool { return x.no == f.no })
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	c.v.pending.forget(a.aid, f.no)
	if f.tmac != nil {
		c.v.pending.clear()
	}
	return wire.StatusOK
}
