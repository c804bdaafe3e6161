package dump

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// dfcFile reads the lines of a file. Its first error stays.
type dfcFile struct {
	*lines
	of  string
	err error
}

// need is the line of a member.
func (x *dfcFile) need(name string) *entry {
	if x.err != nil {
		return nil
	}
	e, err := x.lines.need(x.of + " " + name)
	x.err = err
	return e
}

func (x *dfcFile) has(name string) bool {
	_, ok := x.get("%s %s", x.of, name)
	return ok
}

func (x *dfcFile) number(name string, least, most int64) int64 {
	e := x.need(name)
	if x.err != nil {
		return 0
	}
	n, err := x.lines.number(e, least, most)
	x.err = err
	return n
}

func (x *dfcFile) bytes(name string, n int) []byte {
	e := x.need(name)
	if x.err != nil {
		return make([]byte, n)
	}
	b, err := x.lines.bytes(e, n)
	if x.err = err; err != nil {
		return make([]byte, n)
	}
	return b
}

// optional is nil if it is not there.
func (x *dfcFile) optional(name string, n int) []byte {
	if x.err != nil || !x.has(name) {
		return nil
	}
	return x.bytes(name, n)
}

const maxU24 = 1<<24 - 1

func (x *dfcFile) u24(name string) uint32 { return uint32(x.number(name, 0, maxU24)) }

func (x *dfcFile) value(name string) int32 { return int32(x.number(name, -1<<31, 1<<31-1)) }

func (x *dfcFile) settings() *wire.FileSettings {
	kind := x.need("Type")
	if x.err != nil {
		return nil
	}
	t := slices.Index(dfcTypes, kind.value)
	if t < 0 {
		x.err = kind.fault(x.format, "want Standard Data, Backup Data, Value, Linear Record, Cyclic Record or Transaction MAC")
		return nil
	}
	access := x.bytes("Access Rights", 2)
	fs := &wire.FileSettings{
		Type: wire.FileType(t), Option: wire.FileOption(x.bytes("Communication Settings", 1)[0]),
		Access: wire.AccessRightsFromUint16(uint16(access[0])<<8 | uint16(access[1])),
	}
	switch fs.Type {
	case wire.FileStandard, wire.FileBackup:
		fs.Size = x.u24("Size")
		if x.has("SDM Options") {
			fs.Option |= wire.OptionSDM
			fs.SDM = x.sdm()
		}
	case wire.FileValue:
		fs.Lower, fs.Upper = x.value("Value Lower Limit"), x.value("Value Upper Limit")
		fs.Flags = wire.ValueFlags(x.bytes("Limited Credit", 1)[0])
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		fs.RecordSize, fs.MaxRecords, fs.Records = x.u24("Record Size"), x.u24("Max Records"), x.u24("Record Count")
	case wire.FileTransactionMAC:
		fs.TMKeyOption = wire.TMKeyOption(x.number("Transaction Key Type", 0, 0xFF))
		fs.TMKeyVersion = wire.KeyVersion(x.bytes("Transaction Key Version", 1)[0])
		x.has("Previous Reader ID")
	}
	return fs
}

func (x *dfcFile) sdm() *wire.SDM {
	access := x.bytes("SDM Access Rights", 2)
	s := &wire.SDM{Options: wire.SDMOptions(x.bytes("SDM Options", 1)[0]), Access: wire.SDMAccess(uint16(access[0])<<8 | uint16(access[1]))}
	for _, o := range [...]struct {
		name string
		to   *uint32
	}{
		{"UID Offset", &s.UIDOffset}, {"Counter Offset", &s.ReadCtrOffset}, {"PICC Data Offset", &s.PICCDataOffset},
		{"MAC Input Offset", &s.MACInputOffset}, {"MAC Offset", &s.MACOffset}, {"Encrypted File Offset", &s.ENCOffset},
		{"Encrypted File Length", &s.ENCLength}, {"Counter Limit", &s.ReadCtrLimit},
	} {
		if name := "SDM " + o.name; x.has(name) {
			*o.to = x.u24(name)
		}
	}
	return s
}

func (x *dfcFile) content(f *inspect.File) error {
	switch fs := f.Settings; fs.Type {
	case wire.FileValue:
		v := x.value("Value")
		f.Value = &v
		return x.err
	case wire.FileTransactionMAC:
		n := x.number("Transaction Counter", 0, 1<<32-1)
		return setData(f, slices.Concat([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, x.bytes("Transaction MAC", 8)))
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		var list []inspect.Hex
		sum := 0
		for n := 0; x.err == nil && x.has(fmt.Sprintf("Record %02X", n)); n++ {
			r := x.bytes(fmt.Sprintf("Record %02X", n), 0)
			list, sum = append(list, r), sum+len(r)
		}
		x.has("Record Complete")
		return setRecords(f, list, sum)
	}
	data := x.optional("Data", 0)
	x.has("Data Complete")
	if x.err != nil {
		return x.err
	}
	if f.SDM != nil {
		n := x.u24("SDM Read Counter")
		f.ReadCounter = &n
	}
	return setData(f, data)
}
