package wire

import (
	"fmt"
	"strings"
)

// FileOption is the communication mode of a file and what its settings hold
// beyond that (command reference 3.7).
type FileOption uint8

// Values and bits of FileOption.
const (
	OptionPlain        FileOption = FileOption(CommPlain)
	OptionMAC          FileOption = FileOption(CommMAC)
	OptionFull         FileOption = FileOption(CommFull)
	OptionTMIExclude   FileOption = 1 << 4 // transaction MAC file: leave out what is done without authentication
	OptionTMCLimit     FileOption = 1 << 5 // transaction MAC file: the counter has a limit
	OptionSDM          FileOption = 1 << 6 // secure dynamic messaging
	OptionAdditionalAR FileOption = 1 << 7 // additional access rights
)

// Comm is the communication mode.
func (o FileOption) Comm() CommMode {
	if m := CommMode(o & 3); m != 2 { // 2 is an alias of plain
		return m
	}
	return CommPlain
}

// Has reports whether all bits of flags are set.
func (o FileOption) Has(flags FileOption) bool { return o&flags == flags }

func (o FileOption) String() string {
	s := []string{o.Comm().String()}
	for _, f := range [...]struct {
		bit  FileOption
		name string
	}{
		{1 << 2, "bit 2"}, {1 << 3, "bit 3"},
		{OptionTMIExclude, "unauthenticated operations excluded"}, {OptionTMCLimit, "counter limit"},
		{OptionSDM, "SDM"}, {OptionAdditionalAR, "additional access rights"},
	} {
		if o.Has(f.bit) {
			s = append(s, f.name)
		}
	}
	return strings.Join(s, ", ")
}

// walk walks the option, with the bits that the further settings ask for, and
// returns it.
func (o FileOption) walk(c *Coder, additional []AccessRights, s *SDM) FileOption {
	if len(additional) > 0 && !c.decoding {
		o |= OptionAdditionalAR
	}
	if s != nil && !c.decoding {
		o |= OptionSDM
	}
	u8(c, "FileOption", &o)
	return o
}

// ValueFlags are the flags of a value file.
type ValueFlags uint8

// Bits of ValueFlags.
const (
	ValueLimitedCredit ValueFlags = 1 << 0 // LimitedCredit is possible
	ValueFreeGet       ValueFlags = 1 << 1 // GetValue is free; EV1 and later
)

// Has reports whether all bits of flags are set.
func (f ValueFlags) Has(flags ValueFlags) bool { return f&flags == flags }

func (f ValueFlags) String() string {
	switch f {
	case 0:
		return "none"
	case ValueLimitedCredit:
		return "limited credit"
	case ValueFreeGet:
		return "free GetValue"
	case ValueLimitedCredit | ValueFreeGet:
		return "limited credit, free GetValue"
	}
	return fmt.Sprintf("flags %02X", uint8(f))
}

// ISOFID is the ISO 7816-4 identifier of a file or application. Zero stands for
// none.
type ISOFID uint16

func (f ISOFID) String() string { return fmt.Sprintf("%04X", uint16(f)) }

// TMKeyOption is the type of a transaction MAC key. AES is the only one known.
type TMKeyOption uint8

// TMKeyAES is an AES key.
const TMKeyAES TMKeyOption = 2

func (o TMKeyOption) String() string {
	if o == TMKeyAES {
		return "AES"
	}
	return hexByte(byte(o))
}

// TMC is a transaction MAC counter. Under LRP it is two counters.
type TMC uint32

// Split is the counter of an LRP application: committed transactions in all,
// and those of the session.
func (t TMC) Split() (actual, session uint16) { return uint16(t), uint16(t >> 16) }

// TMCLimit is where a transaction MAC counter stops.
type TMCLimit struct {
	Limit uint32
	Short bool // two bytes, as under LRP
}

func (l *TMCLimit) walk(c *Coder) {
	if c.reading() {
		l.Short = c.left() < 4
	}
	if !l.Short {
		u32(c, "TMCLimit", &l.Limit)
		return
	}
	if l.Limit > 0xFFFF {
		c.failf("TMCLimit", false, "%d does not fit 2 bytes", l.Limit)
	}
	n := uint16(l.Limit)
	u16(c, "TMCLimit", &n)
	if c.reading() {
		l.Limit = uint32(n)
	}
}
