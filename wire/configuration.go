package wire

// SetConfiguration changes the card itself, on DESFire Light and NTAG 424 DNA
// the application. With the master key. Some settings can never be undone, and
// a wrong ATS makes a card unreachable.
type SetConfiguration struct {
	Setting Setting
}

// Setting is the data of one option of SetConfiguration.
type Setting interface {
	Message
	Option() ConfigOption
}

// ConfigOption is the option of SetConfiguration.
type ConfigOption uint8

// Options (command reference 7.1).
const (
	ConfigPICC            ConfigOption = 0x00
	ConfigDefaultKey      ConfigOption = 0x01
	ConfigATS             ConfigOption = 0x02
	ConfigSAK             ConfigOption = 0x03
	ConfigSecureMessaging ConfigOption = 0x04
	ConfigCapabilities    ConfigOption = 0x05
	ConfigName            ConfigOption = 0x06
	ConfigFileRename      ConfigOption = 0x08
	ConfigValueFile       ConfigOption = 0x09
	ConfigFailedAuth      ConfigOption = 0x0A
	ConfigHardware        ConfigOption = 0x0B
	ConfigATQA            ConfigOption = 0x0C
)

func (o ConfigOption) String() string {
	names := [...]string{
		"PICC configuration", "default key", "ATS", "SAK", "secure messaging", "capabilities", "name",
		"07", "file rename", "value file", "failed authentications", "hardware", "ATQA",
	}
	if int(o) < len(names) {
		return names[o]
	}
	return hexByte(byte(o))
}

var setConfigurationSpec = Spec{
	Name: "SetConfiguration", Class: ClassNative, INS: InsSetConfiguration, Rule: RuleFull, Level: LevelBoth, Effect: EffectImmediate,
	Needs: FeatureCardUID, Success: StatusOK,
	New: func() Command { return new(SetConfiguration) }, NewResponse: func() Message { return new(Empty) },
}

// Spec returns the command's declaration.
func (*SetConfiguration) Spec() *Spec { return &setConfigurationSpec }

// Response returns an Empty.
func (*SetConfiguration) Response() *Empty { return new(Empty) }

// PadISO reports whether the data is padded with 80 in D40 and EV1 sessions,
// which the ATS is, since its length varies.
func (m *SetConfiguration) PadISO() bool {
	return m.Setting != nil && m.Setting.Option() == ConfigATS
}

// Layout walks the fields.
func (m *SetConfiguration) Layout(c *Coder) {
	if !c.decoding && m.Setting == nil {
		c.failf("Setting", false, "is nil")
		return
	}
	var option ConfigOption
	if !c.decoding {
		option = m.Setting.Option()
	}
	u8(c, "Option", &option)
	if c.reading() {
		m.Setting = newSetting(option, m.Setting, c.left())
	}
	secured(c)
	if c.done() {
		return
	}
	m.Setting.Layout(c)
}

// newSetting is a value to decode option into: old if it fits. n is how many
// bytes follow.
func newSetting(option ConfigOption, old Setting, n int) Setting {
	if r, ok := old.(*RawSetting); old != nil && old.Option() == option && (!ok || r.Opt == option) {
		if _, isName := old.(*VCName); !isName && option != ConfigName {
			return old
		}
	}
	switch option {
	case ConfigPICC:
		return new(PICCConfig)
	case ConfigDefaultKey:
		return new(DefaultKey)
	case ConfigATS:
		return new(ATS)
	case ConfigSAK:
		return new(SAK)
	case ConfigSecureMessaging:
		return new(SecureMessagingConfig)
	case ConfigCapabilities:
		return new(Capabilities)
	case ConfigName:
		if n == MaxDFName+1 || n == 8+MaxDFName+1 {
			return new(VCName)
		}
	case ConfigValueFile:
		return new(ValueFileConfig)
	case ConfigFailedAuth:
		return new(FailedAuthConfig)
	case ConfigHardware:
		return new(HardwareConfig)
	case ConfigATQA:
		return new(ATQA)
	}
	return &RawSetting{Opt: option}
}

// RawSetting is the data of any option: DESFire Light's application and file
// rename, and what no document describes.
type RawSetting struct {
	Opt  ConfigOption
	Data []byte
}

// Option is Opt.
func (s *RawSetting) Option() ConfigOption { return s.Opt }

// Layout walks the bytes.
func (s *RawSetting) Layout(c *Coder) { rest(c, "Data", &s.Data) }
