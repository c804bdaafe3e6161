package wire

// CreateDelegatedApplication creates an application under the authority of
// whoever holds the delegation keys (DAM). At PICC level, after authentication
// with the DAM authentication key. It comes in two frames.
type CreateDelegatedApplication struct {
	AID          AID
	Slot         uint16
	SlotVersion  uint8
	Quota        uint16 // blocks of 32 bytes
	KS1          KeySett1
	KS2          KeySett2
	KS3          KeySett3 // sent if not zero, or if KS2 has SettHasKS3
	KeySetConfig          // sent if KS3 has SettKeySets
	FID          ISOFID   // 0 for none
	DFName       []byte   // up to 16 bytes; only with FID
	EncK         Secret   // EncKSize bytes: the default key, enciphered under the DAM encryption key
	DAMMAC       [8]byte  // over all of it, under the DAM MAC key
}

var createDelegatedApplicationSpec = Spec{
	Name: "CreateDelegatedApplication", Class: ClassNative, INS: InsCreateDelegatedApplication, Rule: RuleManage, Level: LevelPICC, Effect: EffectImmediate,
	Needs: FeatureDelegated, Success: StatusOK,
	New: func() Command { return new(CreateDelegatedApplication) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateDelegatedApplication) Spec() *Spec { return &createDelegatedApplicationSpec }

// Response returns an Empty.
func (*CreateDelegatedApplication) Response() *Empty { return new(Empty) }

func (*CreateDelegatedApplication) framed() {}

// Layout walks the fields.
func (m *CreateDelegatedApplication) Layout(c *Coder) {
	u24(c, "AID", &m.AID)
	u16(c, "DAMSlotNo", &m.Slot)
	hex8(c, "DAMSlotVersion", &m.SlotVersion)
	u16(c, "QuotaLimit", &m.Quota)
	keySettings(c, &m.KS1, &m.KS2, &m.KS3, &m.KeySetConfig)
	secured(c) // before what is judged by length: a MAC may follow
	tail := 0
	if len(c.inMarks) == 0 { // no boundary known
		tail = EncKSize + len(m.DAMMAC)
	}
	isoNames(c, &m.FID, &m.DFName, tail)
	frame(c)
	secret(c, "EncK", &m.EncK, EncKSize)
	raw(c, "DAMMAC", m.DAMMAC[:])
}

// GetDelegatedInfo asks what a delegation slot holds. Without authentication.
// An unused slot answers APPLICATION_NOT_FOUND.
type GetDelegatedInfo struct {
	Slot uint16
}

var getDelegatedInfoSpec = Spec{
	Name: "GetDelegatedInfo", Class: ClassNative, INS: InsGetDelegatedInfo, Rule: RuleManage, Level: LevelPICC,
	Needs: FeatureDelegated, Success: StatusOK,
	New: func() Command { return new(GetDelegatedInfo) }, NewResponse: func() Message { return new(DelegatedInfo) },
}

// Spec returns the command's declaration.
func (*GetDelegatedInfo) Spec() *Spec { return &getDelegatedInfoSpec }

// Response returns a DelegatedInfo.
func (*GetDelegatedInfo) Response() *DelegatedInfo { return new(DelegatedInfo) }

// Layout walks the fields.
func (m *GetDelegatedInfo) Layout(c *Coder) {
	u16(c, "DAMSlotNo", &m.Slot)
	secured(c)
}

// DelegatedInfo is the answer of GetDelegatedInfo.
type DelegatedInfo struct {
	SlotVersion uint8
	Quota       uint16 // blocks of 32 bytes
	Free        uint16 // blocks of 32 bytes
	AID         AID
}

// Layout walks the fields.
func (m *DelegatedInfo) Layout(c *Coder) {
	hex8(c, "DAMSlotVersion", &m.SlotVersion)
	u16(c, "QuotaLimit", &m.Quota)
	u16(c, "FreeBlocks", &m.Free)
	u24(c, "AID", &m.AID)
}
