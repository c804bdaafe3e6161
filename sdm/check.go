package sdm

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Site is where settings are to be in force.
type Site struct {
	Size uint32 // bytes of the file
	Keys int    // of its application; 0 if not known
	LRP  bool   // of the card
}

// SettingsError means that a card would refuse settings.
type SettingsError struct{ Reason string }

func (e *SettingsError) Error() string { return "the card would refuse these messages: " + e.Reason }

func refused(format string, args ...any) error { return &SettingsError{fmt.Sprintf(format, args...)} }

// Check judges settings as cards do, and says what is wrong: a *SettingsError.
func Check(s *wire.SDM, at Site) error {
	if err := checkOptions(s); err != nil {
		return err
	}
	for _, x := range []struct {
		what string
		who  wire.Access
		free bool
	}{{"meta read key", s.Access.MetaRead(), true}, {"file read key", s.Access.FileRead(), false}, {"key that may ask for the counter", s.Access.CtrRet(), true}} {
		switch {
		case x.who == wire.Free && !x.free:
			return refused("the %s cannot be free", x.what)
		case x.who < wire.Free && at.Keys > 0 && int(x.who) >= at.Keys:
			return refused("the %s is key %d, and the application has %d: 0 to %d", x.what, x.who, at.Keys, at.Keys-1)
		}
	}
	return checkPlaces(s, at)
}

// checkOptions judges what is mirrored at all.
func checkOptions(s *wire.SDM) error {
	o, a := s.Options, s.Access
	uid, ctr, enc := o.Has(wire.SDMUID), o.Has(wire.SDMReadCtr), o.Has(wire.SDMEncFile)
	const known = wire.SDMASCII | wire.SDMEncFile | wire.SDMReadCtrLimit | wire.SDMReadCtr | wire.SDMUID
	switch {
	case o&^known != 0 || !o.Has(wire.SDMASCII) || uint16(a)>>4&0xF != 0xF:
		return refused("options %02X with rights %04X: no card knows them", uint8(o), uint16(a))
	case a.MetaRead() != wire.Never && !uid && !ctr:
		return refused("neither UID nor counter is mirrored")
	case a.MetaRead() == wire.Never && uid:
		return refused("the UID is mirrored, and nobody may read it: the meta read key is never")
	case a.CtrRet() != wire.Never && !ctr:
		return refused("the counter may be asked for, and is not mirrored: it does not count")
	case enc && a.FileRead() == wire.Never:
		return refused("file data are enciphered without a file read key")
	case enc && !(uid && ctr):
		return refused("enciphered file data need both UID and counter mirrored")
	case o.Has(wire.SDMReadCtrLimit) && !ctr:
		return refused("the counter has a limit, and is not mirrored")
	case o.Has(wire.SDMReadCtrLimit) && s.ReadCtrLimit == 0:
		return refused("the limit of the counter is 0")
	}
	return nil
}

// checkPlaces judges where in the file the mirrors are.
func checkPlaces(s *wire.SDM, at Site) error {
	var taken []Mirror
	for _, m := range Mirrors(s, at.LRP) {
		if uint64(m.Offset)+uint64(m.Length) > uint64(at.Size) && m.Name != "SDMMACInput" {
			return refused("%s is at %d to %d, and the file has %d bytes", m.Name, m.Offset, uint64(m.Offset)+uint64(m.Length)-1, at.Size)
		}
		if m.Name == "SDMMACInput" {
			if s.MACInputOffset > s.MACOffset {
				return refused("what the MAC covers begins at %d, behind the MAC at %d", s.MACInputOffset, s.MACOffset)
			}
			continue
		}
		if m.Name == "SDMENC" {
			switch {
			case m.Length == 0 || m.Length%32 != 0:
				return refused("%d bytes of the file show enciphered data: want a multiple of 32", m.Length)
			case m.Offset < s.MACInputOffset || m.Offset+m.Length > s.MACOffset:
				return refused("enciphered data are at %d to %d, and what the MAC covers is %d to %d: it must cover them", m.Offset, m.Offset+m.Length-1, s.MACInputOffset, s.MACOffset)
			}
		}
		for _, o := range taken {
			if m.Offset < o.Offset+o.Length && o.Offset < m.Offset+m.Length {
				return refused("%s at %d and %s at %d overlap", o.Name, o.Offset, m.Name, m.Offset)
			}
		}
		taken = append(taken, m)
	}
	return nil
}
