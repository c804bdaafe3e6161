package wire

// PreparePC begins the proximity check. It ends the session; until VerifyPC
// the card takes nothing else.
type PreparePC struct{}

var preparePCSpec = Spec{
	Name: "PreparePC", Class: ClassNative, INS: InsPreparePC, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureProximity, Success: StatusSignatureOK,
	New: func() Command { return new(PreparePC) }, NewResponse: func() Message { return new(PCTimes) },
}

// Spec returns the command's declaration.
func (*PreparePC) Spec() *Spec { return &preparePCSpec }

// Response returns a PCTimes.
func (*PreparePC) Response() *PCTimes { return new(PCTimes) }

// Layout has nothing to walk.
func (*PreparePC) Layout(*Coder) {}

// PCTimes is the answer of PreparePC.
type PCTimes struct {
	Option      uint8  // bit 0: PPS1 is there
	PubRespTime uint16 // microseconds that the card needs to answer
	PPS1        uint8  // the speed of the link
}

const pcHasPPS1 = 1 << 0

// HasPPS1 reports whether PPS1 is there.
func (m *PCTimes) HasPPS1() bool { return m.Option&pcHasPPS1 != 0 }

// Layout walks the fields.
func (m *PCTimes) Layout(c *Coder) {
	hex8(c, "Option", &m.Option)
	u16be(c, "PubRespTime", &m.PubRespTime)
	if m.HasPPS1() {
		hex8(c, "PPS1", &m.PPS1)
	} else if c.reading() {
		m.PPS1 = 0
	}
}

// ProximityCheck is one round of the proximity check: a part of the reader's
// random number against a part of the card's. All parts together are 8 bytes. A
// native answer has no status.
type ProximityCheck struct {
	RndC []byte
}

var proximityCheckSpec = Spec{
	Name: "ProximityCheck", Class: ClassNative, INS: InsProximityCheck, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureProximity, Success: StatusSignatureOK, Bare: true,
	New: func() Command { return new(ProximityCheck) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ProximityCheck) Spec() *Spec { return &proximityCheckSpec }

// Response returns a Data.
func (*ProximityCheck) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *ProximityCheck) Layout(c *Coder) { bytes8(c, "Length", "pRndC", &m.RndC) }

// VerifyPC ends the proximity check. The answer is the card's MAC.
type VerifyPC struct {
	MAC [8]byte
}

var verifyPCSpec = Spec{
	Name: "VerifyPC", Class: ClassNative, INS: InsVerifyPC, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureProximity, Success: StatusSignatureOK,
	New: func() Command { return new(VerifyPC) }, NewResponse: func() Message { return new(PCMAC) },
}

// Spec returns the command's declaration.
func (*VerifyPC) Spec() *Spec { return &verifyPCSpec }

// Response returns a PCMAC.
func (*VerifyPC) Response() *PCMAC { return new(PCMAC) }

// Layout walks the fields.
func (m *VerifyPC) Layout(c *Coder) { raw(c, "MAC", m.MAC[:]) }

// PCMAC is the answer of VerifyPC.
type PCMAC struct {
	MAC [8]byte
}

// Layout walks the fields.
func (m *PCMAC) Layout(c *Coder) { raw(c, "MAC", m.MAC[:]) }

// ISOSelectVC selects a virtual card by its installation identifier. What a
// card answers that wants the reader to authenticate has no public layout.
type ISOSelectVC struct {
	IID []byte // up to 16 bytes
}

var isoSelectVCSpec = Spec{
	Name: "ISOSelectVC", Class: ClassISO, INS: InsISOSelect, Variant: "VC", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureProximity, Success: StatusISOOK, Exchange: Single,
	New: func() Command { return new(ISOSelectVC) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ISOSelectVC) Spec() *Spec { return &isoSelectVCSpec }

// Response returns a Data.
func (*ISOSelectVC) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *ISOSelectVC) Layout(c *Coder) {
	by, answer, length := SelectByName, SelectFCI, 256
	p1(c, "P1", &by)
	p2(c, "P2", &answer)
	le(c, &length)
	if by != SelectByName || answer != SelectFCI || length != 256 {
		c.failf("P1 P2 Le", false, "%02X %02X %d, want 04 00 256", uint8(by), uint8(answer), length)
	}
	name(c, "IID", &m.IID)
}

// ISOExternalAuthenticateVC authenticates the reader to a virtual card.
type ISOExternalAuthenticateVC struct {
	Data []byte
}

var isoExternalAuthenticateVCSpec = Spec{
	Name: "ISOExternalAuthenticateVC", Class: ClassISO, INS: InsISOExternalAuthenticate, Variant: "VC", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureProximity, Success: StatusISOOK, Exchange: Single,
	New: func() Command { return new(ISOExternalAuthenticateVC) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ISOExternalAuthenticateVC) Spec() *Spec { return &isoExternalAuthenticateVCSpec }

// Response returns an Empty.
func (*ISOExternalAuthenticateVC) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ISOExternalAuthenticateVC) Layout(c *Coder) {
	noP1P2(c)
	rest(c, "Data", &m.Data)
}
