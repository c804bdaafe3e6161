package purse

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// ID names one attempt, on the card and in the journal: 6 bytes of the
// generation of the journal, 4 bytes of a number counted up in it, big-endian, and
// 6 random bytes. It is what CommitReaderID, a slot or a record holds. Settlements
// have IDs of their own. No ID is used twice.
type ID [16]byte

// Generation names a journal from its creation, or its recovery from a copy, on.
type Generation [6]byte

// NewID puts an ID together.
func NewID(g Generation, sequence uint32, random [6]byte) (id ID) {
	copy(id[:6], g[:])
	binary.BigEndian.PutUint32(id[6:], sequence)
	copy(id[10:], random[:])
	return id
}

// Generation is that of the journal that made the ID.
func (id ID) Generation() Generation { return Generation(id[:6]) }

// Sequence is the number that was counted up.
func (id ID) Sequence() uint32 { return binary.BigEndian.Uint32(id[6:]) }

// IsZero reports whether id is none.
func (id ID) IsZero() bool { return id == ID{} }

// Slot is the id as a slot of size bytes holds it, 8 or 16: of 8 bytes the number
// and the first random ones.
func (id ID) Slot(size int) []byte {
	if size >= len(id) {
		return id[:]
	}
	return id[6:14]
}

// String is the id in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText writes what String does.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (id *ID) UnmarshalText(b []byte) error { return unhex(id[:], b, "an id of a transaction") }

// String is the generation in hexadecimal.
func (g Generation) String() string { return hex.EncodeToString(g[:]) }

// MarshalText writes what String does.
func (g Generation) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (g *Generation) UnmarshalText(b []byte) error {
	return unhex(g[:], b, "a generation of a journal")
}

func unhex(to, text []byte, what string) error {
	if hex.DecodedLen(len(text)) != len(to) || len(text)%2 != 0 {
		return fmt.Errorf("%s has %d hexadecimal digits, not %d", what, 2*len(to), len(text))
	}
	if _, err := hex.Decode(to, text); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Hex are bytes that are written in hexadecimal.
type Hex []byte

// String is the bytes in hexadecimal.
func (h Hex) String() string { return hex.EncodeToString(h) }

// MarshalText writes what String does.
func (h Hex) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hex) UnmarshalText(text []byte) error {
	b := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(b, text); err != nil || len(text)%2 != 0 {
		return fmt.Errorf("bytes in hexadecimal: %q", text)
	}
	*h = b
	return nil
}

// TMV is a transaction MAC.
type TMV [8]byte

// String is the MAC in hexadecimal.
func (v TMV) String() string { return hex.EncodeToString(v[:]) }

// MarshalText writes what String does.
func (v TMV) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (v *TMV) UnmarshalText(b []byte) error { return unhex(v[:], b, "a transaction MAC") }
