package wire

import (
	"fmt"
	"slices"
)

// GetFileSettings asks for the settings of a file.
type GetFileSettings struct {
	File FileNo
}

var getFileSettingsSpec = Spec{
	Name: "GetFileSettings", Class: ClassNative, INS: InsGetFileSettings, Rule: RuleManage, Level: LevelApp,
	Needs: FeatureAny, Success: StatusOK,
	New: func() Command { return new(GetFileSettings) }, NewResponse: func() Message { return new(FileSettings) },
}

// Spec returns the command's declaration.
func (*GetFileSettings) Spec() *Spec { return &getFileSettingsSpec }

// OnFile is the file.
func (m *GetFileSettings) OnFile() FileNo { return m.File }

// Response returns a FileSettings.
func (*GetFileSettings) Response() *FileSettings { return new(FileSettings) }

// Layout walks the fields.
func (m *GetFileSettings) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	secured(c)
}

// FileSettings is the answer of GetFileSettings. Which fields apply depends on
// Type.
type FileSettings struct {
	Type   FileType
	Option FileOption
	Access AccessRights

	Size uint32 // standard, backup: bytes

	Lower, Upper  int32      // value
	LimitedCredit int32      // value: what LimitedCredit may still give back
	Flags         ValueFlags // value

	RecordSize uint32 // linear, cyclic: bytes
	MaxRecords uint32 // linear, cyclic: a cyclic file holds one less
	Records    uint32 // linear, cyclic: committed records

	TMKeyOption  TMKeyOption // transaction MAC
	TMKeyVersion KeyVersion  // transaction MAC
	Limit        TMCLimit    // transaction MAC, if Option has OptionTMCLimit

	Additional []AccessRights // further sets; a key that any set names has the right
	SDM        *SDM           // standard, if Option has OptionSDM
}

// Comm is the communication mode.
func (m *FileSettings) Comm() CommMode { return m.Option.Comm() }

// Clone is a copy that shares nothing.
func (m *FileSettings) Clone() FileSettings {
	out := *m
	out.Additional = slices.Clone(m.Additional)
	if m.SDM != nil {
		sdm := *m.SDM
		out.SDM = &sdm
	}
	return out
}

// Layout walks the fields.
func (m *FileSettings) Layout(c *Coder) {
	u8(c, "FileType", &m.Type)
	option := m.Option.walk(c, m.Additional, m.SDM)
	accessRights(c, "AccessRights", &m.Access)
	if c.reading() {
		*m = FileSettings{Type: m.Type, Option: option, Access: m.Access, Additional: m.Additional[:0], SDM: m.SDM}
	}
	switch m.Type {
	case FileStandard, FileBackup:
		u24(c, "FileSize", &m.Size)
	case FileValue:
		u32(c, "LowerLimit", &m.Lower)
		u32(c, "UpperLimit", &m.Upper)
		u32(c, "LimitedCreditValue", &m.LimitedCredit)
		u8(c, "LimitedCreditEnabled", &m.Flags)
	case FileLinearRecord, FileCyclicRecord:
		u24(c, "RecordSize", &m.RecordSize)
		u24(c, "MaxNoOfRecords", &m.MaxRecords)
		u24(c, "CurrentNoOfRecords", &m.Records)
	case FileTransactionMAC:
		u8(c, "TMKeyOption", &m.TMKeyOption)
		u8(c, "TMKeyVersion", &m.TMKeyVersion)
		if option.Has(OptionTMCLimit) {
			m.Limit.walk(c)
		}
	default:
		c.failf("FileType", false, "%02X is not known", uint8(m.Type))
	}
	if present(c, m.Additional != nil, 0) {
		additional(c, option, &m.Additional)
		if c.reading() && m.Additional == nil && option.Has(OptionAdditionalAR) {
			m.Additional = []AccessRights{} // a count of none
		}
	} else if c.reading() {
		m.Additional = nil // bit 7 alone: cards before EV2 keep whatever option they were given (HSL, FF)
	}
	if m.Type == FileStandard {
		sdm(c, option, &m.SDM)
	} else if c.reading() {
		m.SDM = nil
	}
}

// ChangeFileSettings changes the communication mode and access rights of a
// file, and what belongs to them. It is enciphered, but plain where the Change
// right is free.
type ChangeFileSettings struct {
	File       FileNo
	Option     FileOption
	Access     AccessRights
	Additional []AccessRights
	SDM        *SDM     // if Option has OptionSDM
	Limit      TMCLimit // if Option has OptionTMCLimit
}

var changeFileSettingsSpec = Spec{
	Name: "ChangeFileSettings", Class: ClassNative, INS: InsChangeFileSettings, Rule: RuleFull, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureAny, Success: StatusOK,
	New: func() Command { return new(ChangeFileSettings) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ChangeFileSettings) Spec() *Spec { return &changeFileSettingsSpec }

// OnFile is the file.
func (m *ChangeFileSettings) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*ChangeFileSettings) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ChangeFileSettings) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	secured(c)
	option := m.Option.walk(c, m.Additional, m.SDM)
	accessRights(c, "AccessRights", &m.Access)
	additional(c, option, &m.Additional)
	sdm(c, option, &m.SDM)
	if c.reading() {
		m.Option, m.Limit = option, TMCLimit{}
	}
	if option.Has(OptionTMCLimit) {
		m.Limit.walk(c)
	}
}

// additional walks the further sets of access rights.
func additional(c *Coder, option FileOption, sets *[]AccessRights) {
	if !option.Has(OptionAdditionalAR) {
		if c.reading() {
			*sets = (*sets)[:0]
		}
		return
	}
	n := uint8(min(len(*sets), maxAdditionalAR+1))
	u8(c, "NrAddARs", &n)
	if n > maxAdditionalAR {
		c.failf("NrAddARs", false, "too many sets, at most %d", maxAdditionalAR)
	}
	counted(c, "AddAccessRights", sets, int(n), func(c *Coder, r *AccessRights) { accessRights(c, "", r) })
}

const maxAdditionalAR = 7 // command reference 3.8

// sdm walks the settings of secure dynamic messaging. A file may have the
// option before it has the settings.
func sdm(c *Coder, option FileOption, s **SDM) {
	if c.done() {
		return
	}
	if !option.Has(OptionSDM) || !present(c, *s != nil, 0) {
		if c.decoding {
			*s = nil
		}
		return
	}
	if *s == nil {
		*s = new(SDM)
	}
	(*s).Layout(c)
}

// String says it in words: "standard file, full, read key 1, write key 2,
// read-write key 3, change key 0, 32 bytes".
func (m FileSettings) String() string {
	s := fmt.Sprintf("%v file, %v, %v", m.Type, m.Comm(), m.Access)
	for _, r := range m.Additional {
		s += fmt.Sprintf(", or %v", r)
	}
	switch m.Type {
	case FileStandard, FileBackup:
		s += fmt.Sprintf(", %d bytes", m.Size)
	case FileValue:
		s += fmt.Sprintf(", %d to %d", m.Lower, m.Upper)
		if m.Flags.Has(ValueLimitedCredit) {
			s += fmt.Sprintf(", limited credit up to %d", m.LimitedCredit)
		}
		if m.Flags.Has(ValueFreeGet) {
			s += ", free GetValue"
		}
	case FileLinearRecord, FileCyclicRecord:
		s += fmt.Sprintf(", %d of %d records of %d bytes", m.Records, m.MaxRecords, m.RecordSize)
	case FileTransactionMAC:
		s += fmt.Sprintf(", %v key version %v", m.TMKeyOption, m.TMKeyVersion)
	}
	if m.SDM != nil {
		s += ", secure dynamic messaging"
	}
	return s
}
