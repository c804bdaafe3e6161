package wire

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Place is where keys and files are on a card: an application, or the card
// itself, which is the zero Place. Two Places can be compared with ==.
type Place struct {
	AID AID

	// Name is the DF name, 1 to 16 bytes, of an application that is selected by
	// it; AID is zero then.
	Name string

	// Fixed means the one application of a DESFire Light or NTAG 424 DNA by the
	// name that it is delivered with; AID and Name are empty then. See On.
	Fixed bool
}

// namePrefix marks a DF name, since one of three bytes looks like an AID.
const namePrefix = "df:"

// ParsePlace reads "card", "app" for the one application of a DESFire Light or
// NTAG 424 DNA, an AID of six hexadecimal digits, or a DF name as df: and its
// bytes in hexadecimal.
func ParsePlace(s string) (Place, error) {
	switch lower := strings.ToLower(s); {
	case lower == "card" || lower == "picc":
		return Place{}, nil
	case lower == "app":
		return Place{Fixed: true}, nil
	case strings.HasPrefix(lower, namePrefix):
		name, err := hex.DecodeString(s[len(namePrefix):])
		if err != nil || len(name) == 0 || len(name) > MaxDFName {
			return Place{}, fmt.Errorf("DF name %q: want df: and 1 to %d bytes in hexadecimal, for example df:D2760000850101", s, MaxDFName)
		}
		return Place{Name: string(name)}, nil
	}
	aid, err := ParseAID(s)
	if err != nil {
		return Place{}, fmt.Errorf(`application %q: want an AID of six hexadecimal digits, "card", "app" for the one application of a DESFire Light or NTAG 424 DNA, or df: and a DF name in hexadecimal`, s)
	}
	return Place{AID: aid}, nil
}

// IsCard reports whether p is the card itself.
func (p Place) IsCard() bool { return p == Place{} }

// String is what ParsePlace reads.
func (p Place) String() string {
	switch {
	case p.Fixed:
		return "app"
	case p.Name != "":
		return fmt.Sprintf("%s%X", namePrefix, p.Name)
	case p.AID == PICC:
		return "card"
	}
	return p.AID.String()
}

// Words names p in a sentence.
func (p Place) Words() string {
	switch {
	case p.Fixed:
		return "the application"
	case p.Name != "":
		return fmt.Sprintf("application %X", p.Name)
	case p.AID == PICC:
		return "the card"
	}
	return "application " + p.AID.String()
}

// MarshalText writes what String does.
func (p Place) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (p *Place) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePlace(string(b))
	return err
}

// On is p as a card of a generation selects it, by AID or by name. It is an
// error where such a card cannot have p.
func (p Place) On(g Generation) (Place, error) {
	fixed := g.FixedName()
	switch {
	case p.Fixed && fixed == nil:
		return p, fmt.Errorf("a %v card has applications with AIDs: say one of them, or card, instead of app", g)
	case p.Fixed:
		return Place{Name: string(fixed)}, nil
	case p.Name == "" && p.AID != PICC && fixed != nil:
		return p, fmt.Errorf("a %v card has one application, which has no AID: say app instead of %v", g, p)
	}
	return p, nil
}
