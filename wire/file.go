package wire

// GetFileIDs lists the files of the selected application.
type GetFileIDs struct{}

var getFileIDsSpec = Spec{
	Name: "GetFileIDs", Class: ClassNative, INS: InsGetFileIDs, Rule: RuleManage, Level: LevelApp,
	Needs: FeatureFiles, Success: StatusOK,
	New: func() Command { return new(GetFileIDs) }, NewResponse: func() Message { return new(FileIDs) },
}

// Spec returns the command's declaration.
func (*GetFileIDs) Spec() *Spec { return &getFileIDsSpec }

// Response returns a FileIDs.
func (*GetFileIDs) Response() *FileIDs { return new(FileIDs) }

// Layout has nothing to walk.
func (*GetFileIDs) Layout(c *Coder) { secured(c) }

// FileIDs is the answer of GetFileIDs.
type FileIDs struct {
	Files []FileNo
}

// Layout walks the fields.
func (m *FileIDs) Layout(c *Coder) {
	list(c, "FileNo", &m.Files, func(c *Coder, f *FileNo) { u8(c, "", f) })
}

// GetISOFileIDs lists the ISO identifiers of the files that have one.
type GetISOFileIDs struct{}

var getISOFileIDsSpec = Spec{
	Name: "GetISOFileIDs", Class: ClassNative, INS: InsGetISOFileIDs, Rule: RuleManage, Level: LevelApp,
	Needs: FeatureISOFiles, Success: StatusOK,
	New: func() Command { return new(GetISOFileIDs) }, NewResponse: func() Message { return new(ISOFileIDs) },
}

// Spec returns the command's declaration.
func (*GetISOFileIDs) Spec() *Spec { return &getISOFileIDsSpec }

// Response returns an ISOFileIDs.
func (*GetISOFileIDs) Response() *ISOFileIDs { return new(ISOFileIDs) }

// Layout has nothing to walk.
func (*GetISOFileIDs) Layout(c *Coder) { secured(c) }

// ISOFileIDs is the answer of GetISOFileIDs.
type ISOFileIDs struct {
	FIDs []ISOFID
}

// Layout walks the fields.
func (m *ISOFileIDs) Layout(c *Coder) {
	list(c, "ISOFID", &m.FIDs, func(c *Coder, f *ISOFID) { u16(c, "", f) })
}

// CreateStdDataFile creates a standard data file of Size bytes, all zero.
type CreateStdDataFile struct {
	File   FileNo
	FID    ISOFID // 0 for none; demanded in applications with SettISOFiles
	Option FileOption
	Access AccessRights
	Size   uint32
}

var createStdDataFileSpec = Spec{
	Name: "CreateStdDataFile", Class: ClassNative, INS: InsCreateStdDataFile, Rule: RuleManage, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(CreateStdDataFile) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateStdDataFile) Spec() *Spec { return &createStdDataFileSpec }

// OnFile is the file.
func (m *CreateStdDataFile) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*CreateStdDataFile) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *CreateStdDataFile) Layout(c *Coder) {
	createPrefix(c, &m.File, &m.FID, &m.Option, &m.Access, 3)
	u24(c, "Size", &m.Size)
}

// CreateBackupDataFile creates a backup data file of Size bytes, all zero. It
// takes twice its size.
type CreateBackupDataFile struct {
	File   FileNo
	FID    ISOFID // 0 for none
	Option FileOption
	Access AccessRights
	Size   uint32
}

var createBackupDataFileSpec = Spec{
	Name: "CreateBackupDataFile", Class: ClassNative, INS: InsCreateBackupDataFile, Rule: RuleManage, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(CreateBackupDataFile) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateBackupDataFile) Spec() *Spec { return &createBackupDataFileSpec }

// OnFile is the file.
func (m *CreateBackupDataFile) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*CreateBackupDataFile) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *CreateBackupDataFile) Layout(c *Coder) {
	createPrefix(c, &m.File, &m.FID, &m.Option, &m.Access, 3)
	u24(c, "Size", &m.Size)
}

// CreateValueFile creates a value file. Lower <= Value <= Upper.
type CreateValueFile struct {
	File                FileNo
	Option              FileOption
	Access              AccessRights
	Lower, Upper, Value int32
	Flags               ValueFlags
}

var createValueFileSpec = Spec{
	Name: "CreateValueFile", Class: ClassNative, INS: InsCreateValueFile, Rule: RuleManage, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(CreateValueFile) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateValueFile) Spec() *Spec { return &createValueFileSpec }

// OnFile is the file.
func (m *CreateValueFile) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*CreateValueFile) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *CreateValueFile) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	u8(c, "FileOption", &m.Option)
	accessRights(c, "AccessRights", &m.Access)
	u32(c, "LowerLimit", &m.Lower)
	u32(c, "UpperLimit", &m.Upper)
	u32(c, "Value", &m.Value)
	u8(c, "LimitedCreditEnabled", &m.Flags)
	secured(c)
}

// CreateLinearRecordFile creates a linear record file. RecordSize is bytes.
type CreateLinearRecordFile struct {
	File       FileNo
	FID        ISOFID // 0 for none
	Option     FileOption
	Access     AccessRights
	RecordSize uint32
	MaxRecords uint32
}

var createLinearRecordFileSpec = Spec{
	Name: "CreateLinearRecordFile", Class: ClassNative, INS: InsCreateLinearRecordFile, Rule: RuleManage, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(CreateLinearRecordFile) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateLinearRecordFile) Spec() *Spec { return &createLinearRecordFileSpec }

// OnFile is the file.
func (m *CreateLinearRecordFile) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*CreateLinearRecordFile) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *CreateLinearRecordFile) Layout(c *Coder) {
	createPrefix(c, &m.File, &m.FID, &m.Option, &m.Access, 6)
	u24(c, "RecordSize", &m.RecordSize)
	u24(c, "MaxNoOfRecords", &m.MaxRecords)
}

// CreateCyclicRecordFile creates a cyclic record file, which holds
// MaxRecords-1 records. RecordSize is bytes; MaxRecords is at least 2.
type CreateCyclicRecordFile struct {
	File       FileNo
	FID        ISOFID // 0 for none
	Option     FileOption
	Access     AccessRights
	RecordSize uint32
	MaxRecords uint32
}

var createCyclicRecordFileSpec = Spec{
	Name: "CreateCyclicRecordFile", Class: ClassNative, INS: InsCreateCyclicRecordFile, Rule: RuleManage, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(CreateCyclicRecordFile) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateCyclicRecordFile) Spec() *Spec { return &createCyclicRecordFileSpec }

// OnFile is the file.
func (m *CreateCyclicRecordFile) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*CreateCyclicRecordFile) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *CreateCyclicRecordFile) Layout(c *Coder) {
	createPrefix(c, &m.File, &m.FID, &m.Option, &m.Access, 6)
	u24(c, "RecordSize", &m.RecordSize)
	u24(c, "MaxNoOfRecords", &m.MaxRecords)
}

// createPrefix walks what files with an ISO identifier begin with. tail is how
// many bytes follow.
func createPrefix(c *Coder, file *FileNo, fid *ISOFID, option *FileOption, access *AccessRights, tail int) {
	u8(c, "FileNo", file)
	secured(c) // before what is judged by length: a MAC may follow
	if c.reading() {
		*fid = 0
	}
	if present(c, *fid != 0, 1+2+tail) {
		isoFID(c, fid)
	}
	u8(c, "FileOption", option)
	accessRights(c, "AccessRights", access)
}

// DeleteFile deletes a file. Its memory comes back with FormatPICC only.
type DeleteFile struct {
	File FileNo
}

var deleteFileSpec = Spec{
	Name: "DeleteFile", Class: ClassNative, INS: InsDeleteFile, Rule: RuleManage, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureFiles, Success: StatusOK,
	New: func() Command { return new(DeleteFile) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*DeleteFile) Spec() *Spec { return &deleteFileSpec }

// OnFile is the file.
func (m *DeleteFile) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*DeleteFile) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *DeleteFile) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	secured(c)
}

// FileCreation is a command that creates a file, and nothing else.
type FileCreation interface {
	Request[*Empty]
	OnFile() FileNo
	createsFile()
}

func (*CreateStdDataFile) createsFile()        {}
func (*CreateBackupDataFile) createsFile()     {}
func (*CreateValueFile) createsFile()          {}
func (*CreateLinearRecordFile) createsFile()   {}
func (*CreateCyclicRecordFile) createsFile()   {}
func (*CreateTransactionMACFile) createsFile() {}
