package wire

// SelectBy is what ISOSelect selects by.
type SelectBy uint8

// Values of SelectBy, P1 (command reference 15.1).
const (
	SelectByID   SelectBy = 0 // card, application or file, by FID; without FID the card
	SelectChild  SelectBy = 1 // application, by FID
	SelectEF     SelectBy = 2 // file of the selected application, by FID
	SelectParent SelectBy = 3 // the card
	SelectByName SelectBy = 4 // card or application, by DF name
)

func (b SelectBy) String() string {
	names := [...]string{"by identifier", "child application", "file", "parent", "by name"}
	if int(b) < len(names) {
		return names[b]
	}
	return hexByte(byte(b))
}

// SelectAnswer is what ISOSelect returns, P2.
type SelectAnswer uint8

// Values of SelectAnswer.
const (
	SelectFCI    SelectAnswer = 0x00 // the content of file 1F, where there is one
	SelectNoData SelectAnswer = 0x0C
)

func (a SelectAnswer) String() string {
	switch a {
	case SelectFCI:
		return "FCI"
	case SelectNoData:
		return "no data"
	}
	return hexByte(byte(a))
}

// PICCName is the DF name of the card level.
var PICCName = [7]byte{0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x00}

// NDEFName is the DF name of the NDEF application, also that of NTAG 424 DNA.
var NDEFName = [7]byte{0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01}

// LightName is the DF name of DESFire Light's application as it is delivered.
var LightName = [16]byte{0xA0, 0x00, 0x00, 0x03, 0x96, 0x56, 0x43, 0x41, 0x03, 0xF0, 0x15, 0x40, 0x00, 0x00, 0x00, 0x0B}

// PICCFID is the ISO identifier of the card level.
const PICCFID ISOFID = 0x3F00

// ISOSelect selects by ISO name or identifier. Selecting the card or an
// application ends the session and drops whatever is pending; selecting a file
// does not. LIMIT_REACHED (6283) is a success.
type ISOSelect struct {
	By      SelectBy
	P2      SelectAnswer
	FID     ISOFID // by identifier
	WithFID bool   // send FID even if it is zero
	Name    []byte // by name: up to 16 bytes
	Length  int    // of the answer, 256 at most; 0 for no Le
}

var isoSelectSpec = Spec{
	Name: "ISOSelect", Class: ClassISO, INS: InsISOSelect, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureISOFileAccess, Success: StatusISOOK, Exchange: Single,
	New: func() Command { return new(ISOSelect) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ISOSelect) Spec() *Spec { return &isoSelectSpec }

// Response returns a Data.
func (*ISOSelect) Response() *Data { return new(Data) }

// SelectsDF reports whether the command selects the card or an application, as
// far as it tells: by identifier it may be a file.
func (m *ISOSelect) SelectsDF() bool { return m.By != SelectEF }

// Layout walks the fields.
func (m *ISOSelect) Layout(c *Coder) {
	p1(c, "P1", &m.By)
	p2(c, "P2", &m.P2)
	if c.reading() {
		m.FID, m.WithFID, m.Name = 0, c.left() > 0 && m.By < SelectParent, m.Name[:0]
	}
	switch m.By {
	case SelectByID, SelectChild, SelectEF:
		if m.WithFID || m.FID != 0 {
			u16be(c, "ISOFID", &m.FID)
		}
	case SelectParent:
	case SelectByName:
		name(c, "DFName", &m.Name)
	default:
		c.failf("P1", false, "%02X is not known", uint8(m.By))
	}
	le(c, &m.Length)
}

// ISOReadBinary reads from a standard or backup data file in plain, which needs
// a free right, or on EV1 and later an EV1 session.
type ISOReadBinary struct {
	EF     ShortEF // the file, else the selected one
	Offset uint16  // up to 255 with EF, else up to 32767
	Length int     // 256 or 0: as much as there is, up to 256
}

var isoReadBinarySpec = Spec{
	Name: "ISOReadBinary", Class: ClassISO, INS: InsISOReadBinary, Rule: RulePlain, Level: LevelApp,
	Needs: FeatureISOFileAccess, Success: StatusISOOK, Exchange: Single, Native: &readDataSpec,
	New: func() Command { return new(ISOReadBinary) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ISOReadBinary) Spec() *Spec { return &isoReadBinarySpec }

func (m *ISOReadBinary) shortEF() (FileNo, bool) { return m.EF.file() }

// Response returns a Data.
func (*ISOReadBinary) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *ISOReadBinary) Layout(c *Coder) {
	binaryAddress(c, &m.EF, &m.Offset)
	leAll(c, &m.Length)
}

// ISOUpdateBinary writes into a standard or backup data file in plain.
type ISOUpdateBinary struct {
	EF     ShortEF
	Offset uint16
	Data   []byte
}

var isoUpdateBinarySpec = Spec{
	Name: "ISOUpdateBinary", Class: ClassISO, INS: InsISOUpdateBinary, Rule: RulePlain, Level: LevelApp, Effect: EffectImmediate, PendsInBackup: true,
	Needs: FeatureISOFileAccess, Success: StatusISOOK, Exchange: Single, Native: &writeDataSpec,
	New: func() Command { return new(ISOUpdateBinary) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ISOUpdateBinary) Spec() *Spec { return &isoUpdateBinarySpec }

func (m *ISOUpdateBinary) shortEF() (FileNo, bool) { return m.EF.file() }

// Response returns an Empty.
func (*ISOUpdateBinary) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ISOUpdateBinary) Layout(c *Coder) {
	binaryAddress(c, &m.EF, &m.Offset)
	rest(c, "Data", &m.Data)
}

// RecordsMode is which records the ISO commands mean.
type RecordsMode uint8

// Values of RecordsMode.
const (
	RecordOne  RecordsMode = 4 // the record
	RecordFrom RecordsMode = 5 // the record and all after it
)

func (m RecordsMode) String() string {
	switch m {
	case RecordOne:
		return "one record"
	case RecordFrom:
		return "from this record on"
	}
	return hexByte(byte(m))
}

// ISOReadRecord reads records in plain. Which record number 0 is has no
// confirmed source (command reference C-18).
type ISOReadRecord struct {
	Record uint8
	EF     uint8 // short identifier, 0 for the selected file
	Mode   RecordsMode
	Length int // 256 or 0: as much as there is, up to 256
}

var isoReadRecordSpec = Spec{
	Name: "ISOReadRecord", Class: ClassISO, INS: InsISOReadRecord, Rule: RulePlain, Level: LevelApp,
	Needs: FeatureISORecordFiles, Success: StatusISOOK, Exchange: Single, Native: &readRecordsSpec,
	New: func() Command { return new(ISOReadRecord) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ISOReadRecord) Spec() *Spec { return &isoReadRecordSpec }

func (m *ISOReadRecord) shortEF() (FileNo, bool) { return FileNo(m.EF), m.EF != 0 }

// Response returns a Data.
func (*ISOReadRecord) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *ISOReadRecord) Layout(c *Coder) {
	p1(c, "Record", &m.Record)
	recordFile(c, &m.EF, &m.Mode)
	leAll(c, &m.Length)
}

// ISOAppendRecord adds a record in plain. It is pending until
// CommitTransaction.
type ISOAppendRecord struct {
	EF   uint8 // short identifier, 0 for the selected file
	Data []byte
}

var isoAppendRecordSpec = Spec{
	Name: "ISOAppendRecord", Class: ClassISO, INS: InsISOAppendRecord, Rule: RulePlain, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureISORecordFiles, Success: StatusISOOK, Exchange: Single, Native: &writeRecordSpec,
	New: func() Command { return new(ISOAppendRecord) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ISOAppendRecord) Spec() *Spec { return &isoAppendRecordSpec }

func (m *ISOAppendRecord) shortEF() (FileNo, bool) { return FileNo(m.EF), m.EF != 0 }

// Response returns an Empty.
func (*ISOAppendRecord) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ISOAppendRecord) Layout(c *Coder) {
	var zero uint8
	var mode RecordsMode
	p1(c, "P1", &zero)
	recordFile(c, &m.EF, &mode)
	if zero != 0 || mode != 0 {
		c.failf("P1 P2", false, "want 00 and a short file identifier")
	}
	rest(c, "Data", &m.Data)
}

// ISOUpdateRecord changes a record in plain. EV3 only; its layout is that of
// ISO 7816-4, unverified. It is pending until CommitTransaction.
type ISOUpdateRecord struct {
	Record uint8
	EF     uint8 // short identifier, 0 for the selected file
	Mode   RecordsMode
	Data   []byte
}

var isoUpdateRecordSpec = Spec{
	Name: "ISOUpdateRecord", Class: ClassISO, INS: InsISOUpdateRecord, Rule: RulePlain, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureISOUpdateRecord, Success: StatusISOOK, Exchange: Single, Native: &updateRecordSpec,
	New: func() Command { return new(ISOUpdateRecord) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ISOUpdateRecord) Spec() *Spec { return &isoUpdateRecordSpec }

func (m *ISOUpdateRecord) shortEF() (FileNo, bool) { return FileNo(m.EF), m.EF != 0 }

// Response returns an Empty.
func (*ISOUpdateRecord) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ISOUpdateRecord) Layout(c *Coder) {
	p1(c, "Record", &m.Record)
	recordFile(c, &m.EF, &m.Mode)
	rest(c, "Data", &m.Data)
}

// ISOUpdateRecordOdd is ISOUpdateRecord with the odd INS. Unverified.
type ISOUpdateRecordOdd struct{ ISOUpdateRecord }

var isoUpdateRecordOddSpec = Spec{
	Name: "ISOUpdateRecordOdd", Class: ClassISO, INS: InsISOUpdateRecordOdd, Rule: RulePlain, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureISOUpdateRecord, Success: StatusISOOK, Exchange: Single, Native: &updateRecordSpec,
	New: func() Command { return new(ISOUpdateRecordOdd) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ISOUpdateRecordOdd) Spec() *Spec { return &isoUpdateRecordOddSpec }
