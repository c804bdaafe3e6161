package wire

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// AID is an application identifier: a 24-bit number, sent least significant
// byte first as NXP does. Zero names the PICC level.
type AID uint32

// PICC is the AID of the card level, where applications are created.
const PICC AID = 0

// MaxAID is the largest application identifier.
const MaxAID AID = 0xFFFFFF

// ParseAID reads six hexadecimal digits, with or without 0x.
func ParseAID(s string) (AID, error) {
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	v, err := strconv.ParseUint(digits, 16, 32)
	switch {
	case err != nil || len(digits) != 6:
		return 0, fmt.Errorf("AID %q: want six hexadecimal digits, for example F21190", s)
	}
	return AID(v), nil
}

func (a AID) String() string { return fmt.Sprintf("%06X", uint32(a)) }

// Wire is the three bytes as they are sent.
func (a AID) Wire() [3]byte { return [3]byte{byte(a), byte(a >> 8), byte(a >> 16)} }

// MarshalText writes six hexadecimal digits.
func (a AID) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (a *AID) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAID(string(b))
	return err
}

// FileNo is the number of a file in its application: 0 to 31, on D40 0 to 15.
// Bit 7 addresses the secondary application where two are selected (EV2 on).
type FileNo uint8

func (f FileNo) String() string {
	if f.Secondary() {
		return strconv.Itoa(int(f.Local())) + " of the second application"
	}
	return strconv.Itoa(int(f))
}

// Secondary reports whether the file is one of the second of two selected
// applications.
func (f FileNo) Secondary() bool { return f&secondary != 0 }

// Local is the number of the file in its own application.
func (f FileNo) Local() FileNo { return f &^ secondary }

// secondary in a file, key or key set number means the second of two selected
// applications (command reference 3.9).
const secondary = 0x80

// KeyNo is the number of a key in its application: 0 to 13, and at PICC level
// also the special keys of command reference 3.9.
type KeyNo uint8

// Keys of the card besides its master key, which is 0 (command reference 3.9).
const (
	KeyOriginalityFirst KeyNo = 0x01 // AES keys of NXP, which never change
	KeyOriginalityLast  KeyNo = 0x04

	// Delegated applications (EV2, EV3). Only NXP knows what cards leave the
	// factory with; ChangeKey sets them.
	KeyDAMAuth KeyNo = 0x10 // authenticates whoever creates a delegated application
	KeyDAMMAC  KeyNo = 0x11 // makes DAMMAC; stays with the issuer of the card
	KeyDAMEnc  KeyNo = 0x12 // makes EncK; stays with the issuer of the card

	// Virtual cards and the proximity check (EV2, EV3). Cards leave the factory
	// without: with a session of the PICC master key ChangeKey sets KeyVCConfig,
	// with one of that key the others.
	KeyVCConfig    KeyNo = 0x20
	KeyVCProximity KeyNo = 0x21
	KeyVCSelectMAC KeyNo = 0x22
	KeyVCSelectEnc KeyNo = 0x23
)

// Secondary reports whether the key is one of the second of two selected
// applications.
func (k KeyNo) Secondary() bool { return k&secondary != 0 }

// Local is the number of the key in its own application.
func (k KeyNo) Local() KeyNo { return k &^ secondary }

func (k KeyNo) String() string {
	if k <= 13 {
		return strconv.Itoa(int(k))
	}
	return "0x" + hexByte(byte(k))
}

// CommMode is the communication mode of a file or a message.
type CommMode uint8

// The values of a file's communication settings (command reference 3.7).
const (
	CommPlain CommMode = 0 // nothing added
	CommMAC   CommMode = 1 // protected against changes
	CommFull  CommMode = 3 // enciphered and protected
	CommOwn   CommMode = 4 // a cryptogram of its own: ChangeKey; never on the wire
)

func (m CommMode) String() string {
	switch m {
	case CommPlain, 2: // 2 is an alias of plain
		return "plain"
	case CommMAC:
		return "mac"
	case CommFull:
		return "full"
	case CommOwn:
		return "own"
	}
	return fmt.Sprintf("CommMode(%d)", uint8(m))
}

// ParseCommMode reads plain, mac or full.
func ParseCommMode(s string) (CommMode, error) {
	for _, m := range [...]CommMode{CommPlain, CommMAC, CommFull} {
		if strings.EqualFold(s, m.String()) {
			return m, nil
		}
	}
	return 0, fmt.Errorf("communication mode %q: want plain, mac or full", s)
}

// FileType is the first byte that GetFileSettings answers.
type FileType uint8

// File types (command reference 8).
const (
	FileStandard       FileType = 0
	FileBackup         FileType = 1
	FileValue          FileType = 2
	FileLinearRecord   FileType = 3
	FileCyclicRecord   FileType = 4
	FileTransactionMAC FileType = 5
	FileUnknown        FileType = 0xFF // not known to the caller; never on the wire
)

func (t FileType) String() string {
	names := [...]string{"standard", "backup", "value", "linear", "cyclic", "tmac"}
	if int(t) < len(names) {
		return names[t]
	}
	return "unknown"
}

// ParseFileType reads what String writes, and transaction-mac for tmac.
func ParseFileType(s string) (FileType, error) {
	word := strings.ToLower(s)
	if word == "transaction-mac" {
		return FileTransactionMAC, nil
	}
	for t := FileStandard; t <= FileTransactionMAC; t++ {
		if t.String() == word {
			return t, nil
		}
	}
	return 0, fmt.Errorf("file type %q: want standard, backup, value, linear, cyclic or transaction-mac", s)
}

// Access is one nibble of access rights: a key number, Free or Never.
type Access uint8

// Access values besides key numbers 0 to 13.
const (
	Free  Access = 0xE
	Never Access = 0xF
)

func (a Access) String() string {
	switch a {
	case Free:
		return "free"
	case Never:
		return "never"
	}
	return "key " + strconv.Itoa(int(a))
}

// AccessRights are the four rights of a file. On the wire: two bytes,
// ReadWrite and Change in the first, Read and Write in the second.
type AccessRights struct {
	Read, Write, ReadWrite, Change Access
}

// AccessRightsFromUint16 splits the 16-bit value Read|Write|ReadWrite|Change.
func AccessRightsFromUint16(v uint16) AccessRights {
	return AccessRights{Access(v >> 12), Access(v >> 8 & 0xF), Access(v >> 4 & 0xF), Access(v & 0xF)}
}

// Uint16 is Read|Write|ReadWrite|Change, nibbles from high to low.
func (r AccessRights) Uint16() uint16 {
	return uint16(r.Read&0xF)<<12 | uint16(r.Write&0xF)<<8 | uint16(r.ReadWrite&0xF)<<4 | uint16(r.Change&0xF)
}

func (r AccessRights) String() string {
	return fmt.Sprintf("read %v, write %v, read-write %v, change %v", r.Read, r.Write, r.ReadWrite, r.Change)
}

// KeyType is the key type of an application as its settings carry it.
type KeyType uint8

// Key types, bits 7 and 6 of key setting 2 (command reference 3.4).
const (
	KeyDES    KeyType = 0 // DES and 2K3DES
	Key3K3DES KeyType = 1
	KeyAES    KeyType = 2
)

func (t KeyType) String() string {
	switch t {
	case KeyDES:
		return "DES/2K3DES"
	case Key3K3DES:
		return "3K3DES"
	case KeyAES:
		return "AES"
	}
	return fmt.Sprintf("KeyType(%d)", uint8(t))
}

// ParseKeyType reads des or 2k3des, which applications do not tell apart, 3k3des
// or aes.
func ParseKeyType(s string) (KeyType, error) {
	switch strings.ToLower(s) {
	case "des", "2k3des", "des/2k3des":
		return KeyDES, nil
	case "3k3des":
		return Key3K3DES, nil
	case "aes":
		return KeyAES, nil
	}
	return 0, fmt.Errorf("key type %q: want des, 2k3des, 3k3des or aes", s)
}

var errUnknownGeneration = errors.New("want d40, ev1, ev2, ev3, light or ntag424")
