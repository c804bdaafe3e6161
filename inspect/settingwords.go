package inspect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Setting is a part of key setting 1 by the word that people write for it.
type Setting string

// Settings as they are written, with the values they take.
const (
	SettingList           Setting = "list"            // free, master
	SettingCreate         Setting = "create"          // free, master
	SettingChangeSettings Setting = "change-settings" // master, never
	SettingChangeKeys     Setting = "change-keys"     // of applications: master, same, never, a key number
	SettingMasterKey      Setting = "master-key"      // changeable, frozen
)

// switches are the settings of one bit, by the words for it set and not set.
var switches = []struct {
	setting Setting
	bit     wire.KeySett1
	yes, no string
}{
	{SettingList, wire.SettFreeDirectory, "free", "master"},
	{SettingCreate, wire.SettFreeCreate, "free", "master"},
	{SettingChangeSettings, wire.SettChangeable, "master", "never"},
	{SettingMasterKey, wire.SettMasterChangeable, "changeable", "frozen"},
}

// SettingValues are the values that a setting takes, N standing for a key number;
// nil if there is no such setting there.
func SettingValues(name Setting, ofCard bool) []string {
	for _, sw := range switches {
		if sw.setting == name {
			return []string{sw.yes, sw.no}
		}
	}
	if name == SettingChangeKeys && !ofCard {
		return []string{"master", "same", "never", "N"}
	}
	return nil
}

// Set changes one setting of an application, or of the card, as it is written:
// Set(&ks1, SettingList, "free", false). A key number is not compared with how
// many keys there are.
func Set(s *wire.KeySett1, name Setting, value string, ofCard bool) error {
	values := SettingValues(name, ofCard)
	if values == nil {
		return fmt.Errorf("no setting is called %s here: want %s", strconv.Quote(string(name)), strings.Join(settingNames(ofCard), ", "))
	}
	value = strings.ToLower(strings.TrimSpace(value))
	for _, sw := range switches {
		if sw.setting == name && slices.Contains(values, value) {
			*s &^= sw.bit
			if value == sw.yes {
				*s |= sw.bit
			}
			return nil
		}
	}
	if name == SettingChangeKeys {
		a, err := changeKeyRight(value)
		if err == nil {
			*s = *s&0x0F | wire.SettChangeKey(a)
			return nil
		}
	}
	wanted := strings.Join(values, ", ")
	if name == SettingChangeKeys {
		wanted = fmt.Sprintf("master, same, never, or a key number from 1 to %d", wire.MaxKeys-1)
	}
	return fmt.Errorf("%s %q: want %s", name, value, wanted)
}

func changeKeyRight(value string) (wire.Access, error) {
	switch value {
	case "master":
		return 0, nil
	case "same":
		return wire.Free, nil
	case "free":
		return 0, fmt.Errorf("%q", value)
	}
	return ParseAccess(value)
}

func settingNames(ofCard bool) []string {
	names := []string{string(SettingList), string(SettingCreate), string(SettingChangeSettings), string(SettingMasterKey)}
	if !ofCard {
		names = append(names, string(SettingChangeKeys))
	}
	return names
}

// SettingWords is key setting 1 as Set reads it, part by part.
func SettingWords(s wire.KeySett1, ofCard bool) string {
	var parts []string
	for _, sw := range switches {
		value := sw.no
		if s.Has(sw.bit) {
			value = sw.yes
		}
		parts = append(parts, fmt.Sprintf("%s=%s", sw.setting, value))
	}
	if !ofCard {
		value := AccessWord(s.ChangeKey())
		switch s.ChangeKey() {
		case 0:
			value = "master"
		case wire.Free:
			value = "same"
		}
		parts = append(parts, fmt.Sprintf("%s=%s", SettingChangeKeys, value))
	}
	return strings.Join(parts, ",")
}
