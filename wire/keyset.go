package wire

// InitializeKeySet prepares a key set to be filled with ChangeKeyEV2. With the
// application master key.
type InitializeKeySet struct {
	Set  KeySetNo
	Type KeySetType
}

// KeySetType is the key type of a key set. Unlike in KeySett2 it is a plain
// number.
type KeySetType uint8

func (t KeySetType) String() string { return KeyType(t).String() }

var initializeKeySetSpec = Spec{
	Name: "InitializeKeySet", Class: ClassNative, INS: InsInitializeKeySet, Rule: RuleMAC, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureKeySets, Success: StatusOK,
	New: func() Command { return new(InitializeKeySet) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*InitializeKeySet) Spec() *Spec { return &initializeKeySetSpec }

// Response returns an Empty.
func (*InitializeKeySet) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *InitializeKeySet) Layout(c *Coder) {
	u8(c, "KeySetNo", &m.Set)
	u8(c, "KeySetType", &m.Type)
	secured(c)
}

// FinalizeKeySet closes a key set and gives it a version. With the application
// master key.
type FinalizeKeySet struct {
	Set     KeySetNo
	Version KeyVersion // not 0
}

var finalizeKeySetSpec = Spec{
	Name: "FinalizeKeySet", Class: ClassNative, INS: InsFinalizeKeySet, Rule: RuleMAC, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureKeySets, Success: StatusOK,
	New: func() Command { return new(FinalizeKeySet) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*FinalizeKeySet) Spec() *Spec { return &finalizeKeySetSpec }

// Response returns an Empty.
func (*FinalizeKeySet) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *FinalizeKeySet) Layout(c *Coder) {
	u8(c, "KeySetNo", &m.Set)
	u8(c, "KeySetVersion", &m.Version)
	secured(c)
}

// RollKeySet makes a finalized key set the active one. With the roll key. It
// ends the session, and its answer carries no MAC.
type RollKeySet struct {
	Set KeySetNo
}

var rollKeySetSpec = Spec{
	Name: "RollKeySet", Class: ClassNative, INS: InsRollKeySet, Rule: RuleMAC, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureKeySets, Success: StatusOK,
	New: func() Command { return new(RollKeySet) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*RollKeySet) Spec() *Spec { return &rollKeySetSpec }

// Response returns an Empty.
func (*RollKeySet) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *RollKeySet) Layout(c *Coder) {
	u8(c, "KeySetNo", &m.Set)
	secured(c)
}
