package wire

import (
	"fmt"
	"strings"
)

// SDMOptions say what secure dynamic messaging mirrors (command reference 13.1).
type SDMOptions uint8

// Bits of SDMOptions.
const (
	SDMASCII        SDMOptions = 1 << 0 // the only encoding there is: always set
	SDMEncFile      SDMOptions = 1 << 4 // part of the file is enciphered
	SDMReadCtrLimit SDMOptions = 1 << 5 // the read counter has a limit
	SDMReadCtr      SDMOptions = 1 << 6 // the read counter is mirrored
	SDMUID          SDMOptions = 1 << 7 // the UID is mirrored
)

// Has reports whether all bits of flags are set.
func (o SDMOptions) Has(flags SDMOptions) bool { return o&flags == flags }

func (o SDMOptions) String() string {
	words := [...]string{"ASCII", "bit 1", "bit 2", "bit 3", "enciphered file data", "read counter limit", "read counter", "UID"}
	var set []string
	for i := len(words) - 1; i >= 0; i-- {
		if o>>i&1 == 1 {
			set = append(set, words[i])
		}
	}
	if set == nil {
		return "none"
	}
	return strings.Join(set, ", ")
}

// SDMAccess are the rights of secure dynamic messaging: the keys that encipher
// the mirrored PICC data and authenticate the file, and who may ask for the
// counter.
type SDMAccess uint16

const sdmAccessRFU = 0xF << 4

// NewSDMAccess makes SDMAccess. metaRead: a key that enciphers the PICC data,
// Free for a plain mirror, or Never. fileRead: a key, or Never. ctrRet: a key,
// Free or Never.
func NewSDMAccess(metaRead, fileRead, ctrRet Access) SDMAccess {
	return SDMAccess(metaRead&0xF)<<12 | SDMAccess(fileRead&0xF)<<8 | sdmAccessRFU | SDMAccess(ctrRet&0xF)
}

// MetaRead is the key that enciphers the PICC data.
func (a SDMAccess) MetaRead() Access { return Access(a >> 12) }

// FileRead is the key that the file's MAC and encipherment derive from.
func (a SDMAccess) FileRead() Access { return Access(a >> 8 & 0xF) }

// CtrRet is who may ask for the read counter.
func (a SDMAccess) CtrRet() Access { return Access(a & 0xF) }

func (a SDMAccess) String() string {
	return fmt.Sprintf("meta read %v, file read %v, counter %v", a.MetaRead(), a.FileRead(), a.CtrRet())
}

// SDMNoMirror as ReadCtrOffset keeps the counter without mirroring it.
const SDMNoMirror = 0xFFFFFF

// SDM are the settings of secure dynamic messaging. Offsets and lengths are
// bytes of the file. Which of them are sent depends on Options and Access.
type SDM struct {
	Options        SDMOptions
	Access         SDMAccess
	UIDOffset      uint32 // UID mirrored in plain
	ReadCtrOffset  uint32 // counter mirrored in plain
	PICCDataOffset uint32 // MetaRead is a key
	MACInputOffset uint32 // FileRead is a key
	ENCOffset      uint32 // FileRead is a key and part of the file enciphered
	ENCLength      uint32
	MACOffset      uint32 // FileRead is a key
	ReadCtrLimit   uint32
}

// Layout walks the fields.
func (s *SDM) Layout(c *Coder) {
	u8(c, "SDMOptions", &s.Options)
	u16(c, "SDMAccessRights", &s.Access)
	if c.reading() {
		*s = SDM{Options: s.Options, Access: s.Access}
	}
	meta, file := s.Access.MetaRead(), s.Access.FileRead()
	if meta == Free && s.Options.Has(SDMUID) {
		u24(c, "UIDOffset", &s.UIDOffset)
	}
	if meta == Free && s.Options.Has(SDMReadCtr) {
		u24(c, "SDMReadCtrOffset", &s.ReadCtrOffset)
	}
	if meta < Free {
		u24(c, "PICCDataOffset", &s.PICCDataOffset)
	}
	if file != Never {
		u24(c, "SDMMACInputOffset", &s.MACInputOffset)
		if s.Options.Has(SDMEncFile) {
			u24(c, "SDMENCOffset", &s.ENCOffset)
			u24(c, "SDMENCLength", &s.ENCLength)
		}
		u24(c, "SDMMACOffset", &s.MACOffset)
	}
	if s.Options.Has(SDMReadCtrLimit) {
		u24(c, "SDMReadCtrLimit", &s.ReadCtrLimit)
	}
}

// GetFileCounters asks for the read counter of a file with secure dynamic
// messaging. The answer is always enciphered. EV3 and NTAG 424 DNA.
type GetFileCounters struct {
	File FileNo
}

var getFileCountersSpec = Spec{
	Name: "GetFileCounters", Class: ClassNative, INS: InsGetFileCounters, Rule: RuleFullAnswer, Level: LevelApp,
	Needs: FeatureFileCounters, Success: StatusOK,
	New: func() Command { return new(GetFileCounters) }, NewResponse: func() Message { return new(FileCounters) },
}

// Spec returns the command's declaration.
func (*GetFileCounters) Spec() *Spec { return &getFileCountersSpec }

// OnFile is the file.
func (m *GetFileCounters) OnFile() FileNo { return m.File }

// Response returns a FileCounters.
func (*GetFileCounters) Response() *FileCounters { return new(FileCounters) }

// Layout walks the fields.
func (m *GetFileCounters) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	secured(c)
}

// AnswerLen is the length of the plain answer.
func (*GetFileCounters) AnswerLen() int { return 5 }

// FileCounters is the answer of GetFileCounters.
type FileCounters struct {
	SDMReadCtr uint32
	Reserved   uint16
}

// Layout walks the fields.
func (m *FileCounters) Layout(c *Coder) {
	u24(c, "SDMReadCtr", &m.SDMReadCtr)
	u16(c, "Reserved", &m.Reserved)
}
