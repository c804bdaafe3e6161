package wire

// GetCardUID asks for the real identifier of a card, whatever it shows to the
// anticollision. With any key. The answer is always enciphered.
type GetCardUID struct {
	WithNUID   bool // EV3: ask for the 4-byte identifier as well; one source
	WithOption bool // send the option byte even if it is zero
}

var getCardUIDSpec = Spec{
	Name: "GetCardUID", Class: ClassNative, INS: InsGetCardUID, Rule: RuleFullAnswer, Level: LevelBoth,
	Needs: FeatureCardUID, Success: StatusOK,
	New: func() Command { return new(GetCardUID) }, NewResponse: func() Message { return new(CardUID) },
}

// Spec returns the command's declaration.
func (*GetCardUID) Spec() *Spec { return &getCardUIDSpec }

// Response returns a CardUID.
func (*GetCardUID) Response() *CardUID { return new(CardUID) }

// Layout walks the fields.
func (m *GetCardUID) Layout(c *Coder) {
	secured(c)
	if has(c, &m.WithOption, m.WithNUID, 0) {
		flag8(c, "Option", &m.WithNUID)
	} else if c.reading() {
		m.WithNUID = false
	}
}

// CardUID is the answer of GetCardUID.
type CardUID struct {
	UID  []byte // 7 bytes; parts with 4 or 10 send the length as well
	NUID []byte // 4 bytes or none
}

// Lengths of identifiers.
const (
	uidLen  = 7
	nuidLen = 4
)

// Layout walks the fields.
func (m *CardUID) Layout(c *Coder) {
	n := len(m.UID)
	header := n != uidLen
	if c.decoding {
		n = uidLen
		header = c.left() != uidLen && c.left() != uidLen+nuidLen
	}
	if header {
		format, length := uint8(0), uint8(n)
		u8(c, "UIDFormat", &format)
		u8(c, "UIDLength", &length)
		if format != 0 || length != 4 && length != 10 {
			c.failf("UIDLength", false, "format %02X with %d bytes, want 00 with 4 or 10", format, length)
		}
		n = int(length)
	}
	sized(c, "UID", &m.UID, n)
	optional(c, "NUID", &m.NUID, nuidLen)
}

// ReadSignature asks for the originality signature over the UID: ECDSA on
// secp224r1, r and s. Outside a session it ends with SIGNATURE_OK, inside it is
// enciphered and ends with OPERATION_OK.
type ReadSignature struct {
	Address uint8 // 00
}

var readSignatureSpec = Spec{
	Name: "ReadSignature", Class: ClassNative, INS: InsReadSignature, Rule: RuleFullAnswer, Level: LevelBoth,
	Needs: FeatureSignature, Success: StatusSignatureOK,
	New: func() Command { return new(ReadSignature) }, NewResponse: func() Message { return new(Signature) },
}

// Spec returns the command's declaration.
func (*ReadSignature) Spec() *Spec { return &readSignatureSpec }

// Response returns a Signature.
func (*ReadSignature) Response() *Signature { return new(Signature) }

// Layout walks the fields.
func (m *ReadSignature) Layout(c *Coder) {
	hex8(c, "Address", &m.Address)
	secured(c)
}

// AnswerLen is the length of the plain answer.
func (*ReadSignature) AnswerLen() int { return len(Signature{}.Signature) }

// Signature is the answer of ReadSignature.
type Signature struct {
	Signature [56]byte
}

// Layout walks the fields.
func (m *Signature) Layout(c *Coder) { raw(c, "Signature", m.Signature[:]) }

// GetTTStatus asks an NTAG 424 DNA TagTamper whether its seal is open. Its
// answer is a letter each: C closed, O open, I not initialised. Version.TagTamper
// tells such a part; the others do not know the command.
type GetTTStatus struct{}

var getTTStatusSpec = Spec{
	Name: "GetTTStatus", Class: ClassNative, INS: InsGetTTStatus, Rule: RuleFullAnswer, Level: LevelApp,
	Needs: FeatureTagTamper, Success: StatusOK,
	New: func() Command { return new(GetTTStatus) }, NewResponse: func() Message { return new(TTStatus) },
}

// Spec returns the command's declaration.
func (*GetTTStatus) Spec() *Spec { return &getTTStatusSpec }

// Response returns a TTStatus.
func (*GetTTStatus) Response() *TTStatus { return new(TTStatus) }

// Layout has nothing to walk.
func (*GetTTStatus) Layout(c *Coder) { secured(c) }

// TTStatus is the answer of GetTTStatus.
type TTStatus struct {
	Permanent uint8 // was it ever open
	Current   uint8
}

// Layout walks the fields.
func (m *TTStatus) Layout(c *Coder) {
	hex8(c, "TTPermStatus", &m.Permanent)
	hex8(c, "TTCurrStatus", &m.Current)
}
