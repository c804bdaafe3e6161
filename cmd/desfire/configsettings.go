package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// settingHelp is what the help says of the flag of each of perso.Options.
var settingHelp = map[string]string{
	"default-key":           "`KEY` that the keys of new applications begin with, as @FILE",
	"ats":                   "answer to select, `HEX`, its length first; a wrong one makes the card unreachable",
	"sak":                   "select acknowledge of both cascade levels, two bytes in `HEX`",
	"atqa":                  "ATQA, two bytes in `HEX`",
	"no-messaging":          "secure messaging that the card refuses: `LIST` of d40, ev1, chained-writing; none allows all",
	"failed-attempts":       "block a key after `N[:M]` failed attempts, where one that succeeds takes off M; off counts none",
	"strong-modulation":     "strong back-modulation",
	"proximity-required":    "the proximity check is mandatory",
	"virtual-card-required": "virtual card authentication is mandatory",
	"legacy-random-uid":     "random identifiers begin with 80, as on EV1",
	"no-format":             "the card can never be formatted again",
	"random-uid":            "the card shows a random UID from now on, and never again the real one without a key",
	"lrp":                   "LRP instead of AES, for every key",
}

// settingFlag is the flag of an option: it says what can never be undone.
func settingFlag(o *perso.OptionInfo) string {
	if o.Forever {
		return o.Name + "-forever"
	}
	return o.Name
}

// settingChange is a setting that was asked for.
type settingChange struct {
	wire  wire.Setting
	words []string // what it makes of the card
	flags []string // that asked for it
	ever  bool     // it can never be undone
	risk  string
	on    []wire.Generation

	options []perso.OptionInfo // one for each of words
}

// readSettings reads the flags of config set.
func (a *app) readSettings(cmd *cobra.Command, text map[string]*string) (changes []*settingChange, err error) {
	var picc *settingChange
	for _, o := range perso.Options() {
		flag := settingFlag(&o)
		f := cmd.Flags().Lookup(flag)
		if !f.Changed || o.Value == "" && f.Value.String() != "true" {
			continue
		}
		c := &settingChange{flags: []string{"--" + flag}, ever: o.Forever, on: o.On, options: []perso.OptionInfo{o}}
		word := o.What
		switch {
		case o.Option == wire.ConfigPICC:
			if picc != nil {
				set := picc.wire.(*wire.PICCConfig)
				set.Flags |= o.Flags
				picc.words, picc.ever, picc.flags = append(picc.words, word), picc.ever || o.Forever, append(picc.flags, c.flags...)
				picc.options = append(picc.options, o)
				picc.on = slices.DeleteFunc(slices.Clone(picc.on), func(g wire.Generation) bool { return !o.Has(g) })
				continue
			}
			c.wire = &wire.PICCConfig{Flags: o.Flags}
			picc = c
		case o.Option == wire.ConfigDefaultKey:
			k := keySpec{flag: flag, spec: *text[flag]}
			if err := a.readKeys(cmd, &k); err != nil {
				return nil, err
			}
			e, err := k.bytes()
			if err != nil {
				return nil, err
			}
			word += ": " + k.facts().String()
			b := e.Export()
			c.wire = &wire.DefaultKey{Key: wire.NewSecret(append(b, make([]byte, wire.DefaultKeySize-len(b))...)), Version: wire.KeyVersion(k.key.Version())}
		default:
			value := ""
			if o.Value != "" {
				value = *text[flag]
				word += ": " + value
			}
			if c.wire, err = o.Read(value); err != nil {
				return nil, &usageError{cmd, fmt.Errorf("--%s %w", flag, err)}
			}
			c.risk = perso.OptionRisk(c.wire)
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
