package wire

// CommitTransaction makes all pending changes of the selected application
// happen, or none. With nothing pending the card answers NO_CHANGES. From EV2
// on it returns the transaction MAC if asked to; without a transaction MAC file
// that is a PARAMETER_ERROR.
type CommitTransaction struct {
	ReturnTMAC bool
	WithOption bool // send the option byte even if it is zero; D40 and EV1 do not know it
}

var commitTransactionSpec = Spec{
	Name: "CommitTransaction", Class: ClassNative, INS: InsCommitTransaction, Rule: RuleManage, Level: LevelApp, Effect: EffectCommit,
	Needs: FeatureTransactions, Success: StatusOK,
	New: func() Command { return new(CommitTransaction) }, NewResponse: func() Message { return new(CommitTransactionResponse) },
}

// Spec returns the command's declaration.
func (*CommitTransaction) Spec() *Spec { return &commitTransactionSpec }

// Response returns a CommitTransactionResponse.
func (*CommitTransaction) Response() *CommitTransactionResponse {
	return new(CommitTransactionResponse)
}

// Layout walks the fields.
func (m *CommitTransaction) Layout(c *Coder) {
	secured(c) // before what is judged by length: a MAC may follow
	if has(c, &m.WithOption, m.ReturnTMAC, 0) {
		flag8(c, "Option", &m.ReturnTMAC)
	} else if c.reading() {
		m.ReturnTMAC = false
	}
}

// CommitTransactionResponse is the answer of CommitTransaction. It is empty
// unless the transaction MAC was asked for.
type CommitTransactionResponse struct {
	HasTMAC bool
	TMC     TMC
	TMV     [8]byte
}

// Layout walks the fields.
func (m *CommitTransactionResponse) Layout(c *Coder) {
	if has(c, &m.HasTMAC, false, 0) {
		u32(c, "TMC", &m.TMC)
		raw(c, "TMV", m.TMV[:])
	} else if c.reading() {
		m.TMC, m.TMV = 0, [8]byte{}
	}
}

// AbortTransaction drops all pending changes of the selected application. With
// nothing pending the card answers NO_CHANGES.
type AbortTransaction struct{}

var abortTransactionSpec = Spec{
	Name: "AbortTransaction", Class: ClassNative, INS: InsAbortTransaction, Rule: RuleManage, Level: LevelApp,
	Needs: FeatureTransactions, Success: StatusOK,
	New: func() Command { return new(AbortTransaction) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*AbortTransaction) Spec() *Spec { return &abortTransactionSpec }

// Response returns an Empty.
func (*AbortTransaction) Response() *Empty { return new(Empty) }

// Layout has nothing to walk.
func (*AbortTransaction) Layout(c *Coder) { secured(c) }
