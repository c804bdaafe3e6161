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
	f := c.call.app.file(m.File)
	if f == nil {
		return wire.StatusFileNotFound
	}
	if st := c.allowedBy(c.call.app.settings, wire.SettFreeDirectory); st != wire.StatusOK {
		return st
	}
	*rsp = wire.FileSettings{
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
	if t := f.tmac; t != nil {
		rsp.TMKeyOption, rsp.TMKeyVersion = wire.TMKeyAES, wire.KeyVersion(t.version)
		if t.exclude {
			rsp.Option |= wire.OptionTMIExclude
		}
		if t.limited {
			rsp.Option |= wire.OptionTMCLimit
			rsp.Limit = wire.TMCLimit{Limit: t.limit, Short: c.nvm.config.lrp()}
		}
	}
	return wire.StatusOK
}

// changeFileSettings changes mode and rights.
func (c *Card) changeFileSettings(m *wire.ChangeFileSettings, _ *wire.Empty) wire.Status {
	known := wire.FileOption(3)
	if c.gen.Has(wire.FeatureAdditionalAR) {
		known |= wire.OptionAdditionalAR
	}
	switch {
	case m.Option&^known != 0,
		!c.quirks.AbsentKeyInRights && !c.rightsExist(m):
		return wire.StatusParameterError
	}
	next := c.nvm.edit()
	f := next.editApp(c.call.app.aid).editFile(m.File)
	f.comm, f.rights, f.additional = m.Option.Comm(), m.Access, slices.Clone(m.Additional)
	return c.commit(next)
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
