package keystore

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Ref says which key: of which card, where on it, and which one there. It can be
// compared with == and be the key of a map.
//
// Its text is UID/PLACE/KEY, each as String of its type writes it:
//
//	04112233445566/card/0       the PICC master key of one card
//	*/121314/2                  key 2 of application 121314, on every card
//	*/121314/1:2                key 2 of its key set 1
//	*/app/sdm-file              on NTAG 424 DNA, the key behind the MAC of messages
//	*/df:D2760000850101/tmac    transaction MAC key of the application of that name
type Ref struct {
	UID   UID        // empty: the key is the same on every card
	Place wire.Place // zero is the card itself
	Key   ID
}

// UID is a card's identifier, its bytes: 4, 7 or 10. Empty is every card.
type UID string

// String is the identifier in hexadecimal, "*" for every card.
func (u UID) String() string {
	if u == "" {
		return "*"
	}
	return fmt.Sprintf("%X", string(u))
}

// ID is a key in a place: by number, by key set and number, or by role. The zero
// ID is key 0. Two IDs are equal exactly if they name one key: a number that has a
// role, such as that of the proximity key, is the role.
type ID struct {
	role Role
	set  wire.KeySetNo
	no   wire.KeyNo
}

// Number names a key by its number, in the active key set.
func Number(no wire.KeyNo) ID {
	for role, row := range roles {
		if row.numbered && row.no == no {
			return ID{role: Role(role)}
		}
	}
	return ID{no: no}
}

// InSet names a key by its key set and number. Set 0 is the active one.
func InSet(set wire.KeySetNo, no wire.KeyNo) ID {
	if set == 0 {
		return Number(no)
	}
	return ID{set: set, no: no}
}

// Role is what a key is for, where that names it better than a number, or where
// it has none.
type Role uint8

// Roles. The three of delegation and the four of virtual cards have numbers on
// the card as well; the others are known by what they do.
const (
	_                   Role = iota
	RoleTransactionMAC       // AppTransactionMACKey, of the application's transaction MAC file
	RoleSDMMeta              // deciphers what a tag says it is, in secure dynamic messages
	RoleSDMFile              // makes the MAC of such messages, and enciphers file data
	RoleDefault              // what the keys of a new application are (SetConfiguration)
	RoleDAMAuth              // delegation: who holds it creates applications
	RoleDAMMAC               // delegation: makes the MAC over what is delegated
	RoleDAMEnc               // delegation: enciphers the first key
	RoleVCConfiguration      // virtual card: allows to change its keys
	RoleProximity            // virtual card: proves in the proximity check how near a card is
	RoleVCSelectMAC          // virtual card: selection, MAC
	RoleVCSelectEnc          // virtual card: selection, enciphering
)

var roles = [...]struct {
	name, words string
	numbered    bool
	no          wire.KeyNo
}{
	RoleTransactionMAC:  {name: "tmac", words: "the transaction MAC key"},
	RoleSDMMeta:         {name: "sdm-meta", words: "the SDM meta read key"},
	RoleSDMFile:         {name: "sdm-file", words: "the SDM file read key"},
	RoleDefault:         {name: "default", words: "the key of new applications"},
	RoleDAMAuth:         {"dam-auth", "the key that authenticates delegation", true, wire.KeyDAMAuth},
	RoleDAMMAC:          {"dam-mac", "the MAC key of delegation", true, wire.KeyDAMMAC},
	RoleDAMEnc:          {"dam-enc", "the enciphering key of delegation", true, wire.KeyDAMEnc},
	RoleVCConfiguration: {"vc-configuration", "the virtual card configuration key", true, wire.KeyVCConfig},
	RoleProximity:       {"proximity", "the proximity key", true, wire.KeyVCProximity},
	RoleVCSelectMAC:     {"vc-select-mac", "the MAC key of virtual card selection", true, wire.KeyVCSelectMAC},
	RoleVCSelectEnc:     {"vc-select-enc", "the enciphering key of virtual card selection", true, wire.KeyVCSelectEnc},
}

// known reports whether r is one of the roles.
func (r Role) known() bool { return r > 0 && int(r) < len(roles) }

// String is the role as the text of a Ref has it.
func (r Role) String() string {
	if !r.known() {
		return fmt.Sprintf("Role(%d)", uint8(r))
	}
	return roles[r].name
}

// ID names the key that has the role.
func (r Role) ID() ID { return ID{role: r} }

// Role is what the key is named by, if it is a role.
func (id ID) Role() (Role, bool) { return id.role, id.role != 0 }

// Number is the key's set and number on the card; false for a role that has
// none.
func (id ID) Number() (set wire.KeySetNo, no wire.KeyNo, ok bool) {
	if id.role == 0 {
		return id.set, id.no, true
	}
	if !id.role.known() || !roles[id.role].numbered {
		return 0, 0, false
	}
	return 0, roles[id.role].no, true
}

// String is "2", "1:2" for key 2 of set 1, or the role.
func (id ID) String() string {
	switch {
	case id.role != 0:
		return id.role.String()
	case id.set != 0:
		return fmt.Sprintf("%d:%d", id.set, id.no)
	}
	return strconv.Itoa(int(id.no))
}

// Words names the key in a sentence.
func (id ID) Words() string {
	switch {
	case id.role.known():
		return roles[id.role].words
	case id.role != 0:
		return id.role.String()
	case id.set != 0:
		return fmt.Sprintf("key %d of set %d", id.no, id.set)
	}
	return fmt.Sprintf("key %d", id.no)
}

// String is what ParseRef reads.
func (r Ref) String() string { return r.UID.String() + "/" + r.Place.String() + "/" + r.Key.String() }

// Words names the key in a sentence: "key 2 of application 121314 on card
// 04112233445566".
func (r Ref) Words() string {
	on := "on every card"
	if r.UID != "" {
		on = "on card " + r.UID.String()
	}
	if r.Place.IsCard() {
		return fmt.Sprintf("%s of the card level %s", r.Key.Words(), on)
	}
	return fmt.Sprintf("%s of %s %s", r.Key.Words(), r.Place.Words(), on)
}

// Everywhere is r without the card: the key that is the same on every card.
func (r Ref) Everywhere() Ref {
	r.UID = ""
	return r
}

// ParseRef reads the text of a Ref.
func ParseRef(s string) (Ref, error) {
	parts := strings.Split(s, "/")
	if len(parts) != 3 {
		return Ref{}, fmt.Errorf("keystore: key reference %q: want UID/PLACE/KEY, for example 04112233445566/121314/2, or * for every card", s)
	}
	var r Ref
	var err error
	if r.UID, err = parseUID(parts[0]); err != nil {
		return Ref{}, fmt.Errorf("keystore: key reference %q: %w", s, err)
	}
	if r.Place, err = wire.ParsePlace(parts[1]); err != nil {
		return Ref{}, fmt.Errorf("keystore: key reference %q: %w", s, err)
	}
	if r.Key, err = ParseID(parts[2]); err != nil {
		return Ref{}, fmt.Errorf("keystore: key reference %q: %w", s, err)
	}
	return r, nil
}

func parseUID(s string) (UID, error) {
	if s == "*" {
		return "", nil
	}
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 && len(b) != 7 && len(b) != 10 {
		return "", fmt.Errorf("card %q: want the identifier's 4, 7 or 10 bytes in hexadecimal, or *", s)
	}
	return UID(b), nil
}

// ParseID reads what ID's String writes.
func ParseID(s string) (ID, error) {
	for r := range roles {
		if role := Role(r); role.known() && strings.EqualFold(s, role.String()) {
			return role.ID(), nil
		}
	}
	set, no, inSet := strings.Cut(s, ":")
	if !inSet {
		set, no = "0", s
	}
	n, err := parseNumber(no)
	m, err2 := parseNumber(set)
	if cmp.Or(err, err2) != nil || n > maxNumber || m > maxSet {
		return ID{}, fmt.Errorf("key %q: want a number from 0 to %d, SET:NUMBER, or a role such as %v or %v", s, maxNumber, RoleTransactionMAC, RoleProximity)
	}
	return InSet(wire.KeySetNo(m), wire.KeyNo(n)), nil
}

// parseNumber reads a decimal number, or a hexadecimal one after 0x. A zero before
// others is refused: 010 is 8 for some and 10 for others.
func parseNumber(s string) (uint64, error) {
	if digits, ok := strings.CutPrefix(s, "0x"); ok {
		return strconv.ParseUint(digits, 16, 8)
	}
	if len(s) > 1 && s[0] == '0' {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseUint(s, 10, 8)
}

const (
	maxNumber = 0x3F // bits 6 and 7 of a key number have other meanings
	maxSet    = 15
)

// MarshalText writes what String does.
func (r Ref) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (r *Ref) UnmarshalText(b []byte) (err error) {
	*r, err = ParseRef(string(b))
	return err
}
