package sim

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

var keyTypeNames = [...]string{wire.KeyDES: "des", wire.Key3K3DES: "3k3des", wire.KeyAES: "aes"}

// keyLength is how many bytes a key of a type has on the card.
func keyLength(t wire.KeyType) int {
	if t == wire.Key3K3DES {
		return 24
	}
	return 16
}

// image is m in the form that is stored.
func (m *memory) image() *Image {
	i := &Image{
		Format: imageFormat, Version: imageVersion, Generation: m.generation, UID: slices.Clone(m.uid[:]),
		Storage: m.storage, Used: m.used, KeySettings: Hex{byte(m.settings)},
		GetVersion: ImageVersionBytes{
			Hardware: slices.Clone(m.version.Hardware[:]), Software: slices.Clone(m.version.Software[:]),
			Production: slices.Clone(m.version.Production[:]),
		},
		Signature:    slices.Clone(m.signature[:]),
		Config:       m.config.image(),
		Applications: []ImageApplication{}, Slots: slices.Clone(m.slots),
	}
	if d := &m.config; d.defaultVersion != 0 || d.defaultKey != [24]byte{} {
		i.DefaultKey = &ImageKey{Type: "any", Version: int(d.defaultVersion), Value: slices.Clone(d.defaultKey[:])}
	}
	i.addKeys(wire.PICC, 0, m.keys)
	for _, a := range m.apps {
		x := ImageApplication{
			AID: a.aid, KeySettings: Hex{byte(a.settings)}, KeyType: keyTypeNames[a.keyType], KeyCount: a.keyCount,
			ISOFileIDs: a.fileIDs, DFName: slices.Clone(a.dfName), Files: []ImageFile{},
		}
		x.ISOID = isoHex(a.isoID)
		if a.settings3 != 0 {
			x.KeySettings = append(x.KeySettings, byte(a.settings3))
		}
		if a.sets != nil {
			x.KeySets = a.sets.image()
		}
		for _, f := range a.files {
			x.Files = append(x.Files, f.image())
		}
		i.Applications = append(i.Applications, x)
		i.addKeys(a.aid, 0, a.keys)
		if a.sets != nil {
			for no, set := range a.sets.others {
				i.addKeys(a.aid, no+1, set.keys)
			}
		}
		if f := a.tmacFile(); f != nil {
			i.Keys = append(i.Keys, ImageKey{
				Application: a.aid, No: int(f.no), TMAC: true, Type: keyTypeNames[wire.KeyAES],
				Version: int(f.tmac.version), Value: slices.Clone(f.tmac.key),
			})
		}
	}
	return i
}

func (i *Image) addKeys(aid wire.AID, set int, keys []cardKey) {
	for _, k := range keys {
		x := ImageKey{
			Application: aid, Set: set, No: int(k.no), Type: keyTypeNames[k.typ], Version: int(k.version), Value: slices.Clone(k.value),
		}
		if k.failures != (failures{}) {
			f := k.failures
			x.Failures = &f
		}
		i.Keys = append(i.Keys, x)
	}
}

func isoHex(id wire.ISOFID) Hex {
	if id == 0 {
		return nil
	}
	return Hex{byte(id >> 8), byte(id)}
}

func (f *file) image() ImageFile {
	x := ImageFile{
		No: int(f.no), Type: f.typ.String(), Comm: f.comm.String(), Rights: rightsHex(f.rights),
		ISOID: isoHex(f.isoID), Size: len(f.data), Data: trimZeros(f.data),
		RecordSize: f.recordSize, MaxRecords: f.maxRecords,
	}
	if f.typ == wire.FileValue {
		x.Value = &ImageValue{f.lower, f.upper, f.value, f.limited, f.limitedOn, f.freeGet, f.configured}
	}
	if f.sdmOption {
		x.SDM = &ImageSDM{ReadCtr: f.readCtr}
		if f.sdm != nil {
			block := *f.sdm
			e, _ := new(wire.Coder).Encode(nil, &block) // its layout has just been decoded
			x.SDM.Settings = e.Bytes
		}
	}
	if t := f.tmac; t != nil {
		x.TMAC = &ImageTMAC{Exclude: t.exclude, Counter: t.counter, Value: slices.Clone(t.value[:]), ReaderID: slices.Clone(t.readerID[:])}
		if t.limited {
			limit := t.limit
			x.TMAC.Limit = &limit
		}
	}
	for _, r := range f.additional {
		x.More = append(x.More, rightsHex(r))
	}
	for _, r := range f.records {
		x.Records = append(x.Records, slices.Clone(r))
	}
	return x
}

func rightsHex(r wire.AccessRights) Hex {
	v := r.Uint16()
	return Hex{byte(v >> 8), byte(v)}
}

func rightsOf(h Hex) (wire.AccessRights, error) {
	if len(h) != 2 {
		return wire.AccessRights{}, fmt.Errorf("rights %X have %d bytes, want 2", []byte(h), len(h))
	}
	return wire.AccessRightsFromUint16(uint16(h[0])<<8 | uint16(h[1])), nil
}

func trimZeros(b []byte) HexLines { return HexLines(slices.Clone(bytes.TrimRight(b, "\x00"))) }

// memory is the content that i describes. It fails where a card could not hold
// it.
func (i *Image) memory() (*memory, error) {
	p, ok := profiles[i.Generation]
	if !ok {
		return nil, fmt.Errorf("image: generation is missing or not known")
	}
	if _, ok := p.sizes[i.Storage]; !ok {
		return nil, fmt.Errorf("image: storage %d is no size of %v", i.Storage, i.Generation)
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
	return m, nil
}

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
	f = &file{no: wire.FileNo(x.No), typ: wire.FileUnknown, recordSize: x.RecordSize, maxRecords: x.MaxRecords}
	for t := wire.FileStandard; t <= wire.FileTransactionMAC; t++ {
		if t.String() == x.Type {
			f.typ = t
		}
	}
	switch x.Comm {
	case "plain":
	case "mac":
		f.comm = wire.CommMAC
	case "full":
		f.comm = wire.CommFull
	default:
		return nil, fmt.Errorf("comm %q: want plain, mac or full", x.Comm)
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
		if x.Size < 1 || x.Size > 1<<24 || len(x.Data) > x.Size {
			return nil, fmt.Errorf("size %d does not fit %d bytes of data", x.Size, len(x.Data))
		}
		if x.SDM != nil {
			f.sdmOption, f.readCtr = true, x.SDM.ReadCtr
			if len(x.SDM.Settings) > 0 {
				f.sdm = new(wire.SDM)
				if err := new(wire.Coder).Decode(x.SDM.Settings, nil, f.sdm); err != nil {
					return nil, fmt.Errorf("sdm: %w", err)
				}
			}
			if f.typ != wire.FileStandard || f.readCtr > maxReadCtr {
				return nil, fmt.Errorf("sdm: wrong type of file or counter out of range")
			}
		}
		f.data = make([]byte, x.Size)
		copy(f.data, x.Data)
	case wire.FileValue:
		v := x.Value
		if v == nil || v.Value < v.Lower || v.Value > v.Upper || v.LimitedCredit < 0 {
			return nil, fmt.Errorf("the value is missing or beyond its limits")
		}
		f.lower, f.upper, f.value, f.limited = v.Lower, v.Upper, v.Value, v.LimitedCredit
		f.limitedOn, f.freeGet, f.configured = v.Limited, v.FreeGetValue, v.Configured
	case wire.FileTransactionMAC:
		t := x.TMAC
		if t == nil || len(t.Value) != 8 || len(t.ReaderID) != 16 {
			return nil, fmt.Errorf("tmac is missing, or its value is not 8 or its readerID not 16 bytes")
		}
		f.tmac = &transactionMAC{exclude: t.Exclude, counter: t.Counter, value: [8]byte(t.Value), readerID: [16]byte(t.ReaderID)}
		if t.Limit != nil {
			f.tmac.limited, f.tmac.limit = true, *t.Limit
		}
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		if x.RecordSize < 1 || x.MaxRecords < 1 || x.RecordSize > 1<<24 || x.MaxRecords > 1<<24 || len(x.Records) > f.visible() {
			return nil, fmt.Errorf("%d records of %d bytes do not fit %d", len(x.Records), x.RecordSize, x.MaxRecords)
		}
		for n, r := range x.Records {
			if len(r) != x.RecordSize {
				return nil, fmt.Errorf("record %d has %d bytes, want %d", n, len(r), x.RecordSize)
			}
			f.records = append(f.records, r)
		}
	default:
		return nil, fmt.Errorf("type %q: want standard, backup, value, linear, cyclic or tmac", x.Type)
	}
	return f, nil
}

// takeKeys gives the keys to their owners.
func (i *Image) takeKeys(m *memory) error {
	for _, x := range i.Keys {
		t, err := keyType(x.Type)
		if err != nil {
			return fmt.Errorf("image: key %d of %v: %w", x.No, x.Application, err)
		}
		if len(x.Value) != keyLength(t) {
			return fmt.Errorf("image: key %d of %v has %d bytes, want %d", x.No, x.Application, len(x.Value), keyLength(t))
		}
		if x.No < 0 || x.No > 0x3F || x.Version < 0 || x.Version > 0xFF {
			return fmt.Errorf("image: key %d of %v: number or version out of range", x.No, x.Application)
		}
		k := cardKey{no: wire.KeyNo(x.No), typ: t, version: byte(x.Version), value: x.Value}
		if x.Failures != nil {
			k.failures = *x.Failures
		}
		keys := &m.keys
		if x.Application != wire.PICC {
			a := m.app(x.Application)
			if a == nil {
				return fmt.Errorf("image: key %d belongs to %v, which is no application of the card", x.No, x.Application)
			}
			keys = &a.keys
			if x.TMAC {
				f := a.tmacFile()
				if f == nil || int(f.no) != x.No || t != wire.KeyAES || f.tmac.key != nil {
					return fmt.Errorf("image: transaction MAC key of %v: there is no such file, or it has one", x.Application)
				}
				f.tmac.key, f.tmac.version = x.Value, byte(x.Version)
				continue
			}
		}
		if x.Set != 0 {
			a := m.app(x.Application)
			if a == nil || a.sets == nil || x.Set < 0 || x.Set > len(a.sets.others) || a.sets.others[x.Set-1].typ != t || x.No >= a.keyCount {
				return fmt.Errorf("image: key %d of set %d of %v: there is no such set", x.No, x.Set, x.Application)
			}
			keys = &a.sets.others[x.Set-1].keys
		}
		if findKey(*keys, k.no) != nil {
			return fmt.Errorf("image: key %d of %v is there twice", x.No, x.Application)
		}
		*keys = append(*keys, k)
	}
	if d := i.DefaultKey; d != nil {
		if len(d.Value) != len(m.config.defaultKey) || d.Version < 0 || d.Version > 0xFF {
			return fmt.Errorf("image: defaultKey has %d bytes, want %d", len(d.Value), len(m.config.defaultKey))
		}
		m.config.defaultKey, m.config.defaultVersion = [24]byte(d.Value), byte(d.Version)
	}
	if findKey(m.keys, masterKey) == nil && !m.fixed() {
		return fmt.Errorf("image: the PICC master key is missing")
	}
	for _, a := range m.apps {
		for _, f := range a.files {
			if f.sdm != nil && !(&Card{nvm: m, call: call{app: a}}).checkSDM(f, f.sdm) {
				return fmt.Errorf("image: application %v: the sdm settings of file %d do not fit it", a.aid, f.no)
			}
			if f.tmac != nil && (f.tmac.key == nil || a.tmacFile() != f) {
				return fmt.Errorf("image: application %v: the key of file %d is missing, or there are two such files", a.aid, f.no)
			}
		}
		for no := range a.keyCount {
			if k := findKey(a.keys, wire.KeyNo(no)); k == nil || k.typ != a.keyType {
				return fmt.Errorf("image: key %d of %v is missing or has another type", no, a.aid)
			}
		}
		if a.sets != nil {
			for no, s := range a.sets.others {
				if s.initialized && len(s.keys) != a.keyCount {
					return fmt.Errorf("image: set %d of %v has %d keys, want %d", no+1, a.aid, len(s.keys), a.keyCount)
				}
			}
		}
	}
	return nil
}

// findKey finds a key by its number.
func findKey(keys []cardKey, no wire.KeyNo) *cardKey {
	for i := range keys {
		if keys[i].no == no {
			return &keys[i]
		}
	}
	return nil
}
