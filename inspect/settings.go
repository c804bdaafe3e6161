package inspect

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// KeySettings are the settings of the card or of an application.
type KeySettings struct {
	// Raw is what the card answered; empty where not all of it is known.
	Raw      Hex      `json:"raw,omitempty"`
	Settings Hex      `json:"settings"` // key setting 1, one byte
	Rules    []Rule   `json:"words"`
	Keys     int      `json:"keys"`
	KeyType  string   `json:"key_type"`            // empty if it is not known
	ISOFiles bool     `json:"iso_files,omitempty"` // files have ISO identifiers
	Sets     *KeySets `json:"sets,omitempty"`
	Proven   bool     `json:"proven,omitempty"` // they came with a MAC of a session
}

// KeySets are the key sets of an application, as it was made.
type KeySets struct {
	Sets          int  `json:"sets"`           // how many, with the active one
	ActiveVersion byte `json:"active_version"` // of the active one
	MaxKeySize    int  `json:"max_key_size"`   // bytes
	RollKey       int  `json:"roll_key"`       // who rolls them
}

// Wire is what the card answered, nil where not all of it is known.
func (k *KeySettings) Wire() *wire.KeySettings {
	s := new(wire.KeySettings)
	if len(k.Raw) == 0 || new(wire.Coder).Decode(k.Raw, nil, s) != nil {
		return nil
	}
	return s
}

// Rule is one setting in words.
type Rule struct {
	What string `json:"what"`
	Rule string `json:"rule"`
	// Forever means that it can never be undone.
	Forever bool `json:"forever,omitempty"`
}

// NewKeySettings puts settings into words: those of the card, or of an
// application.
func NewKeySettings(s *wire.KeySettings, ofCard bool) *KeySettings {
	k := &KeySettings{
		Raw: encoded(s), Settings: Hex{byte(s.KS1)}, Rules: RulesOf(s.KS1, ofCard), Keys: s.KS2.Keys(),
		KeyType: s.KS2.KeyType().String(), ISOFiles: s.KS2.Has(wire.SettISOFiles),
	}
	if s.HasKeySets || s.KeySetConfig != (wire.KeySetConfig{}) {
		k.Sets = &KeySets{int(s.NoKeySets), byte(s.AKSVersion), int(s.MaxKeySize), int(s.AppKeySetSett)}
	}
	return k
}

// RulesOf says what key setting 1 allows. The same setting has the same place
// in the list.
func RulesOf(s wire.KeySett1, ofCard bool) []Rule {
	either := func(flag wire.KeySett1, yes, no string) Rule {
		if s.Has(flag) {
			return Rule{Rule: yes}
		}
		return Rule{Rule: no}
	}
	never := func(flag wire.KeySett1, yes string) Rule {
		if s.Has(flag) {
			return Rule{Rule: yes}
		}
		return Rule{Rule: "can never be changed", Forever: true}
	}
	lists, creating := "files and settings", "files"
	made := either(wire.SettFreeCreate, "are made and deleted without the master key", "are made and deleted with the master key only")
	if ofCard {
		lists, creating = "applications and settings", "applications"
		made = either(wire.SettFreeCreate, "are made without a key, and deleted with their own master key", "are made and deleted with the master key only")
	}
	rules := []Rule{
		never(wire.SettMasterChangeable, "may be changed"),
		either(wire.SettFreeDirectory, "are listed without a key", "are listed with the master key only"),
		made,
		never(wire.SettChangeable, "may be changed with the master key"),
	}
	for i, what := range [...]string{"master key", lists, creating, "these settings"} {
		rules[i].What = what
	}
	if ofCard {
		return rules
	}
	r := Rule{What: "other keys"}
	switch right := s.ChangeKey(); right {
	case 0:
		r.Rule = "are changed with the master key"
	case wire.Free:
		r.Rule = "are changed each with itself"
	case wire.Never:
		r.Rule = "cannot be changed"
	default:
		r.Rule = fmt.Sprintf("are changed with key %d", uint8(right))
	}
	return append(rules, r)
}
