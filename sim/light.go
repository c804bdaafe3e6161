package sim

import (
	"bytes"
	"github.com/go-desfire/desfire/wire"
)

// DESFire Light and NTAG 424 DNA come with one application and its files
// (command reference 16 and 17, hardware notes 8). The application has no
// identifier that a command could use; inside it has its ISO one.

func (m *memory) fixedApplication() {
	m.config.failed = failedAuth{Enabled: true, Limit: 1000, Decrement: 10}
	m.config.tamper = tamperUnset
	var a *application
	if m.generation == wire.Light {
		a = lightApplication()
	} else {
		a = ntag424Application()
	}
	a.settings = wire.SettMasterChangeable | wire.SettFreeDirectory | wire.SettChangeable
	a.keyType, a.keyCount, a.fileIDs = wire.KeyAES, 5, true
	for no := range a.keyCount {
		a.keys = append(a.keys, cardKey{no: wire.KeyNo(no), typ: wire.KeyAES, value: make([]byte, 16)})
	}
	m.apps = []*application{a}
}

func lightApplication() *application {
	return &application{
		aid: 0xDF01, isoID: 0xDF01,
		dfName: []byte{0xA0, 0x00, 0x00, 0x03, 0x96, 0x56, 0x43, 0x41, 0x03, 0xF0, 0x15, 0x40, 0x00, 0x00, 0x00, 0x0B},
		files: []*file{ // in the order of GetFileIDs (AN12343 tables 12 and 13)
			{no: 0x0F, typ: wire.FileTransactionMAC, comm: wire.CommFull, rights: rights(0x1F10), tmac: &transactionMAC{key: make([]byte, 16)}},
			{no: fileFCI, typ: wire.FileStandard, isoID: 0xEF1F, comm: wire.CommPlain, rights: rights(0xEF30), data: make([]byte, 32)},
			{no: 0x03, typ: wire.FileValue, comm: wire.CommFull, rights: rights(0x1230), upper: 1<<31 - 1, limitedOn: true, freeGet: true},
			{no: 0x00, typ: wire.FileStandard, isoID: 0xEF00, comm: wire.CommFull, rights: rights(0x1F30), data: make([]byte, 256)},
			{no: 0x01, typ: wire.FileCyclicRecord, isoID: 0xEF01, comm: wire.CommFull, rights: rights(0x1230), recordSize: 16, maxRecords: 5},
			{no: 0x04, typ: wire.FileStandard, isoID: 0xEF04, comm: wire.CommFull, rights: rights(0x1230), data: make([]byte, 256)},
		},
	}
}

func ntag424Application() *application {
	cc := make([]byte, 32)
	copy(cc, []byte{
		0x00, 0x17, 0x20, 0x01, 0x00, 0x00, 0xFF, // length, version, MLe, MLc
		0x04, 0x06, 0xE1, 0x04, 0x01, 0x00, 0x00, 0x00, // NDEF file
		0x05, 0x06, 0xE1, 0x05, 0x00, 0x80, 0x82, 0x83, // proprietary file
	})
	return &application{
		aid: 0xE110, isoID: 0xE110, dfName: bytes.Clone(wire.NDEFName[:]),
		files: []*file{
			{no: 0x01, typ: wire.FileStandard, isoID: 0xE103, rights: rights(0xE000), data: cc},
			{no: 0x02, typ: wire.FileStandard, isoID: 0xE104, rights: rights(0xEEE0), data: make([]byte, 256)},
			{no: 0x03, typ: wire.FileStandard, isoID: 0xE105, comm: wire.CommFull, rights: rights(0x2330), data: make([]byte, 128)},
		},
	}
}

func rights(v uint16) wire.AccessRights { return wire.AccessRightsFromUint16(v) }

// configureValueFile is option 09 of DESFire Light: the limits of its value
// file, once and before its first use.
func (c *Card) configureValueFile(next *memory, s *wire.ValueFileConfig) wire.Status {
	f := c.call.app.file(s.File)
	if f == nil || f.typ != wire.FileValue || f.configured {
		return wire.StatusPermissionDenied
	}
	if s.Lower > s.Value || s.Value > s.Upper || s.Flags&^(wire.ValueLimitedCredit|wire.ValueFreeGet) != 0 {
		return wire.StatusParameterError
	}
	e := next.editApp(c.call.app.aid).editFile(s.File)
	e.lower, e.upper, e.value, e.limited = s.Lower, s.Upper, s.Value, 0
	e.limitedOn, e.freeGet, e.configured = s.Flags.Has(wire.ValueLimitedCredit), s.Flags.Has(wire.ValueFreeGet), true
	c.v.pending.clear() // hardware notes 3
	return wire.StatusOK
}

// configureName is option 06 of DESFire Light: ISO identifier and DF name of the
// application, once. The layout has one source.
func (c *Card) configureName(next *memory, data []byte) wire.Status {
	if c.gen != wire.Light {
		return wire.StatusLengthError
	}
	if next.config.renamed {
		return wire.StatusPermissionDenied
	}
	if len(data) < 3 || len(data) > 2+wire.MaxDFName {
		return wire.StatusLengthError
	}
	id := wire.ISOFID(data[0]) | wire.ISOFID(data[1])<<8
	if reservedISOID(id) {
		return wire.StatusParameterError
	}
	a := next.editApp(c.call.app.aid)
	a.isoID, a.dfName = id, append([]byte(nil), data[2:]...)
	next.config.renamed = true
	return wire.StatusOK
}
