package wire

// ReadData reads from a standard, backup or transaction MAC file. Offset and
// Length are bytes; Length 0 means up to the end. A backup file answers its
// committed content.
type ReadData struct {
	File   FileNo
	Offset uint32
	Length uint32
}

var readDataSpec = Spec{
	Name: "ReadData", Class: ClassNative, INS: InsReadData, Rule: RuleRead, Level: LevelApp,
	Needs: FeatureClassic, Success: StatusOK,
	New: func() Command { return new(ReadData) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ReadData) Spec() *Spec { return &readDataSpec }

// OnFile is the file.
func (m *ReadData) OnFile() FileNo { return m.File }

// Response returns a Data.
func (*ReadData) Response() *Data { return new(Data) }

// AnswerLen is the length of the plain answer, -1 if only the card knows.
func (m *ReadData) AnswerLen() int {
	if m.Length == 0 {
		return -1
	}
	return int(m.Length)
}

// Layout walks the fields.
func (m *ReadData) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	u24(c, "Offset", &m.Offset)
	u24(c, "Length", &m.Length)
	secured(c)
}

// Data is an answer of plain bytes.
type Data struct {
	Data []byte
}

// Layout walks the fields.
func (m *Data) Layout(c *Coder) { rest(c, "Data", &m.Data) }

// WriteData writes part of a standard or backup data file.
// Offset and len(Data) are bytes, both 24 bits on the wire.
// A backup file changes at CommitTransaction only.
type WriteData struct {
	File   FileNo
	Offset uint32
	Data   []byte
}

var writeDataSpec = Spec{
	Name: "WriteData", Class: ClassNative, INS: InsWriteData, Rule: RuleWrite, Level: LevelApp, Effect: EffectImmediate, PendsInBackup: true,
	Needs: FeatureClassic, Success: StatusOK,
	New: func() Command { return new(WriteData) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*WriteData) Spec() *Spec { return &writeDataSpec }

// OnFile is the file.
func (m *WriteData) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*WriteData) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *WriteData) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	u24(c, "Offset", &m.Offset)
	length24(c, "Length", &m.Data)
	secured(c)
	rest(c, "Data", &m.Data)
}

// ReadDataISO is ReadData without AF chaining. EV2 and later; the only form
// that DESFire Light and NTAG 424 DNA know.
type ReadDataISO struct{ ReadData }

var readDataISOSpec = Spec{
	Name: "ReadDataISO", Class: ClassNative, INS: InsReadDataISO, Rule: RuleRead, Level: LevelApp,
	Needs: FeatureISOChaining, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(ReadDataISO) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ReadDataISO) Spec() *Spec { return &readDataISOSpec }

// WriteDataISO is WriteData without AF chaining. EV2 and later; the only form
// that DESFire Light and NTAG 424 DNA know.
type WriteDataISO struct{ WriteData }

var writeDataISOSpec = Spec{
	Name: "WriteDataISO", Class: ClassNative, INS: InsWriteDataISO, Rule: RuleWrite, Level: LevelApp, Effect: EffectImmediate, PendsInBackup: true,
	Needs: FeatureISOChaining, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(WriteDataISO) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*WriteDataISO) Spec() *Spec { return &writeDataISOSpec }
