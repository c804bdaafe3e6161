package wire

// ISOAlgorithm names the cipher in the ISO 7816-4 authentication.
type ISOAlgorithm uint8

// Algorithms (command reference 6.7).
const (
	AlgorithmContext ISOAlgorithm = 0x00 // that of the key
	Algorithm2K3DES  ISOAlgorithm = 0x02
	Algorithm3K3DES  ISOAlgorithm = 0x04
	AlgorithmAES     ISOAlgorithm = 0x09
)

func (a ISOAlgorithm) String() string {
	switch a {
	case AlgorithmContext:
		return "of the key"
	case Algorithm2K3DES:
		return "2K3DES"
	case Algorithm3K3DES:
		return "3K3DES"
	case AlgorithmAES:
		return "AES"
	}
	return hexByte(byte(a))
}

// ISOKeyRef names a key in the ISO 7816-4 authentication: its number, and
// ISOKeyOfApplication for a key of the selected application.
type ISOKeyRef uint8

// ISOKeyOfApplication tells an application's key from the card's.
const ISOKeyOfApplication ISOKeyRef = 0x80

func (r ISOKeyRef) String() string {
	level := "card"
	if r&ISOKeyOfApplication != 0 {
		level = "application"
	}
	return level + " key " + hexByte(byte(r&^ISOKeyOfApplication))
}

// ISOGetChallenge asks for a random number: 8 bytes for DES and 2K3DES, 16 for
// 3K3DES and AES. ISOExternalAuthenticate and ISOInternalAuthenticate follow.
type ISOGetChallenge struct {
	Length int
}

var isoGetChallengeSpec = Spec{
	Name: "ISOGetChallenge", Class: ClassISO, INS: InsISOGetChallenge, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureISOAuth, Success: StatusISOOK, Exchange: Single,
	New: func() Command { return new(ISOGetChallenge) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ISOGetChallenge) Spec() *Spec { return &isoGetChallengeSpec }

// Response returns a Data.
func (*ISOGetChallenge) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *ISOGetChallenge) Layout(c *Coder) {
	noP1P2(c)
	le(c, &m.Length)
}

// ISOExternalAuthenticate proves the reader to the card: its random number and
// the card's, enciphered.
type ISOExternalAuthenticate struct {
	Algorithm ISOAlgorithm
	Key       ISOKeyRef
	Token     []byte // 16 or 32 bytes
}

var isoExternalAuthenticateSpec = Spec{
	Name: "ISOExternalAuthenticate", Class: ClassISO, INS: InsISOExternalAuthenticate, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureISOAuth, Success: StatusISOOK, Exchange: Single,
	New: func() Command { return new(ISOExternalAuthenticate) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ISOExternalAuthenticate) Spec() *Spec { return &isoExternalAuthenticateSpec }

// Response returns an Empty.
func (*ISOExternalAuthenticate) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ISOExternalAuthenticate) Layout(c *Coder) {
	p1(c, "Algorithm", &m.Algorithm)
	p2(c, "KeyRef", &m.Key)
	rest(c, "Token", &m.Token)
}

// ISOInternalAuthenticate proves the card to the reader. The answer is the
// card's second random number and RndPCD, enciphered.
type ISOInternalAuthenticate struct {
	Algorithm ISOAlgorithm
	Key       ISOKeyRef
	RndPCD    []byte // 8 or 16 bytes
	Length    int    // of the answer: twice as much
}

var isoInternalAuthenticateSpec = Spec{
	Name: "ISOInternalAuthenticate", Class: ClassISO, INS: InsISOInternalAuthenticate, Rule: RulePlain, Level: LevelBoth,
	Needs: FeatureISOAuth, Success: StatusISOOK, Exchange: Single,
	New: func() Command { return new(ISOInternalAuthenticate) }, NewResponse: func() Message { return new(Data) },
}

// Spec returns the command's declaration.
func (*ISOInternalAuthenticate) Spec() *Spec { return &isoInternalAuthenticateSpec }

// Response returns a Data.
func (*ISOInternalAuthenticate) Response() *Data { return new(Data) }

// Layout walks the fields.
func (m *ISOInternalAuthenticate) Layout(c *Coder) {
	p1(c, "Algorithm", &m.Algorithm)
	p2(c, "KeyRef", &m.Key)
	rest(c, "RndPCD", &m.RndPCD)
	le(c, &m.Length)
}
