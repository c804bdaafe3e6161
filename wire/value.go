package wire

// GetValue reads a value file. The answer is the committed value, whatever is
// pending.
type GetValue struct {
	File FileNo
}

var getValueSpec = Spec{
	Name: "GetValue", Class: ClassNative, INS: InsGetValue, Rule: RuleRead, Level: LevelApp,
	Needs: FeatureTransactions, Success: StatusOK,
	New: func() Command { return new(GetValue) }, NewResponse: func() Message { return new(Value) },
}

// Spec returns the command's declaration.
func (*GetValue) Spec() *Spec { return &getValueSpec }

// OnFile is the file.
func (m *GetValue) OnFile() FileNo { return m.File }

// AnswerLen is the length of the plain answer.
func (*GetValue) AnswerLen() int { return 4 }

// Response returns a Value.
func (*GetValue) Response() *Value { return new(Value) }

// Layout walks the fields.
func (m *GetValue) Layout(c *Coder) {
	u8(c, "FileNo", &m.File)
	secured(c)
}

// Value is the answer of GetValue.
type Value struct {
	Value int32
}

// Layout walks the fields.
func (m *Value) Layout(c *Coder) {
	u32(c, "Value", &m.Value)
}

// Credit adds to a value file at CommitTransaction. Amounts are never
// negative. Beyond the upper limit the card answers BOUNDARY_ERROR.
type Credit struct {
	File   FileNo
	Amount int32
}

var creditSpec = Spec{
	Name: "Credit", Class: ClassNative, INS: InsCredit, Rule: RuleWrite, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureTransactions, Success: StatusOK,
	New: func() Command { return new(Credit) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*Credit) Spec() *Spec { return &creditSpec }

// OnFile is the file.
func (m *Credit) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*Credit) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *Credit) Layout(c *Coder) { amount(c, &m.File, &m.Amount) }

// Debit takes from a value file at CommitTransaction. Below the lower limit
// the card answers BOUNDARY_ERROR.
type Debit struct {
	File   FileNo
	Amount int32
}

var debitSpec = Spec{
	Name: "Debit", Class: ClassNative, INS: InsDebit, Rule: RuleWrite, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureTransactions, Success: StatusOK,
	New: func() Command { return new(Debit) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*Debit) Spec() *Spec { return &debitSpec }

// OnFile is the file.
func (m *Debit) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*Debit) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *Debit) Layout(c *Coder) { amount(c, &m.File, &m.Amount) }

// LimitedCredit gives back at most what the last committed transaction
// debited (command reference 10.6). The file must have it enabled.
type LimitedCredit struct {
	File   FileNo
	Amount int32
}

var limitedCreditSpec = Spec{
	Name: "LimitedCredit", Class: ClassNative, INS: InsLimitedCredit, Rule: RuleWrite, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureTransactions, Success: StatusOK,
	New: func() Command { return new(LimitedCredit) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*LimitedCredit) Spec() *Spec { return &limitedCreditSpec }

// OnFile is the file.
func (m *LimitedCredit) OnFile() FileNo { return m.File }

// Response returns an Empty.
func (*LimitedCredit) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *LimitedCredit) Layout(c *Coder) { amount(c, &m.File, &m.Amount) }

func amount(c *Coder, file *FileNo, v *int32) {
	u8(c, "FileNo", file)
	secured(c)
	u32(c, "Amount", v)
}

// RestoreTransfer sets a value file to the value of another at
// CommitTransaction. EV2 and later. The order of the two numbers has a thin
// source.
type RestoreTransfer struct {
	Target FileNo
	Source FileNo
}

var restoreTransferSpec = Spec{
	Name: "RestoreTransfer", Class: ClassNative, INS: InsRestoreTransfer, Rule: RuleManage, Level: LevelApp, Effect: EffectPending,
	Needs: FeatureRestore, Success: StatusOK,
	New: func() Command { return new(RestoreTransfer) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*RestoreTransfer) Spec() *Spec { return &restoreTransferSpec }

// OnFile is the file that changes.
func (m *RestoreTransfer) OnFile() FileNo { return m.Target }

// Response returns an Empty.
func (*RestoreTransfer) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *RestoreTransfer) Layout(c *Coder) {
	u8(c, "TargetFileNo", &m.Target)
	u8(c, "SourceFileNo", &m.Source)
	secured(c)
}
