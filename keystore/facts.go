package keystore

import (
	"cmp"
	"fmt"

	"github.com/go-desfire/desfire/key"
)

// Facts tell keys apart without giving them away.
type Facts struct {
	Type    string         `json:"type"` // as key.Type prints it: "DES", "2K3DES", "3K3DES", "AES"; empty where a store cannot tell without the key
	Version byte           `json:"version"`
	Check   key.CheckValue `json:"check"` // zero where a store cannot tell without the key
	// Source says where the key is kept, for people: the name of a file, a
	// variable, a slot of an HSM. Never the key.
	Source string `json:"ref,omitempty"`

	// NoVersion says that nobody has stated the version, or that a store cannot
	// tell it without the key: it is not to be compared with what a card tells.
	NoVersion bool `json:"no_version,omitempty"`
}

// FactsOf are the facts of a key that is kept where source says.
func FactsOf(k key.Key, source string) Facts {
	return Facts{Type: k.Type().String(), Version: k.Version(), Check: k.CheckValue(), Source: source}
}

// Same reports whether two facts are about one key, wherever it is kept.
func (f Facts) Same(g Facts) bool {
	f.Source, g.Source = "", ""
	return f == g
}

// String is the facts as key.String has them, and the source.
func (f Facts) String() string {
	s := cmp.Or(f.Type, "key of unknown type")
	if f.NoVersion {
		s += " version unknown"
	} else {
		s += fmt.Sprintf(" version %02X", f.Version)
	}
	if f.Check != (key.CheckValue{}) {
		s += " check " + f.Check.String()
	}
	if f.Source != "" {
		s += " " + f.Source
	}
	return s
}
