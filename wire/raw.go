package wire

import "fmt"

// Raw is any command, its bytes as they are: the way out for what this package
// does not know. Class, P1, P2 and Length apply to ISO 7816-4 commands.
type Raw struct {
	Class   Class // zero is ISO 7816-4
	INS     byte
	P1, P2  byte
	Data    []byte
	Length  int    // of the answer, 0 for no Le
	Rule    Rule   // how a session treats it; zero: it does not see it
	Success Status // zero: 9100 or 9000
}

// Commands that are known by name only.
var (
	restrictMFCUpdateSpec = Spec{
		Name: "RestrictMFCUpdate", Class: ClassNative, INS: InsRestrictMFCUpdate, Rule: RulePlain, Level: LevelApp, Effect: EffectImmediate,
		Needs: FeatureMFCMapping, Success: StatusOK, Unknown: "no public document gives its layout (EV3C parts)",
		New: func() Command { return &Raw{Class: ClassNative, INS: InsRestrictMFCUpdate} }, NewResponse: func() Message { return new(Data) },
	}
	notifyTransactionSuccessSpec = Spec{
		Name: "NotifyTransactionSuccess", Class: ClassNative, INS: InsNotifyTransactionSuccess, Rule: RulePlain, Level: LevelApp, Effect: EffectImmediate,
		Needs: FeatureECP, Success: StatusOK, Unknown: "no public document gives its layout (ECP-capable parts)",
		New: func() Command { return &Raw{Class: ClassNative, INS: InsNotifyTransactionSuccess} }, NewResponse: func() Message { return new(Data) },
	}
)

// Spec returns the declaration of a command known by name, or one made of the
// fields.
func (m *Raw) Spec() *Spec {
	if s := Find(m.Class, m.INS, ""); s != nil && s.Unknown != "" {
		return s
	}
	s := &Spec{
		Name: fmt.Sprintf("%02X", m.INS), Class: m.Class, INS: m.INS, Rule: m.Rule, Success: m.Success,
		Effect: EffectImmediate, // for all anybody knows
		New:    func() Command { return &Raw{Class: m.Class, INS: m.INS} }, NewResponse: func() Message { return new(Data) },
	}
	if m.Class == ClassISO {
		s.Exchange = Single
	}
	if s.Success == 0 {
		s.Success = StatusOK
		if m.Class == ClassISO {
			s.Success = StatusISOOK
		}
	}
	return s
}

// Response returns a Data.
func (*Raw) Response() *Data { return new(Data) }

// Layout walks the bytes.
func (m *Raw) Layout(c *Coder) {
	if m.Class == ClassISO {
		p1(c, "P1", &m.P1)
		p2(c, "P2", &m.P2)
		le(c, &m.Length)
	}
	secured(c)
	rest(c, "Data", &m.Data)
}
