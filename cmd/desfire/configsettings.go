package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// cardSetting is a setting of SetConfiguration by the name that its flag has.
type cardSetting struct {
	flag, value string // value is what the flag takes; empty for a switch
	help        string
	what        string // in a sentence
	option      wire.ConfigOption
	on          []wire.Generation
	forever     bool

	flags wire.PICCFlags // of ConfigPICC
	read  func(text string) (wire.Setting, error)
}

var (
	withApps  = []wire.Generation{wire.EV1, wire.EV2, wire.EV3}
	sinceEV2  = []wire.Generation{wire.EV2, wire.EV3}
	onlyEV3   = []wire.Generation{wire.EV3}
	fixed     = []wire.Generation{wire.Light, wire.NTAG424}
	sinceEV1  = slices.Concat(withApps, fixed)
	withLimit = slices.Concat(onlyEV3, fixed)
)

// cardSettings are all settings, in the order in which they are made: LRP ends
// the session, and a random identifier concerns the next one.
var cardSettings = []cardSetting{
	{flag: "default-key", value: "KEY", help: "`KEY` that the keys of new applications begin with, as @FILE", what: "the key that keys of new applications begin with", option: wire.ConfigDefaultKey, on: withApps},
	{flag: "ats", value: "HEX", help: "answer to select, `HEX`, its length first; a wrong one makes the card unreachable", what: "the ATS", option: wire.ConfigATS, on: []wire.Generation{wire.EV1, wire.EV2, wire.EV3, wire.Light}, read: readATS},
	{flag: "sak", value: "HEX", help: "select acknowledge of both cascade levels, two bytes in `HEX`", what: "the SAK", option: wire.ConfigSAK, on: []wire.Generation{wire.EV2, wire.EV3, wire.Light}, read: readSAK},
	{flag: "atqa", value: "HEX", help: "ATQA, two bytes in `HEX`", what: "the ATQA", option: wire.ConfigATQA, on: onlyEV3, read: readATQA},
	{flag: "no-messaging", value: "LIST", help: "secure messaging that the card refuses: `LIST` of d40, ev1, chained-writing; none allows all", what: "secure messaging", option: wire.ConfigSecureMessaging, on: slices.Concat(sinceEV2, fixed), read: readMessaging},
	{flag: "failed-attempts", value: "N", help: "block a key after `N[:M]` failed attempts, where one that succeeds takes off M; off counts none", what: "the counter of failed attempts", option: wire.ConfigFailedAuth, on: withLimit, read: readFailed},
	{flag: "strong-modulation", value: "", help: "strong back-modulation", what: "strong back-modulation", option: wire.ConfigHardware, on: fixed, read: func(string) (wire.Setting, error) { return &wire.HardwareConfig{Flags: 1}, nil }},
	{flag: "proximity-required", help: "the proximity check is mandatory", what: "proximity check mandatory", option: wire.ConfigPICC, on: sinceEV2, flags: wire.PICCProximity},
	{flag: "virtual-card-required", help: "virtual card authentication is mandatory", what: "virtual card authentication mandatory", option: wire.ConfigPICC, on: sinceEV2, flags: wire.PICCVirtualCard},
	{flag: "legacy-random-uid", help: "random identifiers begin with 80, as on EV1", what: "random identifiers as on EV1", option: wire.ConfigPICC, on: onlyEV3, flags: wire.PICCLegacyRandomID},
	{flag: "no-format-forever", help: "the card can never be formatted again", what: "format disabled", option: wire.ConfigPICC, on: withApps, forever: true, flags: wire.PICCNoFormat},
	{flag: "random-uid-forever", help: "the card shows a random UID from now on, and never again the real one without a key", what: "random UID", option: wire.ConfigPICC, on: sinceEV1, forever: true, flags: wire.PICCRandomID},
	{flag: "lrp-forever", help: "LRP instead of AES, for every key", what: "LRP", option: wire.ConfigCapabilities, on: fixed, forever: true, read: func(string) (wire.Setting, error) {
		c := &wire.Capabilities{Data: make([]byte, 10)}
		c.Data[wire.CapPDCap2_1] = wire.CapLRP
		return c, nil
	}},
}

func readATS(text string) (wire.Setting, error) {
	b, err := parseHex(text)
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
	return &wire.SAK{SAK1: b[0], SAK2: b[1]}, err
}

func readATQA(text string) (wire.Setting, error) {
	b, err := twoBytes(text)
	return &wire.ATQA{ATQA: uint16(b[0])<<8 | uint16(b[1])}, err
}

func twoBytes(text string) ([2]byte, error) {
	b, err := parseHex(text)
	if err != nil || len(b) != 2 {
		return [2]byte{}, fmt.Errorf("%q: want two bytes in hexadecimal", text)
	}
	return [2]byte(b), nil
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

// settingChange is a setting that was asked for.
type settingChange struct {
	wire  wire.Setting
	words []string // what it makes of the card
	flags []string // that asked for it
	ever  bool     // it can never be undone
	risk  string
	on    []wire.Generation
}

// readSettings reads the flags of config set.
func (a *app) readSettings(cmd *cobra.Command, text map[string]*string) (changes []*settingChange, err error) {
	var picc *settingChange
	for _, s := range cardSettings {
		f := cmd.Flags().Lookup(s.flag)
		if !f.Changed || s.value == "" && f.Value.String() != "true" {
			continue
		}
		c := &settingChange{flags: []string{"--" + s.flag}, ever: s.forever, on: s.on}
		word := s.what
		switch {
		case s.option == wire.ConfigPICC:
			if picc != nil {
				set := picc.wire.(*wire.PICCConfig)
				set.Flags |= s.flags
				picc.words, picc.ever, picc.flags = append(picc.words, word), picc.ever || s.forever, append(picc.flags, c.flags...)
				picc.on = slices.DeleteFunc(slices.Clone(picc.on), func(g wire.Generation) bool { return !slices.Contains(s.on, g) })
				continue
			}
			c.wire = &wire.PICCConfig{Flags: s.flags}
			picc = c
		case s.option == wire.ConfigDefaultKey:
			k := keySpec{flag: s.flag, spec: *text[s.flag]}
			if err := a.readKeys(cmd, &k); err != nil {
				return nil, err
			}
			word += ": " + k.facts().String()
			c.wire = &wire.DefaultKey{Key: wire.NewSecret(append(k.key.Export(), make([]byte, wire.DefaultKeySize-len(k.key.Export()))...)), Version: wire.KeyVersion(k.key.Version())}
		default:
			value := ""
			if s.value != "" {
				value = *text[s.flag]
				word += ": " + value
			}
			if c.wire, err = s.read(value); err != nil {
				return nil, &usageError{cmd, fmt.Errorf("--%s %w", s.flag, err)}
			}
			c.risk = riskOf(c.wire)
		}
		c.words = append(c.words, word)
		changes = append(changes, c)
	}
	if len(changes) == 0 {
		return nil, &usageError{cmd, errors.New("no setting named: see --help")}
	}
	slices.SortStableFunc(changes, func(x, y *settingChange) int { return late(x) - late(y) })
	return changes, nil
}

// late puts what ends the session behind the others.
func late(c *settingChange) int {
	if c.wire.Option() == wire.ConfigCapabilities {
		return 1
	}
	return 0
}

// riskOf is what a setting could lock out, empty if nothing.
func riskOf(s wire.Setting) string {
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
