package wire

import (
	"encoding/hex"
	"fmt"
)

// UID is the 7-byte identifier of a chip.
type UID [7]byte

func (u UID) String() string { return fmt.Sprintf("%X", u[:]) }

// IsZero reports whether the card withholds its identifier because it has a
// random one.
func (u UID) IsZero() bool { return u == UID{} }

// MarshalText writes 14 hexadecimal digits.
func (u UID) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (u *UID) UnmarshalText(b []byte) error {
	if len(b) != 2*len(u) {
		return fmt.Errorf("UID %q: want 14 hexadecimal digits", b)
	}
	if _, err := hex.Decode(u[:], b); err != nil {
		return fmt.Errorf("UID %q: want 14 hexadecimal digits", b)
	}
	return nil
}

// ChipVersion is the hardware or software part of Version.
type ChipVersion struct {
	Vendor   uint8 // 04 is NXP
	Type     uint8 // low nibble: 1 DESFire, 4 NTAG, 8 DESFire Light; high nibble: 0 native, 8 on a microcontroller, 9 Java Card, A phone
	SubType  uint8
	Major    uint8
	Minor    uint8
	Storage  uint8
	Protocol uint8
}

// StorageSize is the memory in bytes. Unless exact, it is at least this and
// less than twice as much.
func (v ChipVersion) StorageSize() (bytes int, exact bool) {
	n := v.Storage >> 1
	if n > 30 {
		return 0, false
	}
	return 1 << n, v.Storage&1 == 0
}

// storage is the byte of the memory size, which is shown in words.
type storage uint8

func (s storage) String() string {
	n, exact := ChipVersion{Storage: uint8(s)}.StorageSize()
	switch {
	case n == 0:
		return fmt.Sprintf("%02X", uint8(s))
	case exact:
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d to %d bytes", n, 2*n)
}

func (v ChipVersion) walk(c *Coder, part string) ChipVersion {
	c.in(part, func() {
		hex8(c, "VendorID", &v.Vendor)
		hex8(c, "Type", &v.Type)
		hex8(c, "SubType", &v.SubType)
		hex8(c, "Major", &v.Major)
		hex8(c, "Minor", &v.Minor)
		size := storage(v.Storage)
		u8(c, "Storage", &size)
		v.Storage = uint8(size)
		hex8(c, "Protocol", &v.Protocol)
	})
	return v
}

// Version is the answer of GetVersion. It comes in three frames.
type Version struct {
	Hardware ChipVersion
	Software ChipVersion
	UID      UID // zero if the card has a random identifier
	Batch    [5]byte
	Week     uint8 // of production, BCD; bit 7 is a FabKey bit
	Year     uint8 // of production, BCD
	// FabKeyID is sent by some parts only.
	FabKeyID    uint8
	HasFabKeyID bool
}

func (*Version) framed() {}

// Layout walks the fields.
func (m *Version) Layout(c *Coder) {
	m.Hardware = m.Hardware.walk(c, "Hardware")
	frame(c)
	m.Software = m.Software.walk(c, "Software")
	frame(c)
	raw(c, "UID", m.UID[:])
	raw(c, "BatchNo", m.Batch[:])
	hex8(c, "CWProd", &m.Week)
	hex8(c, "YearProd", &m.Year)
	if has(c, &m.HasFabKeyID, m.FabKeyID != 0, 0) {
		hex8(c, "FabKeyID", &m.FabKeyID)
	} else if c.reading() {
		m.FabKeyID = 0
	}
}

// Produced is the calendar week and the year of production, zero if they are
// not BCD.
func (m *Version) Produced() (year, week int) {
	return 2000 + bcd(m.Year), bcd(m.Week & 0x7F)
}

func bcd(b uint8) int {
	hi, lo := int(b>>4), int(b&0xF)
	if hi > 9 || lo > 9 {
		return 0
	}
	return 10*hi + lo
}

// Chip types (command reference 1.2).
const (
	chipDESFire = 0x1
	chipPlus    = 0x2
	chipNTAG    = 0x4
	chipLight   = 0x8
)

const (
	vendorNXP = 0x04
	subTypeTT = 0x08 // NTAG: with a tamper loop
)

// TagTamper reports whether the card has a tamper loop: NTAG 424 DNA TagTamper
// (recorded from one). GetTTStatus asks for its state.
func (m *Version) TagTamper() bool {
	return m.Hardware.Type&0xF == chipNTAG && m.Hardware.SubType == subTypeTT
}

// Generation tells the product generation. A card newer than all known ones is
// treated as EV3, and a part number that is not listed as the one below it;
// then known is false.
func (m *Version) Generation() (g Generation, known bool) {
	h := m.Hardware
	switch h.Type & 0xF {
	case chipLight:
		return Light, h.Major == 0x30
	case chipNTAG:
		return NTAG424, h.Major == 0x30
	case chipDESFire:
	default:
		return EV3, false
	}
	switch h.Major {
	case 0x00:
		if h.Minor == 0x43 { // EV3C on P71 (hardware notes 8)
			return EV3, true
		}
		return D40, true
	case 0x01:
		return EV1, true
	case 0x12, 0x22, 0x42:
		return EV2, true
	case 0x30:
		return Light, true
	case 0x33, 0x43:
		return EV3, true
	}
	switch {
	case h.Major < 0x12:
		return EV1, false
	case h.Major < 0x33 || h.Type>>4 == 0x9: // Java Card applets tell nothing by their number
		return EV2, false
	}
	return EV3, false
}

// IsDESFire reports whether the card is one that this module is about: DESFire
// of any generation, DESFire Light or NTAG 424 DNA.
func (m *Version) IsDESFire() bool {
	if m.Hardware.Vendor != vendorNXP && m.Hardware.Type>>4 == 0 {
		return false
	}
	switch m.Hardware.Type & 0xF {
	case chipDESFire, chipLight:
		return true
	case chipNTAG:
		return m.Hardware.Major == 0x30
	}
	return false
}

// Product is the product's name for people.
func (m *Version) Product() string {
	h := m.Hardware
	switch h.Type & 0xF {
	case chipDESFire:
	case chipPlus:
		return "MIFARE Plus"
	case chipLight:
		return "MIFARE DESFire Light"
	case chipNTAG:
		switch h.Major {
		case 0x30:
			if m.TagTamper() {
				return "NTAG 424 DNA TagTamper"
			}
			return "NTAG 424 DNA"
		case 0x10:
			return "NTAG 413 DNA"
		}
		return "NTAG"
	default:
		return fmt.Sprintf("chip of type %02X, version %X.%X", h.Type, h.Major, h.Minor)
	}
	switch h.Type >> 4 {
	case 0x9:
		return "MIFARE DESFire applet"
	case 0xA:
		return "MIFARE 2GO"
	}
	switch h.Major {
	case 0x00:
		if h.Minor == 0x43 {
			return "MIFARE DESFire EV3C"
		}
		return "MIFARE DESFire D40"
	case 0x01:
		return "MIFARE DESFire EV1"
	case 0x12, 0x42:
		return "MIFARE DESFire EV2"
	case 0x22:
		return "MIFARE DESFire EV2 XL"
	case 0x30:
		return "MIFARE DESFire Light"
	case 0x33:
		return "MIFARE DESFire EV3"
	case 0x43:
		return "MIFARE DESFire EV3C"
	case 0xA0:
		return "MIFARE DUOX"
	}
	return fmt.Sprintf("MIFARE DESFire, hardware %X.%X", h.Major, h.Minor)
}
