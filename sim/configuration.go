package sim

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// configuration is what SetConfiguration changes.
type configuration struct {
	flags          wire.PICCFlags
	defaultKey     [24]byte // of keys of new applications
	defaultVersion byte
	ats            []byte // nil for the factory's
	sak            []byte // nil for the factory's
	messaging      wire.SecureMessagingFlags
	capabilities   [10]byte
	vcName         []byte
	failed         failedAuth
	hardware       byte
	atqa           uint16
	renamed        bool // Light: option 06 has been used
	tamper         [2]byte
}

// tamperUnset is the tamper loop of a new card: not initialised, both times.
var tamperUnset = [2]byte{'I', 'I'}

// lrp reports whether the card is in LRP mode, for ever.
func (c *configuration) lrp() bool { return c.capabilities[wire.CapPDCap2_1]&wire.CapLRP != 0 }

func configurationCommands() []*command {
	set := on((*Card).setConfiguration)
	set.judge = (*Card).mayConfigure
	set.length = func(c *Card) int {
		switch set.msg.(*wire.SetConfiguration).Setting.Option() {
		case wire.ConfigPICC, wire.ConfigHardware:
			return 1
		case wire.ConfigSAK, wire.ConfigSecureMessaging, wire.ConfigATQA:
			return 2
		case wire.ConfigDefaultKey:
			return 25
		}
		return -1
	}
	return []*command{set}
}

// mayConfigure judges level and key: the PICC master key at PICC level, on
// Light and NTAG 424 DNA the application master key.
func (c *Card) mayConfigure() wire.Status {
	if (c.call.app == nil) != c.gen.Has(wire.FeatureApplications) {
		return wire.StatusPermissionDenied
	}
	return c.needMasterKey()
}

// configOptions are the options that a generation knows (command reference 7.1).
func (c *Card) configOptions() []wire.ConfigOption {
	switch c.gen {
	case wire.EV1:
		return []wire.ConfigOption{wire.ConfigPICC, wire.ConfigDefaultKey, wire.ConfigATS}
	case wire.EV2:
		return []wire.ConfigOption{wire.ConfigPICC, wire.ConfigDefaultKey, wire.ConfigATS, wire.ConfigSAK,
			wire.ConfigSecureMessaging, wire.ConfigCapabilities, wire.ConfigName}
	case wire.EV3:
		return []wire.ConfigOption{wire.ConfigPICC, wire.ConfigDefaultKey, wire.ConfigATS, wire.ConfigSAK,
			wire.ConfigSecureMessaging, wire.ConfigCapabilities, wire.ConfigName, wire.ConfigFailedAuth, wire.ConfigATQA}
	case wire.Light:
		return []wire.ConfigOption{wire.ConfigPICC, wire.ConfigATS, wire.ConfigSAK, wire.ConfigSecureMessaging,
			wire.ConfigCapabilities, wire.ConfigName, wire.ConfigFileRename, wire.ConfigValueFile, wire.ConfigFailedAuth, wire.ConfigHardware}
	case wire.NTAG424:
		return []wire.ConfigOption{wire.ConfigPICC, wire.ConfigSecureMessaging, wire.ConfigCapabilities,
			wire.ConfigFailedAuth, wire.ConfigHardware}
	}
	return nil
}

// piccFlags are the bits of option 00 that a generation knows.
func (c *Card) piccFlags() wire.PICCFlags {
	switch c.gen {
	case wire.EV1:
		return wire.PICCNoFormat | wire.PICCRandomID
	case wire.EV2:
		return wire.PICCNoFormat | wire.PICCRandomID | wire.PICCProximity | wire.PICCVirtualCard
	case wire.EV3:
		return 0x7F
	}
	return wire.PICCRandomID
}

// setConfiguration changes the card. What concerns the anticollision takes
// effect at the next activation, the rest at once.
func (c *Card) setConfiguration(m *wire.SetConfiguration, _ *wire.Empty) wire.Status {
	if !slices.Contains(c.configOptions(), m.Setting.Option()) {
		return wire.StatusParameterError
	}
	next := c.nvm.edit()
	if st := c.configure(next, m.Setting); st != wire.StatusOK {
		return st
	}
	lrpBefore := c.nvm.config.lrp()
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	if next.config.lrp() && !lrpBefore {
		// Recorded from a Light and an NTAG 424 DNA: the answer has no MAC.
		c.endSession()
		c.v.pending.clear()
		c.call.unsealed = true
	}
	return wire.StatusOK
}

func (c *Card) configure(next *memory, s wire.Setting) wire.Status {
	config := &next.config
	switch s := s.(type) {
	case *wire.PICCConfig:
		const forEver = wire.PICCNoFormat | wire.PICCRandomID
		if s.Flags&^c.piccFlags() != 0 {
			return wire.StatusParameterError
		}
		config.flags = s.Flags | config.flags&forEver
	case *wire.DefaultKey:
		config.defaultKey, config.defaultVersion = [24]byte(s.Key.Bytes()), byte(s.Version)
	case *wire.ATS:
		if len(s.ATS) == 0 || len(s.ATS) > 20 || int(s.ATS[0]) != len(s.ATS) {
			return wire.StatusLengthError
		}
		config.ats = slices.Clone(s.ATS)
	case *wire.SAK:
		config.sak = []byte{s.SAK1, s.SAK2}
	case *wire.SecureMessagingConfig:
		if s.Reserved != 0 || s.Flags&^(wire.NoD40|wire.NoEV1|wire.NoChainedWriting) != 0 {
			return wire.StatusParameterError
		}
		config.messaging = s.Flags
	case *wire.Capabilities:
		return c.configureCapabilities(config, s.Data)
	case *wire.VCName:
		if len(s.DAMMAC) > 0 {
			return c.renameDelegated(next, s)
		}
		if int(s.Length) > len(s.Name) {
			return wire.StatusParameterError
		}
		config.vcName = slices.Clone(s.Name[:s.Length])
	case *wire.FailedAuthConfig:
		if s.Enabled && (s.Limit == 0 || s.Decrement > s.Limit) {
			return wire.StatusParameterError
		}
		config.failed = failedAuth{s.Enabled, int(s.Limit), int(s.Decrement)}
	case *wire.HardwareConfig:
		if s.Flags > 1 {
			return wire.StatusParameterError
		}
		config.hardware = s.Flags
	case *wire.ATQA:
		config.atqa = s.ATQA
	case *wire.ValueFileConfig:
		return c.configureValueFile(next, s)
	case *wire.RawSetting:
		if s.Opt == wire.ConfigName {
			return c.configureName(next, s.Data)
		}
		return wire.StatusPermissionDenied // file renaming: its layout is not public
	default:
		return wire.StatusLengthError
	}
	return wire.StatusOK
}

// configureCapabilities sets option 05: 10 bytes; EV3 takes 9 as well (C-5).
func (c *Card) configureCapabilities(config *configuration, data []byte) wire.Status {
	n := len(config.capabilities)
	if len(data) != n && (c.gen != wire.EV3 || len(data) != n-1) {
		return wire.StatusLengthError
	}
	before := config.lrp()
	config.capabilities = [10]byte{}
	copy(config.capabilities[:], data)
	switch {
	case config.lrp() && !c.gen.Has(wire.FeatureLRP):
		return wire.StatusParameterError
	case before:
		config.capabilities[wire.CapPDCap2_1] |= wire.CapLRP
	}
	return wire.StatusOK
}
