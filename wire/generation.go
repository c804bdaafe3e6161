package wire

import (
	"fmt"
	"strings"
)

// Generation is a product generation.
type Generation uint8

// Generations. A newer, unknown card is treated as EV3.
const (
	UnknownGeneration Generation = iota
	D40                          // MF3ICD40
	EV1
	EV2
	EV3
	Light   // DESFire Light
	NTAG424 // NTAG 424 DNA
)

// Generations lists all known generations, oldest first.
var Generations = [...]Generation{D40, EV1, EV2, EV3, Light, NTAG424}

func (g Generation) String() string {
	switch g {
	case D40:
		return "D40"
	case EV1:
		return "EV1"
	case EV2:
		return "EV2"
	case EV3:
		return "EV3"
	case Light:
		return "Light"
	case NTAG424:
		return "NTAG424"
	}
	return "unknown"
}

// ParseGeneration reads a name as String writes it, in any case.
func ParseGeneration(s string) (Generation, error) {
	for _, g := range Generations {
		if strings.EqualFold(s, g.String()) {
			return g, nil
		}
	}
	return 0, fmt.Errorf("generation %q: %w", s, errUnknownGeneration)
}

// MarshalText writes the name in lower case.
func (g Generation) MarshalText() ([]byte, error) { return []byte(strings.ToLower(g.String())), nil }

// UnmarshalText reads what MarshalText writes.
func (g *Generation) UnmarshalText(b []byte) (err error) {
	*g, err = ParseGeneration(string(b))
	return err
}

// genSet is a set of generations.
type genSet uint8

func gens(list ...Generation) (s genSet) {
	for _, g := range list {
		s |= 1 << g
	}
	return s
}

func (s genSet) has(g Generation) bool { return s>>g&1 == 1 }
