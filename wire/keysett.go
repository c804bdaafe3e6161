package wire

import (
	"fmt"
	"strings"
)

// KeySett1 are the key settings of the card or an application: who may do
// what (command reference 3.2 and 3.3).
type KeySett1 uint8

// Bits of KeySett1. Bits 7 to 4 of an application's are the change key right.
const (
	SettMasterChangeable KeySett1 = 1 << 0 // the master key may be changed
	SettFreeDirectory    KeySett1 = 1 << 1 // lists and settings are free
	SettFreeCreate       KeySett1 = 1 << 2 // creating (and, of files, deleting) is free
	SettChangeable       KeySett1 = 1 << 3 // these settings may be changed
	SettDefault          KeySett1 = 0x0F   // all of these, keys changed under the master key
)

// SettChangeKey is the change key right of an application: key 0 to 13, or
// Free (each key changes itself), or Never (no key but the master key changes).
func SettChangeKey(a Access) KeySett1 { return KeySett1(a&0xF) << 4 }

// ChangeKey is the change key right of an application.
func (s KeySett1) ChangeKey() Access { return Access(s >> 4) }

// Has reports whether all bits of flags are set.
func (s KeySett1) Has(flags KeySett1) bool { return s&flags == flags }

func (s KeySett1) String() string {
	words := [...]string{"master key changeable", "free directory", "free create", "settings changeable"}
	var set []string
	for i, w := range words {
		if s>>i&1 == 1 {
			set = append(set, w)
		}
	}
	switch k := s.ChangeKey(); k {
	case 0:
		set = append(set, "keys change under the master key")
	case Free:
		set = append(set, "each key changes itself")
	case Never:
		set = append(set, "keys frozen")
	default:
		set = append(set, "keys change under "+k.String())
	}
	return strings.Join(set, ", ")
}

// KeySett2 are number and type of an application's keys, and flags (command
// reference 3.4).
type KeySett2 uint8

// Bits of KeySett2.
const (
	SettHasKS3   KeySett2 = 1 << 4 // KeySett3 follows; EV2 and later
	SettISOFiles KeySett2 = 1 << 5 // files must have an ISO identifier; EV1 and later
)

// MaxKeys is the largest number of keys of an application.
const MaxKeys = 14

// NewKeySett2 is n keys (0 to 14) of type t.
func NewKeySett2(t KeyType, n int) KeySett2 { return KeySett2(t)<<6 | KeySett2(n&0xF) }

// Keys is the number of keys.
func (s KeySett2) Keys() int { return int(s & 0xF) }

// KeyType is the type of the keys.
func (s KeySett2) KeyType() KeyType { return KeyType(s >> 6) }

// Has reports whether all bits of flags are set.
func (s KeySett2) Has(flags KeySett2) bool { return s&flags == flags }

func (s KeySett2) String() string {
	t := fmt.Sprintf("%d %v keys", s.Keys(), s.KeyType())
	if s.Keys() == 1 {
		t = fmt.Sprintf("1 %v key", s.KeyType())
	}
	if s.Has(SettISOFiles) {
		t += ", files with ISO identifiers"
	}
	return t
}

// KeySett3 are further settings of an application from EV2 on (command
// reference 3.5).
type KeySett3 uint8

// Bits of KeySett3.
const (
	SettKeySets      KeySett3 = 1 << 0 // the application has key sets
	SettVCKeys       KeySett3 = 1 << 1 // virtual card keys 21 to 23 of its own
	SettCapabilities KeySett3 = 1 << 2 // capability data of its own
	SettMasterDelete KeySett3 = 1 << 4 // the master key may always delete the application; EV3
)

// Has reports whether all bits of flags are set.
func (s KeySett3) Has(flags KeySett3) bool { return s&flags == flags }

func (s KeySett3) String() string {
	words := [...]string{"key sets", "own virtual card keys", "own capability data", "bit 3", "master key may delete", "bit 5", "bit 6", "bit 7"}
	var set []string
	for i, w := range words {
		if s>>i&1 == 1 {
			set = append(set, w)
		}
	}
	if set == nil {
		return "none"
	}
	return strings.Join(set, ", ")
}

// KeySetConfig describes the key sets of an application. EV2 and later.
type KeySetConfig struct {
	AKSVersion    KeyVersion // version of key set 0, the active one
	NoKeySets     uint8      // 2 to 16
	MaxKeySize    uint8      // 16 or 24 bytes; 16 allows 2K3DES and AES sets only
	AppKeySetSett uint8      // number of the key that rolls, 0 to 7
}

func (k *KeySetConfig) walk(c *Coder) {
	u8(c, "AKSVersion", &k.AKSVersion)
	u8(c, "NoKeySets", &k.NoKeySets)
	u8(c, "MaxKeySize", &k.MaxKeySize)
	u8(c, "AppKeySetSett", &k.AppKeySetSett)
}

// KeyVersion is the version of a key or a key set.
type KeyVersion uint8

func (v KeyVersion) String() string { return hexByte(byte(v)) }

// KeySetNo is the number of a key set; 0 is the active one.
type KeySetNo uint8

func (n KeySetNo) String() string { return hexByte(byte(n)) }
