package sdm

import "github.com/go-desfire/desfire/wire"

// Mirror is a part of a file that the card fills in, or covers, when it shows a
// message.
type Mirror struct {
	Name   string // PICCData, UID, SDMReadCtr, SDMMACInput, SDMENC or SDMMAC
	Offset uint32 // bytes of the file
	Length uint32
}

// Mirrors lists the parts that settings name, in the order of the messages: who
// the card is, what is authenticated, what is enciphered, the MAC. SDMMACInput is
// what the MAC is made over, and may be empty. Under LRP PICCData is longer.
func Mirrors(s *wire.SDM, useLRP bool) []Mirror {
	var list []Mirror
	add := func(name string, offset, n uint32) { list = append(list, Mirror{name, offset, n}) }
	meta, file := s.Access.MetaRead(), s.Access.FileRead()
	switch {
	case meta == wire.Never:
	case meta == wire.Free:
		if s.Options.Has(wire.SDMUID) {
			add("UID", s.UIDOffset, uidChars)
		}
		if s.Options.Has(wire.SDMReadCtr) && s.ReadCtrOffset != wire.SDMNoMirror {
			add("SDMReadCtr", s.ReadCtrOffset, ctrChars)
		}
	case useLRP:
		add("PICCData", s.PICCDataOffset, piccLRPChars)
	default:
		add("PICCData", s.PICCDataOffset, piccChars)
	}
	if file == wire.Never {
		return list
	}
	add("SDMMACInput", s.MACInputOffset, s.MACOffset-s.MACInputOffset)
	if s.Options.Has(wire.SDMEncFile) {
		add("SDMENC", s.ENCOffset, s.ENCLength)
	}
	add("SDMMAC", s.MACOffset, macChars)
	return list
}

// Touched is the first mirror that would hide something of what is written to n
// bytes of a file from offset on, nil if none. What the card only covers with a
// MAC does not count, nor what is written to be enciphered: the first half of the
// place where SDMENC is shown.
func Touched(s *wire.SDM, useLRP bool, offset, n uint32) *Mirror {
	for _, m := range Mirrors(s, useLRP) {
		switch {
		case m.Name == "SDMMACInput", m.Offset >= offset+n, offset >= m.Offset+m.Length:
		case m.Name == "SDMENC" && offset >= m.Offset && offset+n <= m.Offset+m.Length/2:
		default:
			return &m
		}
	}
	return nil
}
