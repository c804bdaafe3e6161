package wire

// CapLRP asks for LRP in the first byte of the reader's capabilities, PCDcap2.1
// (command reference 6.6), and in the card's at CapPDCap2_1 turns it on for ever.
const CapLRP = 1 << 1

// AuthenticateEV2First begins the EV2 authentication with an AES key and a new
// transaction identifier.
type AuthenticateEV2First struct {
	Key  KeyNo
	Caps []byte // capabilities of the reader, PCDcap2, usually none
}

var authenticateEV2FirstSpec = Spec{
	Name: "AuthenticateEV2First", Class: ClassNative, INS: InsAuthenticateEV2First, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureEV2Auth, Success: StatusAdditionalFrame, Exchange: Single,
	New: func() Command { return new(AuthenticateEV2First) }, NewResponse: func() Message { return new(Challenge) },
}

// Spec returns the command's declaration.
func (*AuthenticateEV2First) Spec() *Spec { return &authenticateEV2FirstSpec }

// Response returns a Challenge.
func (*AuthenticateEV2First) Response() *Challenge { return new(Challenge) }

// Layout walks the fields.
func (m *AuthenticateEV2First) Layout(c *Coder) {
	u8(c, "KeyNo", &m.Key)
	bytes8(c, "LenCap", "PCDcap2", &m.Caps)
}

// Challenge is the answer to the first part of the EV2 and LRP
// authentications. A card answers a request for LRP with an AES challenge if it
// is not in LRP mode.
type Challenge struct {
	LRP  bool     // RndB is in clear, and LRP follows
	RndB [16]byte // enciphered, unless LRP
}

const authModeLRP = 1

// Layout walks the fields.
func (m *Challenge) Layout(c *Coder) {
	if has(c, &m.LRP, false, len(m.RndB)) {
		mode := uint8(authModeLRP)
		u8(c, "AuthMode", &mode)
		if mode != authModeLRP {
			c.failf("AuthMode", false, "%02X is not known", mode)
		}
	}
	raw(c, "RndB", m.RndB[:])
}

// AuthenticateEV2FirstPart2 ends AuthenticateEV2First: 32 bytes out and 32
// back, which hold the transaction identifier and the capabilities.
type AuthenticateEV2FirstPart2 struct {
	Token []byte
}

var authenticateEV2FirstPart2Spec = Spec{
	Name: "AuthenticateEV2FirstPart2", Class: ClassNative, INS: InsAdditionalFrame, Variant: "EV2First", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureEV2Auth, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(AuthenticateEV2FirstPart2) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*AuthenticateEV2FirstPart2) Spec() *Spec { return &authenticateEV2FirstPart2Spec }

// Response returns a Data.
func (*AuthenticateEV2FirstPart2) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *AuthenticateEV2FirstPart2) Layout(c *Coder) { rest(c, "Token", &m.Token) }

// AuthenticateEV2NonFirst begins the authentication with another AES key inside
// an EV2 session, whose transaction identifier and counter go on.
type AuthenticateEV2NonFirst struct {
	Key KeyNo
}

var authenticateEV2NonFirstSpec = Spec{
	Name: "AuthenticateEV2NonFirst", Class: ClassNative, INS: InsAuthenticateEV2NonFirst, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureEV2Auth, Success: StatusAdditionalFrame, Exchange: Single,
	New: func() Command { return new(AuthenticateEV2NonFirst) }, NewResponse: func() Message { return new(Challenge) },
}

// Spec returns the command's declaration.
func (*AuthenticateEV2NonFirst) Spec() *Spec { return &authenticateEV2NonFirstSpec }

// Response returns a Challenge.
func (*AuthenticateEV2NonFirst) Response() *Challenge { return new(Challenge) }

// Layout walks the fields.
func (m *AuthenticateEV2NonFirst) Layout(c *Coder) { u8(c, "KeyNo", &m.Key) }

// AuthenticateEV2NonFirstPart2 ends AuthenticateEV2NonFirst: 32 bytes out, 16
// back.
type AuthenticateEV2NonFirstPart2 struct {
	Token []byte
}

var authenticateEV2NonFirstPart2Spec = Spec{
	Name: "AuthenticateEV2NonFirstPart2", Class: ClassNative, INS: InsAdditionalFrame, Variant: "EV2NonFirst", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureEV2Auth, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(AuthenticateEV2NonFirstPart2) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*AuthenticateEV2NonFirstPart2) Spec() *Spec { return &authenticateEV2NonFirstPart2Spec }

// Response returns a Data.
func (*AuthenticateEV2NonFirstPart2) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *AuthenticateEV2NonFirstPart2) Layout(c *Coder) { rest(c, "Token", &m.Token) }

// AuthenticateLRPFirst is AuthenticateEV2First for a card in LRP mode. Caps
// must have CapLRP in its first byte.
type AuthenticateLRPFirst struct {
	Key  KeyNo
	Caps []byte
}

var authenticateLRPFirstSpec = Spec{
	Name: "AuthenticateLRPFirst", Class: ClassNative, INS: InsAuthenticateEV2First, Variant: "LRP", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureLRP, Success: StatusAdditionalFrame, Exchange: Single,
	New: func() Command { return new(AuthenticateLRPFirst) }, NewResponse: func() Message { return new(Challenge) },
}

// Spec returns the command's declaration.
func (*AuthenticateLRPFirst) Spec() *Spec { return &authenticateLRPFirstSpec }

// Response returns a Challenge.
func (*AuthenticateLRPFirst) Response() *Challenge { return new(Challenge) }

// Layout walks the fields.
func (m *AuthenticateLRPFirst) Layout(c *Coder) {
	u8(c, "KeyNo", &m.Key)
	bytes8(c, "LenCap", "PCDcap2", &m.Caps)
}

// AuthenticateLRPFirstPart2 ends AuthenticateLRPFirst.
type AuthenticateLRPFirstPart2 struct {
	RndA [16]byte
	MAC  [16]byte
}

var authenticateLRPFirstPart2Spec = Spec{
	Name: "AuthenticateLRPFirstPart2", Class: ClassNative, INS: InsAdditionalFrame, Variant: "LRPFirst", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureLRP, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(AuthenticateLRPFirstPart2) }, NewResponse: func() Message { return new(LRPFirstProof) },
}

// Spec returns the command's declaration.
func (*AuthenticateLRPFirstPart2) Spec() *Spec { return &authenticateLRPFirstPart2Spec }

// Response returns a LRPFirstProof.
func (*AuthenticateLRPFirstPart2) Response() *LRPFirstProof { return new(LRPFirstProof) }

// Layout walks the fields.
func (m *AuthenticateLRPFirstPart2) Layout(c *Coder) {
	raw(c, "RndA", m.RndA[:])
	raw(c, "MAC", m.MAC[:])
}

// LRPFirstProof is the answer of AuthenticateLRPFirstPart2.
type LRPFirstProof struct {
	PICCData [16]byte // enciphered: transaction identifier and capabilities
	MAC      [16]byte
}

// Layout walks the fields.
func (m *LRPFirstProof) Layout(c *Coder) {
	raw(c, "PICCData", m.PICCData[:])
	raw(c, "MAC", m.MAC[:])
}

// AuthenticateLRPNonFirst is AuthenticateEV2NonFirst in an LRP session.
type AuthenticateLRPNonFirst struct {
	Key KeyNo
}

var authenticateLRPNonFirstSpec = Spec{
	Name: "AuthenticateLRPNonFirst", Class: ClassNative, INS: InsAuthenticateEV2NonFirst, Variant: "LRP", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureLRP, Success: StatusAdditionalFrame, Exchange: Single,
	New: func() Command { return new(AuthenticateLRPNonFirst) }, NewResponse: func() Message { return new(Challenge) },
}

// Spec returns the command's declaration.
func (*AuthenticateLRPNonFirst) Spec() *Spec { return &authenticateLRPNonFirstSpec }

// Response returns a Challenge.
func (*AuthenticateLRPNonFirst) Response() *Challenge { return new(Challenge) }

// Layout walks the fields.
func (m *AuthenticateLRPNonFirst) Layout(c *Coder) { u8(c, "KeyNo", &m.Key) }

// AuthenticateLRPNonFirstPart2 ends AuthenticateLRPNonFirst.
type AuthenticateLRPNonFirstPart2 struct {
	RndA [16]byte
	MAC  [16]byte
}

var authenticateLRPNonFirstPart2Spec = Spec{
	Name: "AuthenticateLRPNonFirstPart2", Class: ClassNative, INS: InsAdditionalFrame, Variant: "LRPNonFirst", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureLRP, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(AuthenticateLRPNonFirstPart2) }, NewResponse: func() Message { return new(LRPNonFirstProof) },
}

// Spec returns the command's declaration.
func (*AuthenticateLRPNonFirstPart2) Spec() *Spec { return &authenticateLRPNonFirstPart2Spec }

// Response returns a LRPNonFirstProof.
func (*AuthenticateLRPNonFirstPart2) Response() *LRPNonFirstProof { return new(LRPNonFirstProof) }

// Layout walks the fields.
func (m *AuthenticateLRPNonFirstPart2) Layout(c *Coder) {
	raw(c, "RndA", m.RndA[:])
	raw(c, "MAC", m.MAC[:])
}

// LRPNonFirstProof is the answer of AuthenticateLRPNonFirstPart2.
type LRPNonFirstProof struct {
	MAC [16]byte
}

// Layout walks the fields.
func (m *LRPNonFirstProof) Layout(c *Coder) { raw(c, "MAC", m.MAC[:]) }
