package wire

// GetKeySettings asks for the key settings of the selected level. With the
// master key unless the settings give the directory away.
type GetKeySettings struct{}

var getKeySettingsSpec = Spec{
	Name: "GetKeySettings", Class: ClassNative, INS: InsGetKeySettings, Rule: RuleManage, Level: LevelBoth,
	Needs: FeatureClassic, Success: StatusOK,
	New: func() Command { return new(GetKeySettings) }, NewResponse: func() Message { return new(KeySettings) },
}

// Spec returns the command's declaration.
func (*GetKeySettings) Spec() *Spec { return &getKeySettingsSpec }

// Response returns a KeySettings.
func (*GetKeySettings) Response() *KeySettings { return new(KeySettings) }

// Layout has nothing to walk.
func (*GetKeySettings) Layout(c *Coder) { secured(c) }

// KeySettings is the answer of GetKeySettings. Applications with key sets
// answer KeySetConfig as well.
type KeySettings struct {
	KS1 KeySett1
	KS2 KeySett2 // number and type of the keys; EV2 and later may add the flags
	KeySetConfig
	HasKeySets bool // send KeySetConfig even if it is zero
}

// Layout walks the fields.
func (m *KeySettings) Layout(c *Coder) {
	u8(c, "KeySett1", &m.KS1)
	u8(c, "KeySett2", &m.KS2)
	if has(c, &m.HasKeySets, m.KeySetConfig != KeySetConfig{}, 0) {
		m.KeySetConfig.walk(c)
	} else if c.reading() {
		m.KeySetConfig = KeySetConfig{}
	}
}

// ChangeKeySettings sets KeySett1 of the selected level. With the master key;
// PERMISSION_DENIED where they are frozen.
type ChangeKeySettings struct {
	KS1 KeySett1
}

var changeKeySettingsSpec = Spec{
	Name: "ChangeKeySettings", Class: ClassNative, INS: InsChangeKeySettings, Rule: RuleFull, Level: LevelBoth, Effect: EffectImmediate,
	Needs: FeatureClassic, Success: StatusOK,
	New: func() Command { return new(ChangeKeySettings) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ChangeKeySettings) Spec() *Spec { return &changeKeySettingsSpec }

// Response returns an Empty.
func (*ChangeKeySettings) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ChangeKeySettings) Layout(c *Coder) {
	secured(c)
	u8(c, "KeySett1", &m.KS1)
}

// GetKeyVersion asks for the version of a key, from EV2 on also of a key in
// another key set, or of all key sets (Key 0 of AllKeySets).
type GetKeyVersion struct {
	Key     KeyNo
	Set     KeySetNo
	WithSet bool // send Set even if it is zero
}

// AllKeySets asks GetKeyVersion for the versions of the sets themselves.
const AllKeySets KeySetNo = 0x80

const keyNoHasSet = 0x40 // a key set number follows (command reference 3.9)

var getKeyVersionSpec = Spec{
	Name: "GetKeyVersion", Class: ClassNative, INS: InsGetKeyVersion, Rule: RuleManage, Level: LevelBoth,
	Needs: FeatureAny, Success: StatusOK,
	New: func() Command { return new(GetKeyVersion) }, NewResponse: func() Message { return new(KeyVersions) },
}

// Spec returns the command's declaration.
func (*GetKeyVersion) Spec() *Spec { return &getKeyVersionSpec }

// Response returns a KeyVersions.
func (*GetKeyVersion) Response() *KeyVersions { return new(KeyVersions) }

// Layout walks the fields.
func (m *GetKeyVersion) Layout(c *Coder) {
	no := m.Key
	if m.WithSet || m.Set != 0 {
		no |= keyNoHasSet
	}
	u8(c, "KeyNo", &no)
	if c.reading() {
		m.Key, m.WithSet, m.Set = no&^keyNoHasSet, no&keyNoHasSet != 0, 0
	}
	if no&keyNoHasSet != 0 {
		u8(c, "KeySetNo", &m.Set)
	}
	secured(c)
}

// KeyVersions is the answer of GetKeyVersion: one version, or one for each key
// set.
type KeyVersions struct {
	Versions []KeyVersion
}

// Layout walks the fields.
func (m *KeyVersions) Layout(c *Coder) {
	list(c, "KeyVersion", &m.Versions, func(c *Coder, v *KeyVersion) { u8(c, "", v) })
}

// ChangeKey changes a key of the selected level. Who may is in KeySett1.
// Changing the key of the session ends it.
type ChangeKey struct {
	Key KeyNo // for the PICC master key with its new type in bits 7 and 6
	// Data is the new key, for another key than that of the session XORed with
	// the old one, followed by the version of an AES key. The checksums belong
	// to the channel.
	Data Secret
}

var changeKeySpec = Spec{
	Name: "ChangeKey", Class: ClassNative, INS: InsChangeKey, Rule: RuleChangeKey, Level: LevelBoth, Effect: EffectImmediate,
	Needs: FeatureAny, Success: StatusOK,
	New: func() Command { return new(ChangeKey) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ChangeKey) Spec() *Spec { return &changeKeySpec }

// Response returns an Empty.
func (*ChangeKey) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ChangeKey) Layout(c *Coder) {
	u8(c, "KeyNo", &m.Key)
	secured(c)
	restSecret(c, "KeyData", &m.Data)
}

// ChangeKeyEV2 changes a key of a key set. Set 0 is the active one, where it
// does what ChangeKey does.
type ChangeKeyEV2 struct {
	Set  KeySetNo
	Key  KeyNo
	Data Secret // as in ChangeKey; XORed with the old key in every set but 0
}

var changeKeyEV2Spec = Spec{
	Name: "ChangeKeyEV2", Class: ClassNative, INS: InsChangeKeyEV2, Rule: RuleChangeKey, Level: LevelApp, Effect: EffectImmediate,
	Needs: FeatureKeySets, Success: StatusOK,
	New: func() Command { return new(ChangeKeyEV2) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*ChangeKeyEV2) Spec() *Spec { return &changeKeyEV2Spec }

// Response returns an Empty.
func (*ChangeKeyEV2) Response() *Empty { return new(Empty) }

// Layout walks the fields.
func (m *ChangeKeyEV2) Layout(c *Coder) {
	u8(c, "KeySetNo", &m.Set)
	u8(c, "KeyNo", &m.Key)
	secured(c)
	restSecret(c, "KeyData", &m.Data)
}
