package yaml_test

import (
	"math/rand/v2"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// randomLayout is a layout that cards of a generation could have.
func randomLayout(r *rand.Rand, g wire.Generation) *perso.Layout {
	l := &perso.Layout{Generations: []wire.Generation{g}}
	if g.FixedName() != nil {
		a := perso.Application{Place: wire.Place{Fixed: true}, KeyType: wire.KeyAES, KeyCount: wire.FixedKeys, Keys: randomKeys(r, wire.FixedKeys)}
		randomFiles(r, g, &a)
		l.Applications = []perso.Application{a}
		return l
	}
	if r.IntN(4) > 0 {
		s := wire.KeySett1(r.IntN(16))
		l.Card = &perso.Level{KeySettings: &s, Keys: randomKeys(r, 1)}
	}
	for i := range r.IntN(4) {
		s := wire.KeySett1(r.IntN(16))
		a := perso.Application{Place: wire.Place{AID: wire.AID(1 + i<<16 + r.IntN(1<<16))}, KeySettings: &s, KeyType: wire.KeyDES, KeyCount: 1 + r.IntN(wire.MaxKeys)}
		if g != wire.D40 {
			a.KeyType = wire.KeyType(r.IntN(3))
			if r.IntN(2) == 0 {
				a.ISOID = wire.ISOFID(0xE000 + i)
				a.DFName = randomBytes(r, r.IntN(17))
			}
			a.ISOFiles = r.IntN(2) == 0
		}
		change := [...]wire.Access{0, wire.Free, wire.Never, wire.Access(r.IntN(a.KeyCount))}
		s = s&0x0F | wire.SettChangeKey(change[r.IntN(4)])
		a.Keys = randomKeys(r, a.KeyCount)
		if g.Has(wire.FeatureKeySets) {
			randomSets(r, &a)
		}
		randomFiles(r, g, &a)
		l.Applications = append(l.Applications, a)
	}
	return l
}

func randomSets(r *rand.Rand, a *perso.Application) {
	if r.IntN(3) == 0 {
		a.KeySett3 |= wire.SettVCKeys
		a.VCKeys = []perso.KeyWant{{No: wire.KeyVCProximity, Version: version(r)}}
	}
	if r.IntN(3) == 0 {
		a.KeySett3 |= wire.SettCapabilities
	}
	if r.IntN(3) == 0 {
		a.Delegated = &perso.Delegation{Slot: uint16(r.IntN(1 << 16)), Version: byte(r.IntN(256)), Quota: uint16(1 + r.IntN(1<<15))}
	}
	if r.IntN(2) == 0 {
		return
	}
	a.KeySett3 |= wire.SettKeySets
	a.KeySets = &wire.KeySetConfig{AKSVersion: wire.KeyVersion(r.IntN(256)), NoKeySets: uint8(2 + r.IntN(3)), MaxKeySize: 24, AppKeySetSett: uint8(r.IntN(min(8, a.KeyCount)))}
	if r.IntN(2) == 0 {
		a.Sets = []perso.KeySetWant{{Set: 1, Version: wire.KeyVersion(1 + r.IntN(255)), Type: key.TypeAES, Keys: randomKeys(r, a.KeyCount)}}
	}
}

func version(r *rand.Rand) *byte {
	if r.IntN(3) == 0 {
		return nil
	}
	v := byte(r.IntN(256))
	return &v
}

func randomKeys(r *rand.Rand, n int) (keys []perso.KeyWant) {
	for no := range n {
		if r.IntN(4) > 0 {
			keys = append(keys, perso.KeyWant{No: wire.KeyNo(no), Version: version(r)})
		}
	}
	return keys
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.IntN(256))
	}
	return b
}

func randomFiles(r *rand.Rand, g wire.Generation, a *perso.Application) {
	right := func() wire.Access {
		switch n := r.IntN(a.KeyCount + 2); n {
		case a.KeyCount:
			return wire.Free
		case a.KeyCount + 1:
			return wire.Never
		default:
			return wire.Access(n)
		}
	}
	rights := func() wire.AccessRights {
		return wire.AccessRights{Read: right(), Write: right(), ReadWrite: right(), Change: right()}
	}
	most, mac := 16, false
	if g != wire.D40 {
		most = 32
	}
	for no := range most {
		if r.IntN(most) > 6 {
			continue
		}
		f := perso.File{No: wire.FileNo(no), Settings: wire.FileSettings{Option: wire.FileOption([...]wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull}[r.IntN(3)]), Access: rights()}}
		s := &f.Settings
		switch r.IntN(6) {
		case 0, 1:
			randomData(r, g, a, &f, right)
		case 2:
			s.Type, s.Lower, s.Upper = wire.FileValue, int32(-r.IntN(1000)), r.Int32()
			if r.IntN(2) == 0 {
				v := r.Int32N(s.Upper)
				f.Value = &v
			}
			s.Flags = wire.ValueFlags(r.IntN(2))
		case 3:
			s.Type, s.RecordSize, s.MaxRecords = wire.FileLinearRecord, uint32(1+r.IntN(1000)), uint32(1+r.IntN(1000))
		case 4:
			s.Type, s.RecordSize, s.MaxRecords = wire.FileCyclicRecord, uint32(1+r.IntN(1000)), uint32(2+r.IntN(1000))
		case 5:
			if !g.Has(wire.FeatureTMAC) || mac {
				continue
			}
			mac = true
			s.Type, s.TMKeyOption, s.TMKeyVersion = wire.FileTransactionMAC, wire.TMKeyAES, wire.KeyVersion(r.IntN(256))
			s.Access.Write = wire.Never
			if r.IntN(2) == 0 {
				s.Option |= wire.OptionTMCLimit
				s.Limit.Limit = r.Uint32()
			}
			if r.IntN(2) == 0 {
				s.Option |= wire.OptionTMIExclude
			}
		}
		if a.ISOFiles && s.Type != wire.FileValue && s.Type != wire.FileTransactionMAC {
			f.ISOID = wire.ISOFID(0xF000 + no)
		}
		if g.Has(wire.FeatureAdditionalAR) {
			for range r.IntN(3) {
				s.Additional = append(s.Additional, rights())
				if s.Type == wire.FileTransactionMAC {
					s.Additional[len(s.Additional)-1].Write = wire.Never
				}
			}
		}
		a.Files = append(a.Files, f)
	}
}

// randomData is a standard or backup file.
func randomData(r *rand.Rand, g wire.Generation, a *perso.Application, f *perso.File, right func() wire.Access) {
	s := &f.Settings
	s.Type, s.Size = wire.FileType(r.IntN(2)), uint32(1+r.IntN(600))
	size := int(s.Size)
	switch r.IntN(6) {
	case 0:
		f.Data = randomBytes(r, r.IntN(size+1))
	case 1:
		f.Data = make([]byte, size)
	case 2: // zeros, or another byte, to its end
		f.Data = randomBytes(r, size)
		fill := f.Data[0]
		for i := size / 3; i < size; i++ {
			f.Data[i] = fill
		}
	case 3:
		f.Data = []byte("Text: \"quoted\", 'so', \\ {{.x}} #")[:min(size, 30)]
	case 4:
		f.FirstData = randomBytes(r, size)
	}
	if s.Type != wire.FileStandard || !g.Has(wire.FeatureFileCounters) || r.IntN(2) == 0 {
		return
	}
	s.Option |= wire.OptionSDM
	key := wire.Access(r.IntN(a.KeyCount))
	switch {
	case r.IntN(4) == 0: // allowed, and nothing is shown
	case s.Size < 200:
	case r.IntN(2) == 0:
		s.SDM = &wire.SDM{Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr, Access: wire.NewSDMAccess(key, key, right()), PICCDataOffset: 10, MACInputOffset: 0, MACOffset: 100}
	default:
		s.SDM = &wire.SDM{Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr | wire.SDMEncFile | wire.SDMReadCtrLimit, Access: wire.NewSDMAccess(wire.Free, key, wire.Never),
			UIDOffset: 4, ReadCtrOffset: 30, MACInputOffset: 40, ENCOffset: 48, ENCLength: 32, MACOffset: 96, ReadCtrLimit: 1000}
	}
}
