package sim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// memory is the content that i describes. It fails where a card could not hold
// it.
func (i *Image) memory() (*memory, error) {
	p, ok := profiles[i.Generation]
	if !ok {
		return nil, fmt.Errorf("image: generation is missing or not known")
	}
	if _, ok := p.sizes[i.Storage]; !ok {
		return nil, fmt.Errorf("image: storage %d: %s", i.Storage, p.madeWith(i.Generation))
	}
	m := &memory{generation: i.Generation, storage: i.Storage, used: i.Used}
	for _, b := range []struct {
		name string
		from Hex
		to   []byte
	}{
		{"uid", i.UID, m.uid[:]},
		{"getVersion.hardware", i.GetVersion.Hardware, m.version.Hardware[:]},
		{"getVersion.software", i.GetVersion.Software, m.version.Software[:]},
		{"getVersion.production", i.GetVersion.Production, m.version.Production[:]},
		{"signature", i.Signature, m.signature[:]},
	} {
		if len(b.from) != len(b.to) {
			return nil, fmt.Errorf("image: %s has %d bytes, want %d", b.name, len(b.from), len(b.to))
		}
		copy(b.to, b.from)
	}
	var err error
	if m.settings, err = oneByte("keySettings", i.KeySettings); err != nil {
		return nil, err
	}
	if err := i.Config.configure(&m.config); err != nil {
		return nil, err
	}
	if m.used < 0 || m.used > m.capacity() {
		return nil, fmt.Errorf("image: %d bytes used of %d", m.used, m.capacity())
	}
	if err := i.filesFit(); err != nil {
		return nil, err
	}
	for _, x := range i.Applications {
		a, err := x.application(p)
		if err != nil {
			return nil, fmt.Errorf("image: application %v: %w", x.AID, err)
		}
		if a.aid == wire.PICC || m.app(a.aid) != nil {
			return nil, fmt.Errorf("image: application %v: this identifier is taken", x.AID)
		}
		m.apps = append(m.apps, a)
	}
	for _, s := range i.Slots {
		if s.Quota < 0 || s.Used < 0 || s.Used > s.Quota || m.slot(s.No) != nil || s.AID != wire.PICC && m.app(s.AID) == nil {
			return nil, fmt.Errorf("image: delegated slot %d does not fit", s.No)
		}
		m.slots = append(m.slots, s)
	}
	if err := i.takeKeys(m); err != nil {
		return nil, err
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// filesFit refuses files that no card has room for, before they get any.
func (i *Image) filesFit() error {
	room := maxFiles
	for _, a := range i.Applications {
		for _, f := range a.Files {
			if f.Size < 0 || f.Size > room {
				return fmt.Errorf("image: the files up to %d of application %v have more than %d bytes", f.No, a.AID, maxFiles)
			}
			room -= f.Size
		}
	}
	return nil
}

// maxFiles is what all files together have at most, with the largest memory.
const maxFiles = 1 << 16

func oneByte(name string, h Hex) (wire.KeySett1, error) {
	if len(h) != 1 {
		return 0, fmt.Errorf("image: %s has %d bytes, want 1", name, len(h))
	}
	return wire.KeySett1(h[0]), nil
}

func isoID(h Hex) (wire.ISOFID, error) {
	switch len(h) {
	case 0:
		return 0, nil
	case 2:
		return wire.ISOFID(h[0])<<8 | wire.ISOFID(h[1]), nil
	}
	return 0, fmt.Errorf("isoID %X has %d bytes, want 2", []byte(h), len(h))
}

func keyType(name string) (wire.KeyType, error) {
	if k := slices.Index(keyTypeNames[:], name); k >= 0 {
		return wire.KeyType(k), nil
	}
	return 0, fmt.Errorf("key type %q: want des, 3k3des or aes", name)
}

func (x *ImageApplication) application(p profile) (a *application, err error) {
	a = &application{aid: x.AID, keyCount: x.KeyCount, fileIDs: x.ISOFileIDs, dfName: x.DFName}
	switch len(x.KeySettings) {
	case 2:
		a.settings3 = wire.KeySett3(x.KeySettings[1])
		fallthrough
	case 1:
		a.settings = wire.KeySett1(x.KeySettings[0])
	default:
		return nil, fmt.Errorf("keySettings %X have %d bytes, want 1 or 2", []byte(x.KeySettings), len(x.KeySettings))
	}
	if a.keyType, err = keyType(x.KeyType); err != nil {
		return nil, err
	}
	if a.isoID, err = isoID(x.ISOID); err != nil {
		return nil, err
	}
	switch {
	case x.KeyCount < 0 || x.KeyCount > wire.MaxKeys:
		return nil, fmt.Errorf("keyCount %d: want 0 to %d", x.KeyCount, wire.MaxKeys)
	case len(x.DFName) > wire.MaxDFName:
		return nil, fmt.Errorf("dfName has %d bytes, want up to %d", len(x.DFName), wire.MaxDFName)
	}
	if x.KeySets != nil {
		if a.sets, err = x.KeySets.sets(); err != nil {
			return nil, err
		}
	}
	for _, y := range x.Files {
		f, err := y.file()
		if err != nil {
			return nil, fmt.Errorf("file %d: %w", y.No, err)
		}
		if y.No < 0 || y.No >= p.maxFiles || a.file(f.no) != nil {
			return nil, fmt.Errorf("file %d: the number is taken or out of range", y.No)
		}
		a.files = append(a.files, f)
	}
	return a, nil
}

func (x *ImageFile) file() (f *file, err error) {
	f = &file{no: wire.FileNo(x.No), recordSize: x.RecordSize, maxRecords: x.MaxRecords}
	if f.typ, err = fileType(x.Type); err != nil {
		return nil, err
	}
	if f.comm, err = commMode(x.Comm); err != nil {
		return nil, err
	}
	if f.rights, err = rightsOf(x.Rights); err != nil {
		return nil, err
	}
	for _, h := range x.More {
		r, err := rightsOf(h)
		if err != nil {
			return nil, err
		}
		f.additional = append(f.additional, r)
	}
	if len(f.additional) > 7 {
		return nil, fmt.Errorf("%d additional rights, at most 7", len(f.additional))
	}
	if f.isoID, err = isoID(x.ISOID); err != nil {
		return nil, err
	}
	switch f.typ {
	case wire.FileStandard, wire.FileBackup:
		err = x.dataFile(f)
	case wire.FileValue:
		err = x.valueFile(f)
	case wire.FileTransactionMAC:
		err = x.tmacFile(f)
	default:
		err = x.recordFile(f)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func fileType(name string) (wire.FileType, error) {
	for t := wire.FileStandard; t <= wire.FileTransactionMAC; t++ {
		if t.String() == name {
			return t, nil
		}
	}
	return wire.FileUnknown, fmt.Errorf("type %q: want standard, backup, value, linear, cyclic or tmac", name)
}

func commMode(name string) (wire.CommMode, error) {
	for _, m := range [...]wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
		if m.String() == name {
			return m, nil
		}
	}
	return 0, fmt.Errorf("comm %q: want plain, mac or full", name)
}

func (x *ImageFile) dataFile(f *file) error {
	if x.Size < 1 || x.Size > 1<<24 || len(x.Data) > x.Size {
		return fmt.Errorf("size %d does not fit %d bytes of data", x.Size, len(x.Data))
	}
	if x.SDM != nil {
		if err := x.SDM.mirrors(f); err != nil {
			return fmt.Errorf("sdm: %w", err)
		}
	}
	f.data = make([]byte, x.Size)
	copy(f.data, x.Data)
	return nil
}

// mirrors gives a file secure dynamic messaging.
func (x *ImageSDM) mirrors(f *file) error {
	f.sdmOption, f.readCtr = true, x.ReadCtr
	if len(x.Settings) > 0 {
		f.sdm = new(wire.SDM)
		if err := new(wire.Coder).Decode(x.Settings, nil, f.sdm); err != nil {
			return err
		}
	}
	if f.typ != wire.FileStandard || f.readCtr > maxReadCtr {
		return errors.New("wrong type of file or counter out of range")
	}
	return nil
}

func (x *ImageFile) valueFile(f *file) error {
	v := x.Value
	if v == nil || v.Value < v.Lower || v.Value > v.Upper || v.LimitedCredit < 0 {
		return errors.New("the value is missing or beyond its limits")
	}
	f.lower, f.upper, f.value, f.limited = v.Lower, v.Upper, v.Value, v.LimitedCredit
	f.limitedOn, f.freeGet, f.configured = v.Limited, v.FreeGetValue, v.Configured
	return nil
}

func (x *ImageFile) tmacFile(f *file) error {
	t := x.TMAC
	if t == nil || len(t.Value) != 8 || len(t.ReaderID) != 16 {
		return errors.New("tmac is missing, or its value is not 8 or its readerID not 16 bytes")
	}
	f.tmac = &transactionMAC{exclude: t.Exclude, counter: t.Counter, value: [8]byte(t.Value), readerID: [16]byte(t.ReaderID)}
	if t.Limit != nil {
		f.tmac.limited, f.tmac.limit = true, *t.Limit
	}
	return nil
}

func (x *ImageFile) recordFile(f *file) error {
	if x.RecordSize < 1 || x.MaxRecords < 1 || x.RecordSize > 1<<24 || x.MaxRecords > 1<<24 || len(x.Records) > f.visible() {
		return fmt.Errorf("%d records of %d bytes do not fit %d", len(x.Records), x.RecordSize, x.MaxRecords)
	}
	for n, r := range x.Records {
		if len(r) != x.RecordSize {
			return fmt.Errorf("record %d has %d bytes, want %d", n, len(r), x.RecordSize)
		}
		f.records = append(f.records, r)
	}
	return nil
}
