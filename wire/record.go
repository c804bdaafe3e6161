package wire

// WriteRecord writes into the record that the transaction adds; the first
// WriteRecord of a transaction begins it. It is pending until
// CommitTransaction. Offset is bytes into the record.
type WriteRecord struct {
	File   FileNo
	Offset uint32
	Data   []byte
}

var writeRecordSpec = Spec{
	Name: "WriteRecord", Class: ClassNative, INS: InsWriteRecord, Rule: RuleWrite, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureClassic, Success: StatusOK,
	New: func() Command { return new(WriteRecord) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*WriteRecord) Spec() *Spec { return &writeRecordSpec }

// OnFile is the file.
func (m *WriteRecord) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*WriteRecord) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *WriteRecord) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	u24(c, "Offset", &m.Offset)
	length24(c, "Length", &m.Data)
	secured(c)
	rest(c, "Data", &m.Data)
}

// ReadRecords reads Count records, the last of which is Record, where 0 is the
// newest; Count 0 means all from there to the oldest. They come oldest first.
// An empty file answers BOUNDARY_ERROR.
type ReadRecords struct {
	File   FileNo
	Record uint32
	Count  uint32
}

var readRecordsSpec = Spec{
	Name: "ReadRecords", Class: ClassNative, INS: InsReadRecords, Rule: RuleRead, Level: LevelApp,
	Needs: FeatureClassic, Success: StatusOK,
	New: func() Command { return new(ReadRecords) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ReadRecords) Spec() *Spec { return &readRecordsSpec }

// OnFile is the file.
func (m *ReadRecords) OnFile() FileNo { return m.File }

// Response returns a Data.
func (*ReadRecords) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *ReadRecords) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	u24(c, "RecNo", &m.Record)
	u24(c, "RecCount", &m.Count)
	secured(c)
}

// UpdateRecord changes a record that exists, 0 being the newest. It is pending
// until CommitTransaction. EV2 and later.
type UpdateRecord struct {
	File   FileNo
	Record uint32
	Offset uint32
	Data   []byte
}

var updateRecordSpec = Spec{
	Name: "UpdateRecord", Class: ClassNative, INS: InsUpdateRecord, Rule: RuleWrite, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureUpdateRecord, Success: StatusOK,
	New: func() Command { return new(UpdateRecord) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*UpdateRecord) Spec() *Spec { return &updateRecordSpec }

// OnFile is the file.
func (m *UpdateRecord) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*UpdateRecord) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *UpdateRecord) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	u24(c, "RecNo", &m.Record)
	u24(c, "Offset", &m.Offset)
	length24(c, "Length", &m.Data)
	secured(c)
	rest(c, "Data", &m.Data)
}

// ClearRecordFile removes all records at CommitTransaction.
type ClearRecordFile struct {
	File FileNo
}

var clearRecordFileSpec = Spec{
	Name: "ClearRecordFile", Class: ClassNative, INS: InsClearRecordFile, Rule: RuleManage, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureTransactions, Success: StatusOK,
	New: func() Command { return new(ClearRecordFile) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ClearRecordFile) Spec() *Spec { return &clearRecordFileSpec }

// OnFile is the file.
func (m *ClearRecordFile) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*ClearRecordFile) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ClearRecordFile) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	secured(c)
}

// WriteRecordISO is WriteRecord without AF chaining. EV2 and later.
type WriteRecordISO struct{ WriteRecord }

var writeRecordISOSpec = Spec{
	Name: "WriteRecordISO", Class: ClassNative, INS: InsWriteRecordISO, Rule: RuleWrite, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureISORecords, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(WriteRecordISO) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*WriteRecordISO) Spec() *Spec { return &writeRecordISOSpec }

// ReadRecordsISO is ReadRecords without AF chaining. EV2 and later.
type ReadRecordsISO struct{ ReadRecords }

var readRecordsISOSpec = Spec{
	Name: "ReadRecordsISO", Class: ClassNative, INS: InsReadRecordsISO, Rule: RuleRead, Level: LevelApp,
	Needs: FeatureISORecords, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(ReadRecordsISO) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ReadRecordsISO) Spec() *Spec { return &readRecordsISOSpec }

// UpdateRecordISO is UpdateRecord without AF chaining. EV2 and later.
type UpdateRecordISO struct{ UpdateRecord }

var updateRecordISOSpec = Spec{
	Name: "UpdateRecordISO", Class: ClassNative, INS: InsUpdateRecordISO, Rule: RuleWrite, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureISORecords, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(UpdateRecordISO) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*UpdateRecordISO) Spec() *Spec { return &updateRecordISOSpec }
