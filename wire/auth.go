package wire

// The authenticate commands come in two parts. Each part is one exchange: the
// answer AF ends the first, and the second is sent under INS AF. What the
// cryptograms hold is the business of the handshake.

// Authenticate begins the D40 authentication with a DES or 2K3DES key. The
// answer is the enciphered random number of the card, 8 bytes.
type Authenticate struct {
	Key KeyNo
}

var authenticateSpec = Spec{
	Name: "Authenticate", Class: ClassNative, INS: InsAuthenticate, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureD40Auth, Success: StatusAdditionalFrame, Exchange: Single,
	New: func() Command { return new(Authenticate) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*Authenticate) Spec() *Spec { return &authenticateSpec }

// Response returns a Data.
func (*Authenticate) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *Authenticate) Layout(c *Coder) { u8(c, "KeyNo", &m.Key) }

// AuthenticatePart2 ends Authenticate: 16 bytes out, 8 back.
type AuthenticatePart2 struct {
	Token []byte
}

var authenticatePart2Spec = Spec{
	Name: "AuthenticatePart2", Class: ClassNative, INS: InsAdditionalFrame, Variant: "D40", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureD40Auth, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(AuthenticatePart2) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*AuthenticatePart2) Spec() *Spec { return &authenticatePart2Spec }

// Response returns a Data.
func (*AuthenticatePart2) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *AuthenticatePart2) Layout(c *Coder) { rest(c, "Token", &m.Token) }

// AuthenticateISO begins the EV1 authentication with a DES, 2K3DES or 3K3DES
// key. The answer is the enciphered random number of the card, 8 bytes, or 16
// with a 3K3DES key.
type AuthenticateISO struct {
	Key KeyNo
}

var authenticateISOSpec = Spec{
	Name: "AuthenticateISO", Class: ClassNative, INS: InsAuthenticateISO, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureEV1Auth, Success: StatusAdditionalFrame, Exchange: Single,
	New: func() Command { return new(AuthenticateISO) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*AuthenticateISO) Spec() *Spec { return &authenticateISOSpec }

// Response returns a Data.
func (*AuthenticateISO) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *AuthenticateISO) Layout(c *Coder) { u8(c, "KeyNo", &m.Key) }

// AuthenticateISOPart2 ends AuthenticateISO: 16 bytes out and 8 back, or 32 and
// 16 with a 3K3DES key.
type AuthenticateISOPart2 struct {
	Token []byte
}

var authenticateISOPart2Spec = Spec{
	Name: "AuthenticateISOPart2", Class: ClassNative, INS: InsAdditionalFrame, Variant: "ISO", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureEV1Auth, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(AuthenticateISOPart2) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*AuthenticateISOPart2) Spec() *Spec { return &authenticateISOPart2Spec }

// Response returns a Data.
func (*AuthenticateISOPart2) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *AuthenticateISOPart2) Layout(c *Coder) { rest(c, "Token", &m.Token) }

// AuthenticateAES begins the EV1 authentication with an AES key. The answer is
// the enciphered random number of the card, 16 bytes.
type AuthenticateAES struct {
	Key KeyNo
}

var authenticateAESSpec = Spec{
	Name: "AuthenticateAES", Class: ClassNative, INS: InsAuthenticateAES, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureEV1Auth, Success: StatusAdditionalFrame, Exchange: Single,
	New: func() Command { return new(AuthenticateAES) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*AuthenticateAES) Spec() *Spec { return &authenticateAESSpec }

// Response returns a Data.
func (*AuthenticateAES) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *AuthenticateAES) Layout(c *Coder) { u8(c, "KeyNo", &m.Key) }

// AuthenticateAESPart2 ends AuthenticateAES: 32 bytes out, 16 back.
type AuthenticateAESPart2 struct {
	Token []byte
}

var authenticateAESPart2Spec = Spec{
	Name: "AuthenticateAESPart2", Class: ClassNative, INS: InsAdditionalFrame, Variant: "AES", Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureEV1Auth, Success: StatusOK, Exchange: Single,
	New: func() Command { return new(AuthenticateAESPart2) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*AuthenticateAESPart2) Spec() *Spec { return &authenticateAESPart2Spec }

// Response returns a Data.
func (*AuthenticateAESPart2) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *AuthenticateAESPart2) Layout(c *Coder) { rest(c, "Token", &m.Token) }
