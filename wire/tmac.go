package wire

// CreateTransactionMACFile creates the transaction MAC file of an application,
// which has at most one. With the application master key. In Access, Read says
// who reads the file, ReadWrite who must CommitReaderID (Never for nobody), and
// Write is Never.
type CreateTransactionMACFile struct {
	File       FileNo
	Option     FileOption
	Access     AccessRights
	KeyOption  TMKeyOption // TMKeyAES
	Key        Secret      // TMKeySize bytes
	KeyVersion KeyVersion
}

var createTransactionMACFileSpec = Spec{
	Name: "CreateTransactionMACFile", Class: ClassNative, INS: InsCreateTransactionMACFile, Rule: RuleFull, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureTMAC, Success: StatusOK,
	New: func() Command { return new(CreateTransactionMACFile) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateTransactionMACFile) Spec() *Spec { return &createTransactionMACFileSpec }

// OnFile is the file.
func (m *CreateTransactionMACFile) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*CreateTransactionMACFile) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *CreateTransactionMACFile) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	u8(c, "FileOption", &m.Option)
	accessRights(c, "AccessRights", &m.Access)
	u8(c, "TMKeyOption", &m.KeyOption)
	secured(c)
	secret(c, "TMKey", &m.Key, TMKeySize)
	u8(c, "TMKeyVersion", &m.KeyVersion)
}

// CommitReaderID names the reader in the transaction MAC of the running
// transaction. Once per transaction.
type CommitReaderID struct {
	TMRI [16]byte
}

var commitReaderIDSpec = Spec{
	Name: "CommitReaderID", Class: ClassNative, INS: InsCommitReaderID, Rule: RuleReaderID, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureTMAC, Success: StatusOK,
	New: func() Command { return new(CommitReaderID) }, NewResponse: func() Message { return new(ReaderID) },
}

// Spec returns the command's declaration.
func (*CommitReaderID) Spec() *Spec { return &commitReaderIDSpec }

// Response returns a ReaderID.
func (*CommitReaderID) Response() *ReaderID { return new(ReaderID) }

// Layout walks the fields.
func (m *CommitReaderID) Layout(c *Coder) {
	raw(c, "TMRI", m.TMRI[:])
	secured(c)
}

// ReaderID is the answer of CommitReaderID: the identifier of the previous
// reader, enciphered. Empty outside a session.
type ReaderID struct {
	EncTMRI []byte // 16 bytes or none
}

// Layout walks the fields.
func (m *ReaderID) Layout(c *Coder) { optional(c, "EncTMRI", &m.EncTMRI, 16) }
