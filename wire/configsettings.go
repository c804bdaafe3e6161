package wire

import "strings"

// PICCFlags are the switches of PICCConfig.
type PICCFlags uint8

// Bits of PICCFlags. The first two can never be undone. DESFire Light and NTAG
// 424 DNA know PICCRandomID only.
const (
	PICCNoFormat         PICCFlags = 1 << 0 // FormatPICC is disabled
	PICCRandomID         PICCFlags = 1 << 1 // the card shows a random identifier
	PICCProximity        PICCFlags = 1 << 2 // the proximity check is mandatory; EV2 and later
	PICCVirtualCard      PICCFlags = 1 << 3 // virtual card authentication is mandatory; EV2 and later
	PICCErrorCodeBinding PICCFlags = 1 << 4 // EV3
	PICCLegacyRandomID   PICCFlags = 1 << 5 // random identifiers begin with 80 as on EV1
	PICCNUID             PICCFlags = 1 << 6 // EV3
)

func (f PICCFlags) String() string {
	words := [...]string{
		"format disabled", "random ID", "proximity check mandatory", "virtual card authentication mandatory",
		"error code binding", "legacy random ID", "NUID", "bit 7",
	}
	var set []string
	for i, w := range words {
		if f>>i&1 == 1 {
			set = append(set, w)
		}
	}
	if set == nil {
		return "none"
	}
	return strings.Join(set, ", ")
}

// PICCConfig is option 00.
type PICCConfig struct {
	Flags PICCFlags
}

// Option is ConfigPICC.
func (*PICCConfig) Option() ConfigOption { return ConfigPICC }

// Layout walks the fields.
func (s *PICCConfig) Layout(c *Coder) { u8(c, "PICCConfig", &s.Flags) }

// DefaultKey is option 01: the keys that applications begin with from now on.
type DefaultKey struct {
	Key     Secret // DefaultKeySize bytes: shorter keys on the left, then zeros
	Version KeyVersion
}

// Option is ConfigDefaultKey.
func (*DefaultKey) Option() ConfigOption { return ConfigDefaultKey }

// Layout walks the fields.
func (s *DefaultKey) Layout(c *Coder) {
	secret(c, "Key", &s.Key, DefaultKeySize)
	u8(c, "KeyVersion", &s.Version)
}

// ATS is option 02: the answer to select, its length first. The card does not
// check it. A wrong one makes the card unreachable.
type ATS struct {
	ATS []byte // TL, T0, ..., historical bytes
}

// Option is ConfigATS.
func (*ATS) Option() ConfigOption { return ConfigATS }

// Layout walks the fields.
func (s *ATS) Layout(c *Coder) { rest(c, "ATS", &s.ATS) }

// SAK is option 03: the select acknowledge of both cascade levels.
type SAK struct {
	SAK1, SAK2 uint8
}

// Option is ConfigSAK.
func (*SAK) Option() ConfigOption { return ConfigSAK }

// Layout walks the fields.
func (s *SAK) Layout(c *Coder) {
	hex8(c, "SAK1", &s.SAK1)
	hex8(c, "SAK2", &s.SAK2)
}

// SecureMessagingFlags are the switches of SecureMessagingConfig.
type SecureMessagingFlags uint8

// Bits of SecureMessagingFlags.
const (
	NoD40            SecureMessagingFlags = 1 << 0
	NoEV1            SecureMessagingFlags = 1 << 1
	NoChainedWriting SecureMessagingFlags = 1 << 2 // no writing in pieces to standard files in MAC and full mode
)

func (f SecureMessagingFlags) String() string {
	words := [...]string{"D40 disabled", "EV1 disabled", "chained writing disabled"}
	var set []string
	for i, w := range words {
		if f>>i&1 == 1 {
			set = append(set, w)
		}
	}
	if f>>len(words) != 0 {
		set = append(set, hexByte(byte(f)))
	}
	if set == nil {
		return "none"
	}
	return strings.Join(set, ", ")
}

// SecureMessagingConfig is option 04.
type SecureMessagingConfig struct {
	Reserved uint8
	Flags    SecureMessagingFlags
}

// Option is ConfigSecureMessaging.
func (*SecureMessagingConfig) Option() ConfigOption { return ConfigSecureMessaging }

// Layout walks the fields.
func (s *SecureMessagingConfig) Layout(c *Coder) {
	hex8(c, "Reserved", &s.Reserved)
	u8(c, "SMConfig", &s.Flags)
}

// Indices into Capabilities.Data (hardware notes 8).
const (
	CapVCTIDOverride = 1 // EV3
	CapPDCap1_2      = 3
	CapPDCap2_1      = 4 // Light and NTAG 424 DNA: bit 1 turns LRP mode on for ever
	CapPDCap2_2      = 5 // EV3: transaction timer
	CapPDCap2_5      = 8
	CapPDCap2_6      = 9
)

// Capabilities is option 05: capability data of the card.
type Capabilities struct {
	Data []byte // 10 bytes; one source has 9 on EV3
}

// Option is ConfigCapabilities.
func (*Capabilities) Option() ConfigOption { return ConfigCapabilities }

// Layout walks the fields.
func (s *Capabilities) Layout(c *Coder) { rest(c, "CapData", &s.Data) }

// VCName is option 06 of EV2 and EV3: the installation identifier of the
// virtual card, or the ISO name of a delegated application.
type VCName struct {
	DAMMAC []byte // 8 bytes for a delegated application, else none
	Name   [16]byte
	Length uint8 // of the name; the rest is zero
}

// Option is ConfigName.
func (*VCName) Option() ConfigOption { return ConfigName }

// Layout walks the fields.
func (s *VCName) Layout(c *Coder) {
	switch {
	case c.decoding && c.left() <= MaxDFName+1:
		s.DAMMAC = s.DAMMAC[:0]
	case c.decoding || len(s.DAMMAC) > 0:
		sized(c, "DAMMAC", &s.DAMMAC, 8)
	}
	raw(c, "Name", s.Name[:])
	u8(c, "NameLength", &s.Length)
}

// ValueFileConfig is option 09 of DESFire Light: the limits of its value file.
// Once only.
type ValueFileConfig struct {
	File                FileNo
	Lower, Upper, Value int32
	Flags               ValueFlags
}

// Option is ConfigValueFile.
func (*ValueFileConfig) Option() ConfigOption { return ConfigValueFile }

// Layout walks the fields.
func (s *ValueFileConfig) Layout(c *Coder) {
	u8(c, "FileNo", &s.File)
	u32(c, "LowerLimit", &s.Lower)
	u32(c, "UpperLimit", &s.Upper)
	u32(c, "Value", &s.Value)
	u8(c, "LimitedCreditEnabled", &s.Flags)
}

// FailedAuthConfig is option 0A: how many failed authentications disable a key.
type FailedAuthConfig struct {
	Enabled   bool
	Limit     uint16 // of the total counter
	Decrement uint16 // of the total counter, on success
}

// Option is ConfigFailedAuth.
func (*FailedAuthConfig) Option() ConfigOption { return ConfigFailedAuth }

// Layout walks the fields.
func (s *FailedAuthConfig) Layout(c *Coder) {
	flag8(c, "FailedCtrOption", &s.Enabled)
	u16(c, "TotFailCtrLimit", &s.Limit)
	u16(c, "TotFailCtrDecr", &s.Decrement)
}

// HardwareConfig is option 0B.
type HardwareConfig struct {
	Flags uint8 // bit 0: strong back-modulation
}

// Option is ConfigHardware.
func (*HardwareConfig) Option() ConfigOption { return ConfigHardware }

// Layout walks the fields.
func (s *HardwareConfig) Layout(c *Coder) { hex8(c, "HWOption", &s.Flags) }

// ATQA is option 0C of EV3.
type ATQA struct {
	ATQA uint16
}

// Option is ConfigATQA.
func (*ATQA) Option() ConfigOption { return ConfigATQA }

// Layout walks the fields.
func (s *ATQA) Layout(c *Coder) { u16(c, "ATQA", &s.ATQA) }
