package wire

// SelectApplication selects one application, the card level with AID PICC, or
// from EV2 on two applications that share. It ends the session and drops
// whatever is pending. APPLICATION_NOT_FOUND leaves the selection as it was.
type SelectApplication struct {
	AID    AID
	Second AID  // the secondary application; PICC for none
	Two    bool // send Second even if it is PICC
}

var selectApplicationSpec = Spec{
	Name: "SelectApplication", Class: ClassNative, INS: InsSelectApplication, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(SelectApplication) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*SelectApplication) Spec() *Spec { return &selectApplicationSpec }

// Response returns an Empty.
func (*SelectApplication) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *SelectApplication) Layout(c *Coder) {
	u24(c, "AID", &m.AID)
	if has(c, &m.Two, m.Second != PICC, 0) {
		u24(c, "SecondAID", &m.Second)
	} else if c.reading() {
		m.Second = PICC
	}
}

// GetApplicationIDs lists the applications, in the order of their creation. At
// PICC level; with the PICC master key unless its settings give the directory
// away.
type GetApplicationIDs struct{}

var getApplicationIDsSpec = Spec{
	Name: "GetApplicationIDs", Class: ClassNative, INS: InsGetApplicationIDs, Rule: RuleManage, Level: LevelPICC,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(GetApplicationIDs) }, NewResponse: func() Message { return new(ApplicationIDs) },
}

// Spec returns the command's declaration.
func (*GetApplicationIDs) Spec() *Spec { return &getApplicationIDsSpec }

// Response returns an ApplicationIDs.
func (*GetApplicationIDs) Response() *ApplicationIDs { return new(ApplicationIDs) }

// Layout has nothing to walk.
func (*GetApplicationIDs) Layout(c *Coder) { secured(c) }

// ApplicationIDs is the answer of GetApplicationIDs.
type ApplicationIDs struct {
	AIDs []AID
}

// Layout walks the fields.
func (m *ApplicationIDs) Layout(c *Coder) {
	list(c, "AID", &m.AIDs, func(c *Coder, a *AID) { u24(c, "", a) })
}

// GetDFNames lists the applications that have an ISO name, one in each frame.
// EV1 and later; on EV1 only outside a session.
type GetDFNames struct{}

var getDFNamesSpec = Spec{
	Name: "GetDFNames", Class: ClassNative, INS: InsGetDFNames, Rule: RuleManage, Level: LevelPICC,
	Needs: FeatureEV1Commands, Success: StatusOK,
	New: func() Command { return new(GetDFNames) }, NewResponse: func() Message { return new(DFNames) },
}

// Spec returns the command's declaration.
func (*GetDFNames) Spec() *Spec { return &getDFNamesSpec }

// Response returns a DFNames.
func (*GetDFNames) Response() *DFNames { return new(DFNames) }

// Layout has nothing to walk.
func (*GetDFNames) Layout(c *Coder) { secured(c) }

// DFNames is the answer of GetDFNames. Decoding more than one application
// needs the frame boundaries.
type DFNames struct {
	Applications []DFName
}

// DFName is an application with its ISO names.
type DFName struct {
	AID  AID
	FID  ISOFID
	Name []byte // 0 to 16 bytes
}

func (*DFNames) framed() {}

// Layout walks the fields.
func (m *DFNames) Layout(c *Coder) {
	frames(c, "Application", &m.Applications, func(c *Coder, a *DFName) {
		u24(c, "AID", &a.AID)
		u16(c, "ISOFID", &a.FID)
		name(c, "DFName", &a.Name)
	})
}

// CreateApplication creates an application. At PICC level; with the PICC
// master key unless its settings make creation free. D40 knows AID, KS1 and
// KS2 only; EV1 adds the ISO names; EV2 adds KS3 and the key sets.
//
// All keys begin as zero, version 0, or as the default key of the card.
type CreateApplication struct {
	AID          AID
	KS1          KeySett1
	KS2          KeySett2
	KS3          KeySett3 // sent if not zero, or if KS2 has SettHasKS3
	KeySetConfig          // sent if KS3 has SettKeySets
	FID          ISOFID   // 0 for none
	DFName       []byte   // up to 16 bytes; only with FID
}

var createApplicationSpec = Spec{
	Name: "CreateApplication", Class: ClassNative, INS: InsCreateApplication, Rule: RuleManage, Level: LevelPICC, Effect: EffectImmediate,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(CreateApplication) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*CreateApplication) Spec() *Spec { return &createApplicationSpec }

// Response returns an Empty.
func (*CreateApplication) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *CreateApplication) Layout(c *Coder) {
	u24(c, "AID", &m.AID)
	keySettings(c, &m.KS1, &m.KS2, &m.KS3, &m.KeySetConfig)
	secured(c) // before what is judged by length: a MAC may follow
	isoNames(c, &m.FID, &m.DFName, 0)
}

// keySettings walks what both ways of creating an application share.
func keySettings(c *Coder, ks1 *KeySett1, ks2 *KeySett2, ks3 *KeySett3, sets *KeySetConfig) {
	u8(c, "KeySett1", ks1)
	second := *ks2
	if !c.decoding && *ks3 != 0 {
		second |= SettHasKS3
	}
	u8(c, "KeySett2", &second)
	if c.reading() {
		*ks2, *ks3, *sets = second, 0, KeySetConfig{}
	}
	if !second.Has(SettHasKS3) {
		return
	}
	u8(c, "KeySett3", ks3)
	if ks3.Has(SettKeySets) {
		sets.walk(c)
	}
}

// isoNames walks the optional FID and DF name, with tail bytes to follow.
func isoNames(c *Coder, fid *ISOFID, df *[]byte, tail int) {
	if c.reading() {
		*fid, *df = 0, (*df)[:0]
	}
	if !present(c, *fid != 0 || len(*df) > 0, tail) {
		return
	}
	isoFID(c, fid)
	nameBefore(c, "DFName", df, tail)
}

// DeleteApplication deletes an application with its files. Their memory comes
// back with FormatPICC only. At PICC level with the PICC master key, or inside
// the application with its own master key where the card's settings allow it.
type DeleteApplication struct {
	AID    AID
	DAMMAC []byte // 8 bytes for delegated applications under the DAM key, else none
}

var deleteApplicationSpec = Spec{
	Name: "DeleteApplication", Class: ClassNative, INS: InsDeleteApplication, Rule: RuleManage, Level: LevelBoth, Effect: EffectImmediate, Slow: true,
	Needs: FeatureApplications, Success: StatusOK,
	New: func() Command { return new(DeleteApplication) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*DeleteApplication) Spec() *Spec { return &deleteApplicationSpec }

// Response returns an Empty.
func (*DeleteApplication) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *DeleteApplication) Layout(c *Coder) {
	u24(c, "AID", &m.AID)
	secured(c) // before what is judged by length: a MAC may follow
	optional(c, "DAMMAC", &m.DAMMAC, 8)
}
