package sim

import "github.com/go-desfire/desfire/wire"

// span is a part of the file that a mirror takes.
type span struct{ from, n uint32 }

func (a span) overlaps(b span) bool {
	return a.n > 0 && b.n > 0 && a.from < b.from+b.n && b.from < a.from+a.n
}

// sdmFacts are what the settings of secure dynamic messaging have to fit.
type sdmFacts struct {
	size     uint32 // of the file
	keyCount int    // of the application
	lrp      bool   // of the card
}

func (m *memory) sdmFacts(a *application, f *file) sdmFacts {
	return sdmFacts{size: uint32(len(f.data)), keyCount: a.keyCount, lrp: m.config.lrp()}
}

// checkSDM judges the settings of secure dynamic messaging (command reference
// 13.1, 13.2).
func checkSDM(file sdmFacts, s *wire.SDM) bool {
	o, a := s.Options, s.Access
	uid, ctr, enc := o.Has(wire.SDMUID), o.Has(wire.SDMReadCtr), o.Has(wire.SDMEncFile)
	meta, fileRead := a.MetaRead(), a.FileRead()
	exists := func(x wire.Access) bool { return x >= wire.Free || int(x) < file.keyCount }
	switch {
	case o&^(wire.SDMASCII|wire.SDMEncFile|wire.SDMReadCtrLimit|wire.SDMReadCtr|wire.SDMUID) != 0, !o.Has(wire.SDMASCII),
		uint16(a)>>4&0xF != 0xF,
		!exists(meta), fileRead == wire.Free, !exists(fileRead), !exists(a.CtrRet()),
		meta != wire.Never && !uid && !ctr,
		meta == wire.Never && uid,
		a.CtrRet() != wire.Never && !ctr,
		enc && (fileRead == wire.Never || !uid || !ctr),
		o.Has(wire.SDMReadCtrLimit) && (!ctr || s.ReadCtrLimit == 0):
		return false
	}
	inside := func(x span) bool { return x.n <= file.size && x.from <= file.size-x.n }
	var picc []span // UID, counter, PICC data
	switch {
	case meta == wire.Free:
		if uid {
			picc = append(picc, span{s.UIDOffset, uidDigits})
		}
		if ctr && s.ReadCtrOffset != wire.SDMNoMirror {
			picc = append(picc, span{s.ReadCtrOffset, counterDigits})
		}
	case meta < wire.Free:
		n := uint32(32)
		if file.lrp {
			n = 48
		}
		picc = append(picc, span{s.PICCDataOffset, n})
	}
	for i, x := range picc {
		if !inside(x) || i > 0 && picc[0].overlaps(x) {
			return false
		}
	}
	if fileRead == wire.Never {
		return true
	}
	mac := span{s.MACOffset, macDigits}
	if !inside(mac) || s.MACInputOffset > s.MACOffset {
		return false
	}
	encrypted := span{s.ENCOffset, s.ENCLength}
	if enc && (s.ENCLength == 0 || s.ENCLength%32 != 0 || s.ENCOffset < s.MACInputOffset || !inside(encrypted) ||
		s.ENCOffset+s.ENCLength > s.MACOffset) {
		return false
	}
	for _, x := range picc {
		if x.overlaps(mac) || enc && x.overlaps(encrypted) {
			return false
		}
	}
	return true
}
