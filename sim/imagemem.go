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
		i.DefaultKey = &ImageKey{Type: "any", Version: int(d.defaultVersion), Value: wire.NewSecret(d.defaultKey[:])}
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
				Version: int(f.tmac.version), Value: wire.NewSecret(f.tmac.key),
			})
		}
	}
	return i
}

func (i *Image) addKeys(aid wire.AID, set int, keys []cardKey) {
	for _, k := range keys {
		x := ImageKey{
			Application: aid, Set: set, No: int(k.no), Type: keyTypeNames[k.typ], Version: int(k.version), Value: wire.NewSecret(k.value),
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
