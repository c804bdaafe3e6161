package perso

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// OptionInfo is a setting of SetConfiguration that has a name.
type OptionInfo struct {
	Name    string // stable: lower case, with hyphens
	What    string // it is, in a sentence
	Value   string // what it takes: KEY, HEX, LIST, N; empty for a switch
	Option  wire.ConfigOption
	On      []wire.Generation // that have it
	Forever bool              // once made it can never be undone

	Flags wire.PICCFlags // of ConfigPICC, whose switches a card takes together
	// Read makes the setting of text. A switch is "", "true", or, unless it is for
	// ever, "false". It is nil for the default key.
	Read func(text string) (wire.Setting, error)
}

// Has reports whether cards of a generation have it.
func (o *OptionInfo) Has(g wire.Generation) bool { return slices.Contains(o.On, g) }

// Names of options that mean more than what is sent.
const (
	OptionDefaultKey = "default-key"
	OptionRandomUID  = "random-uid"
	OptionLRP        = "lrp"
)

// Options are all settings that have a name, in the order in which they are made:
// LRP ends the session, and a random identifier concerns the next one. The caller
// may keep the list.
func Options() []OptionInfo {
	withApps := []wire.Generation{wire.EV1, wire.EV2, wire.EV3}
	sinceEV2 := []wire.Generation{wire.EV2, wire.EV3}
	onlyEV3 := []wire.Generation{wire.EV3}
	fixed := []wire.Generation{wire.Light, wire.NTAG424}
	return []OptionInfo{
		{Name: OptionDefaultKey, Value: "KEY", What: "the key that keys of new applications begin with", Option: wire.ConfigDefaultKey, On: withApps},
		{Name: "ats", Value: "HEX", What: "the ATS", Option: wire.ConfigATS, On: []wire.Generation{wire.EV1, wire.EV2, wire.EV3, wire.Light}, Read: readATS},
		{Name: "sak", Value: "HEX", What: "the SAK", Option: wire.ConfigSAK, On: []wire.Generation{wire.EV2, wire.EV3, wire.Light}, Read: readSAK},
		{Name: "atqa", Value: "HEX", What: "the ATQA", Option: wire.ConfigATQA, On: onlyEV3, Read: readATQA},
		{Name: "no-messaging", Value: "LIST", What: "secure messaging", Option: wire.ConfigSecureMessaging, On: slices.Concat(sinceEV2, fixed), Read: readMessaging},
		{Name: "failed-attempts", Value: "N", What: "the counter of failed attempts", Option: wire.ConfigFailedAuth, On: slices.Concat(onlyEV3, fixed), Read: readFailed},
		{Name: "strong-modulation", What: "strong back-modulation", Option: wire.ConfigHardware, On: fixed, Read: readModulation},
		picc("proximity-required", "proximity check mandatory", sinceEV2, wire.PICCProximity, false),
		picc("virtual-card-required", "virtual card authentication mandatory", sinceEV2, wire.PICCVirtualCard, false),
		picc("legacy-random-uid", "random identifiers as on EV1", onlyEV3, wire.PICCLegacyRandomID, false),
		picc("no-format", "format disabled", withApps, wire.PICCNoFormat, true),
		picc(OptionRandomUID, "random UID", slices.Concat(withApps, fixed), wire.PICCRandomID, true),
		{Name: OptionLRP, What: "LRP", Option: wire.ConfigCapabilities, On: fixed, Forever: true, Read: readLRP},
	}
}

// picc is a switch of ConfigPICC.
func picc(name, what string, on []wire.Generation, flag wire.PICCFlags, forever bool) OptionInfo {
	return OptionInfo{Name: name, What: what, Option: wire.ConfigPICC, On: on, Forever: forever, Flags: flag, Read: func(text string) (wire.Setting, error) {
		yes, err := readSwitch(text, forever)
		if err != nil || !yes {
			return &wire.PICCConfig{}, err
		}
		return &wire.PICCConfig{Flags: flag}, nil
	}}
}

// Off reports whether an option is a switch that is off. A card whose generation lacks
// it has it off.
func (o *Option) Off() bool { return isOff(o.Setting) }

// Unnamed are the switches that cards of a generation take together with those that
// options have, and that options do not say: since no card tells how they are, they
// must be said, on or off, before any of them is set. Nil where none is to be set.
func Unnamed(options []Option, g wire.Generation) (names []string) {
	any := false
	for _, info := range Options() {
		if info.Option != wire.ConfigPICC || !info.Has(g) {
			continue
		}
		if find(options, func(o *Option) bool { return o.Name == info.Name }) != nil {
			any = true
		} else if !info.Forever {
			names = append(names, info.Name)
		}
	}
	if !any {
		return nil
	}
	return names
}

// OptionRisk is what a setting could lock out, empty if nothing.
func OptionRisk(s wire.Setting) string {
	switch s := s.(type) {
	case *wire.ATS:
		return "the card does not check an ATS: with a wrong one no reader ever talks to it again"
	case *wire.SAK, *wire.ATQA:
		return "with wrong values no reader ever talks to the card again"
	case *wire.FailedAuthConfig:
		if s.Enabled {
			return "a key whose limit is reached is blocked, and whoever holds a reader to the card can reach it"
		}
	}
	return ""
}

// MessagingRisk is that nobody could open a session with a master key of type t any
// more, empty if somebody could: AES keys authenticate by EV2, others do not.
func MessagingRisk(m *wire.SecureMessagingConfig, t wire.KeyType) string {
	off := func(f wire.SecureMessagingFlags) bool { return m.Flags&f != 0 }
	if t == wire.Key3K3DES && off(wire.NoEV1) || t == wire.KeyDES && off(wire.NoEV1) && off(wire.NoD40) {
		return fmt.Sprintf("the master key is a %v key, and every way to authenticate with it would be refused: nobody could change it back", t)
	}
	return ""
}

func readSwitch(text string, forever bool) (bool, error) {
	switch {
	case text == "" || text == "true":
		return true, nil
	case text == "false" && forever:
		return false, errors.New("what can never be undone cannot be switched off: leave it out")
	case text == "false":
		return false, nil
	}
	return false, fmt.Errorf("%q: want true or false", text)
}

func readModulation(text string) (wire.Setting, error) {
	yes, err := readSwitch(text, false)
	if err != nil || !yes {
		return &wire.HardwareConfig{}, err
	}
	return &wire.HardwareConfig{Flags: 1}, nil
}

func readLRP(text string) (wire.Setting, error) {
	if _, err := readSwitch(text, true); err != nil {
		return nil, err
	}
	c := &wire.Capabilities{Data: make([]byte, 10)}
	c.Data[wire.CapPDCap2_1] = wire.CapLRP
	return c, nil
}

func readATS(text string) (wire.Setting, error) {
	b, err := readHex(text)
	switch {
	case err != nil:
		return nil, err
	case len(b) < 2 || len(b) > 20 || int(b[0]) != len(b):
		return nil, fmt.Errorf("%q: want 2 to 20 bytes, the first of which is how many there are", text)
	}
	return &wire.ATS{ATS: b}, nil
}

func readSAK(text string) (wire.Setting, error) {
	b, err := twoBytes(text)
	if err != nil {
		return nil, err
	}
	return &wire.SAK{SAK1: b[0], SAK2: b[1]}, nil
}

func readATQA(text string) (wire.Setting, error) {
	b, err := twoBytes(text)
	if err != nil {
		return nil, err
	}
	return &wire.ATQA{ATQA: uint16(b[0])<<8 | uint16(b[1])}, nil
}

func twoBytes(text string) ([2]byte, error) {
	b, err := readHex(text)
	if err != nil || len(b) != 2 {
		return [2]byte{}, fmt.Errorf("%q: want two bytes in hexadecimal", text)
	}
	return [2]byte(b), nil
}

// readHex reads bytes, with or without blanks or colons between them.
func readHex(text string) ([]byte, error) {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\t", "", ":", "", "0x", "", "0X", "").Replace(text))
	if err != nil {
		return nil, fmt.Errorf("%q: want bytes in hexadecimal", text)
	}
	return b, nil
}

// messagings are the kinds of secure messaging that can be switched off.
var messagings = map[string]wire.SecureMessagingFlags{"d40": wire.NoD40, "ev1": wire.NoEV1, "chained-writing": wire.NoChainedWriting}

func readMessaging(text string) (wire.Setting, error) {
	s := new(wire.SecureMessagingConfig)
	if text == "none" {
		return s, nil
	}
	for _, word := range strings.Split(text, ",") {
		f, ok := messagings[strings.ToLower(strings.TrimSpace(word))]
		if !ok {
			return nil, fmt.Errorf("%q: want d40, ev1 and chained-writing, with commas between them, or none", text)
		}
		s.Flags |= f
	}
	return s, nil
}

func readFailed(text string) (wire.Setting, error) {
	if text == "off" {
		return &wire.FailedAuthConfig{}, nil
	}
	limit, decrement, more := strings.Cut(text, ":")
	n, err := strconv.ParseUint(limit, 10, 16)
	m := uint64(0)
	if err == nil && more {
		m, err = strconv.ParseUint(decrement, 10, 16)
	}
	if err != nil || n == 0 || m > n {
		return nil, fmt.Errorf("%q: want N or N:M, N from 1 to 65535 and M at most N, or off", text)
	}
	return &wire.FailedAuthConfig{Enabled: true, Limit: uint16(n), Decrement: uint16(m)}, nil
}
