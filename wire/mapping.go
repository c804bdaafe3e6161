package wire

// MappingOption says what a MIFARE Classic mapping allows.
type MappingOption uint8

// Bits of MappingOption (command reference 18).
const (
	MappingTrailers   MappingOption = 1 << 0 // the blocks are sector trailers
	MappingRestore    MappingOption = 1 << 2 // restore and transfer; a file number follows
	MappingKeyB       MappingOption = 1 << 3 // key B may change
	MappingAccessBits MappingOption = 1 << 4 // access bits may change
	MappingKeyA       MappingOption = 1 << 5 // key A may change
)

func (o MappingOption) String() string { return hexByte(byte(o)) }

// CreateMFCMapping shows a file as blocks of MIFARE Classic. EV2 XL and EV3C
// parts only; one source.
type CreateMFCMapping struct {
	File        FileNo
	Option      MappingOption
	Blocks      []uint8
	RestoreFile FileNo  // if Option has MappingRestore
	LicenseMAC  [8]byte // under the card's MFC license key
}

var createMFCMappingSpec = Spec{
	Name: "CreateMFCMapping", Class: ClassNative, INS: InsCreateMFCMapping, Rule: RuleFull, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureMFCMapping, Success: StatusOK,
	New: func() Command { return new(CreateMFCMapping) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateMFCMapping) Spec() *Spec { return &createMFCMappingSpec }

// OnFile is the file.
func (m *CreateMFCMapping) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*CreateMFCMapping) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *CreateMFCMapping) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	u8(c, "Option", &m.Option)
	bytes8(c, "NumBlocks", "Blocks", &m.Blocks)
	if m.Option&MappingRestore != 0 {
		u8(c, "RestoreFileNo", &m.RestoreFile)
	} else if c.reading() {
		m.RestoreFile = 0
	}
	secured(c)
	raw(c, "LicenseMAC", m.LicenseMAC[:])
}
