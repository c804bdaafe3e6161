package sim

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

func settingsCommands() []*command {
	change := on((*Card).changeFileSettings)
	m := change.msg.(*wire.ChangeFileSettings)
	change.judge = func(c *Card) wire.Status { return c.access(opChange, m.File) }
	return []*command{on((*Card).getFileSettings), change}
}

func (c *Card) getFileSettings(m *wire.GetFileSettings, rsp *wire.FileSettings) wire.Status {
	f := c.fileOf(m.File)
	if f == nil {
		return wire.StatusFileNotFound
	}
	if st := c.allowedBy(c.call.app.settings, wire.SettFreeDirectory); st != wire.StatusOK {
		return st
	}
	*rsp = *f.settings(c.nvm.config.lrp(), c.quirks.SDMBlockAtCreate)
	return wire.StatusOK
}

// settings are what GetFileSettings answers: under LRP a limit is shorter, and
// some cards show the block of secure dynamic messaging from the beginning.
func (f *file) settings(lrp, sdmBlock bool) *wire.FileSettings {
	rsp := &wire.FileSettings{
		Type: f.typ, Option: wire.FileOption(f.comm), Access: f.rights, Size: uint32(len(f.data)),
		Lower: f.lower, Upper: f.upper, LimitedCredit: f.limited,
		RecordSize: uint32(f.recordSize), MaxRecords: uint32(f.maxRecords), Records: uint32(len(f.records)),
		Additional: f.additional,
	}
	if f.limitedOn {
		rsp.Flags |= wire.ValueLimitedCredit
	}
	if f.freeGet {
		rsp.Flags |= wire.ValueFreeGet
	}
	if f.sdmOption {
		rsp.Option |= wire.OptionSDM
		switch {
		case f.sdm != nil:
			block := *f.sdm
			rsp.SDM = &block
		case sdmBlock:
			rsp.SDM = &wire.SDM{Access: sdmNobody}
		}
	}
	if t := f.tmac; t != nil {
		rsp.TMKeyOption, rsp.TMKeyVersion = wire.TMKeyAES, wire.KeyVersion(t.version)
		if t.exclude {
			rsp.Option |= wire.OptionTMIExclude
		}
		if t.limited {
			rsp.Option |= wire.OptionTMCLimit
			rsp.Limit = wire.TMCLimit{Limit: t.limit, Short: lrp}
		}
	}
	return rsp
}

// sdmNobody are the rights of a file that is to mirror but was not told what.
const sdmNobody wire.SDMAccess = 0xFFFF

// changeFileSettings changes mode and rights, and what belongs to them.
func (c *Card) changeFileSettings(m *wire.ChangeFileSettings, _ *wire.Empty) wire.Status {
	f := c.call.file
	known := wire.FileOption(3)
	if c.gen.Has(wire.FeatureAdditionalAR) {
		known |= wire.OptionAdditionalAR
	}
	if f.typ == wire.FileStandard && c.gen.Has(wire.FeatureFileCounters) {
		known |= wire.OptionSDM
	}
	if f.tmac != nil {
		known = 3 | wire.OptionTMIExclude | wire.OptionTMCLimit
	}
	switch {
	case m.Option.Has(wire.OptionSDM) && c.gen == wire.NTAG424 && f.no != fileNDEF:
		return wire.StatusPermissionDenied
	case m.Option&^known != 0,
		!c.quirks.AbsentKeyInRights && !c.rightsExist(m),
		m.SDM != nil && !checkSDM(c.nvm.sdmFacts(c.call.app, f), m.SDM),
		f.tmac != nil && !c.checkTMAC(f.tmac, m):
		return wire.StatusParameterError
	}
	next := c.nvm.edit()
	e := next.editApp(c.call.app.aid).editFile(f.no)
	e.comm, e.rights, e.additional = m.Option.Comm(), m.Access, slices.Clone(m.Additional)
	e.sdmOption, e.sdm, e.readCtr = m.Option.Has(wire.OptionSDM), nil, 0
	if m.SDM != nil {
		block := *m.SDM
		e.sdm = &block
	}
	if e.tmac != nil {
		t := *e.tmac
		t.exclude, t.limited, t.limit = m.Option.Has(wire.OptionTMIExclude), m.Option.Has(wire.OptionTMCLimit), m.Limit.Limit
		e.tmac = &t
	}
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	c.v.sdm = sdmRead{}
	if e.tmac != nil && (m.Option.Has(wire.OptionTMCLimit) || m.Option.Has(wire.OptionTMIExclude)) {
		c.v.pending.clear() // hardware notes 3
	}
	return wire.StatusOK
}

// fileNDEF is the only file of NTAG 424 DNA that mirrors.
const fileNDEF wire.FileNo = 2

// checkTMAC judges new settings of a transaction MAC file (hardware notes 4).
func (c *Card) checkTMAC(t *transactionMAC, m *wire.ChangeFileSettings) bool {
	counter := t.committed(c.nvm.config.lrp())
	return m.Access.Write == wire.Never &&
		!(m.Option.Has(wire.OptionTMIExclude) && m.Access.ReadWrite == wire.Free) &&
		!(m.Option.Has(wire.OptionTMCLimit) && m.Limit.Limit <= counter)
}

func (c *Card) rightsExist(m *wire.ChangeFileSettings) bool {
	n := c.call.app.keyCount
	return rightsExist(m.Access, n) && !slices.ContainsFunc(m.Additional, func(r wire.AccessRights) bool { return !rightsExist(r, n) })
}

// freeChangeMode is the mode of a ChangeFileSettings that is free: plain
// outside a session; inside one the sources differ (command reference 5.5), and
// the length tells what the reader has chosen.
func (c *Card) freeChangeMode(body int) wire.CommMode {
	s := &c.v.session
	switch s.scheme {
	case wire.SchemeD40, wire.SchemeEV1:
		if body > 0 && body%s.block == 0 {
			return wire.CommFull
		}
	case wire.SchemeEV2, wire.SchemeLRP:
		if body > 8 && (body-8)%16 == 0 {
			return wire.CommFull
		}
		if body >= 3+8 {
			return wire.CommMAC
		}
	}
	return wire.CommPlain
}
