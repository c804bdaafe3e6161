package wire

// GetVersion asks for the chip's versions and identifier. It needs no
// authentication and works on every card.
type GetVersion struct{}

var getVersionSpec = Spec{
	Name: "GetVersion", Class: ClassNative, INS: InsGetVersion, Rule: RuleManage, Level: LevelBoth,
	Needs: FeatureAny, Success: StatusOK,
	New: func() Command { return new(GetVersion) }, NewResponse: func() Message { return new(Version) },
}

// Spec returns the command's declaration.
func (*GetVersion) Spec() *Spec { return &getVersionSpec }

// Response returns a Version.
func (*GetVersion) Response() *Version { return new(Version) }

// Layout has nothing to walk.
func (*GetVersion) Layout(c *Coder) { secured(c) }

// FreeMemory asks how many bytes the card can still allocate. EV1 and later.
type FreeMemory struct{}

var freeMemorySpec = Spec{
	Name: "FreeMemory", Class: ClassNative, INS: InsFreeMemory, Rule: RuleManage, Level: LevelBoth,
	Needs: FeatureEV1Commands, Success: StatusOK,
	New: func() Command { return new(FreeMemory) }, NewResponse: func() Message { return new(Memory) },
}

// Spec returns the command's declaration.
func (*FreeMemory) Spec() *Spec { return &freeMemorySpec }

// Response returns a Memory.
func (*FreeMemory) Response() *Memory { return new(Memory) }

// Layout has nothing to walk.
func (*FreeMemory) Layout(c *Coder) { secured(c) }

// Memory is the answer of FreeMemory. Deleted files and applications count
// only after FormatPICC.
type Memory struct {
	Bytes uint32
}

// Layout walks the fields.
func (m *Memory) Layout(c *Coder) { u24(c, "FreeBytes", &m.Bytes) }

// FormatPICC deletes all applications and files. At PICC level, with the PICC
// master key. Inside a delegated application its master key deletes the files
// of that application.
type FormatPICC struct{}

var formatPICCSpec = Spec{
	Name: "FormatPICC", Class: ClassNative, INS: InsFormatPICC, Rule: RuleManage, Level: LevelBoth, Effect: EffectImmediate, Slow: true,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(FormatPICC) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*FormatPICC) Spec() *Spec { return &formatPICCSpec }

// Response returns an Empty.
func (*FormatPICC) Response() *Empty { return new(Empty) }

// Layout has nothing to walk.
func (*FormatPICC) Layout(c *Coder) { secured(c) }
