package inspect

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/wellknown"
	"github.com/go-desfire/desfire/wire"
)

// Card is a card and what is on it.
type Card struct {
	Name       string          `json:"-"` // product and UID
	Product    string          `json:"product,omitempty"`
	Generation wire.Generation `json:"generation,omitzero"`
	UID        Hex             `json:"uid"`                 // empty if it is random and was not asked for
	RandomID   bool            `json:"random_id,omitempty"` // the card shows a random one; the real UID needs a key

	// How it was reached.
	Reader  string `json:"reader,omitempty"`
	ATR     Hex    `json:"atr,omitempty"`
	Framing string `json:"framing,omitempty"`

	// Version is what GetVersion answers; the members down to Week say the same.
	Version      Hex   `json:"get_version,omitempty"`
	Hardware     *Chip `json:"hardware,omitempty"`
	Software     *Chip `json:"software,omitempty"`
	Storage      int   `json:"storage,omitempty"`       // bytes
	StorageExact bool  `json:"storage_exact,omitempty"` // else it is at least this
	Batch        Hex   `json:"batch,omitempty"`
	Year         int   `json:"year,omitempty"` // of production
	Week         int   `json:"week,omitempty"` // of production

	Signature   Hex          `json:"signature,omitempty"`   // of the UID, by NXP
	FreeMemory  *int         `json:"free_memory,omitempty"` // bytes
	KeySettings *KeySettings `json:"key_settings,omitempty"`
	KeyVersions []KeyVersion `json:"key_versions,omitempty"`

	// Applications in the order the card tells them, nil where they are not
	// known.
	Applications []Application `json:"applications,omitzero"`

	Missing []Missing `json:"missing,omitempty"` // of the card itself
}

// Application is an application of a card.
type Application struct {
	// Place selects it.
	Place wire.Place `json:"application"`

	AID    wire.AID `json:"aid,omitzero"`
	Wire   Hex      `json:"wire,omitempty"`   // the AID as it is sent
	ISOID  Hex      `json:"iso_id,omitempty"` // 2 bytes, most significant first
	DFName Hex      `json:"df_name,omitempty"`

	// KnownAs is the name under which the AID is known, or what it is registered
	// for. Anybody can make an application with any AID: it proves nothing.
	KnownAs string `json:"known_as,omitempty"`

	KeySettings *KeySettings `json:"key_settings,omitempty"`
	KeyVersions []KeyVersion `json:"key_versions,omitempty"`
	KeySets     []KeySet     `json:"key_sets,omitempty"` // in the order of their numbers

	// Files in the order the card tells them, nil where they are not known.
	Files []File `json:"files,omitzero"`

	Missing []Missing `json:"missing,omitempty"` // of the application itself
}

// KeyVersion is the version of a key.
type KeyVersion struct {
	Key     int  `json:"key"`
	Version byte `json:"version"`
}

// KeySet is the version of a key set; 0 for one that is not finalised.
type KeySet struct {
	Set     int  `json:"set"` // 0 is the active one
	Version byte `json:"version"`
}

// Chip is the hardware or the software part of what a card tells about itself.
type Chip struct {
	Vendor   uint8  `json:"vendor"`
	Type     uint8  `json:"type"`
	SubType  uint8  `json:"subtype"`
	Version  string `json:"version"`
	Storage  uint8  `json:"storage"`
	Protocol uint8  `json:"protocol"`
}

// Words says it in one line.
func (c *Chip) Words() string {
	return fmt.Sprintf("%s, type %02X.%02X, vendor %02X, protocol %02X", c.Version, c.Type, c.SubType, c.Vendor, c.Protocol)
}

func newChip(v wire.ChipVersion) *Chip {
	return &Chip{v.Vendor, v.Type, v.SubType, fmt.Sprintf("%X.%X", v.Major, v.Minor), v.Storage, v.Protocol}
}

// NewApplication is an application of which only its place is known.
func NewApplication(p wire.Place) Application {
	a := Application{Place: p}
	if p.Name != "" {
		a.DFName = Hex(p.Name)
	}
	if p.AID != wire.PICC {
		w := p.AID.Wire()
		a.AID, a.Wire, a.KnownAs = p.AID, w[:], knownAs(p.AID)
	}
	return a
}

// knownAs is what is known of an AID, in words.
func knownAs(aid wire.AID) string {
	e, ok := wellknown.Name(aid)
	switch {
	case !ok:
		return ""
	case e.Name == "":
		return "registered for " + e.Function
	}
	return e.String()
}

// MissingPart is what is missing of a kind, nil if it is not.
func (c *Card) MissingPart(part Part) *Missing { return find(c.Missing, part) }

// MissingPart is what is missing of a kind, nil if it is not.
func (a *Application) MissingPart(part Part) *Missing { return find(a.Missing, part) }

// MissingPart is what is missing of a kind, nil if it is not.
func (f *File) MissingPart(part Part) *Missing { return find(f.Missing, part) }

// SetVersion puts what a card tells about itself into c, which has its
// Generation.
func (c *Card) SetVersion(v *wire.Version) {
	if !v.UID.IsZero() {
		c.UID = append(Hex{}, v.UID[:]...)
	}
	c.Version = encoded(v)
	c.Product, c.RandomID = v.Product(), v.UID.IsZero()
	c.Hardware, c.Software, c.Batch = newChip(v.Hardware), newChip(v.Software), append(Hex(nil), v.Batch[:]...)
	c.Storage, c.StorageExact = v.Hardware.StorageSize()
	if n := c.Generation.FixedMemory(); n > 0 && !c.StorageExact {
		c.Storage, c.StorageExact = n, true
	}
	c.Year, c.Week = v.Produced()
	c.SetName()
}

// SetName makes Name of what else is known.
func (c *Card) SetName() {
	switch {
	case c.Product == "":
		c.Name = fmt.Sprintf("DESFire %v", c.Generation)
	case len(c.UID) > 0:
		c.Name = fmt.Sprintf("%s %X", c.Product, []byte(c.UID))
	default:
		c.Name = c.Product + " (random ID)"
	}
}

// encoded is a message as its layout writes it, nil if it makes no sense.
func encoded(m wire.Message) Hex {
	e, err := new(wire.Coder).Encode(nil, m)
	if err != nil {
		return nil
	}
	return e.Bytes
}

// StorageWords is the size of the memory.
func (c *Card) StorageWords() string {
	if c.StorageExact {
		return count(c.Storage, "byte")
	}
	return "more than " + count(c.Storage, "byte")
}

// ProducedWords is batch and week of production.
func (c *Card) ProducedWords() string {
	s := fmt.Sprintf("batch %X", []byte(c.Batch))
	if c.Week > 0 {
		s += fmt.Sprintf(", week %d of %d", c.Week, c.Year)
	}
	return s
}

func newISOID(id wire.ISOFID) Hex {
	if id == 0 {
		return nil
	}
	return Hex{byte(id >> 8), byte(id)}
}

// Hex is bytes, hexadecimal digits in JSON.
type Hex []byte

// MarshalText writes hexadecimal digits.
func (h Hex) MarshalText() ([]byte, error) {
	return []byte(strings.ToUpper(hex.EncodeToString(h))), nil
}

// UnmarshalText reads what MarshalText writes.
func (h *Hex) UnmarshalText(b []byte) error {
	d, err := hex.DecodeString(string(b))
	if err != nil {
		return fmt.Errorf("%.40q is not hexadecimal: want two digits a byte", b)
	}
	*h = d
	return nil
}
