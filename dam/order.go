package dam

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Format is how a file that carries a signed command calls itself.
const Format = "desfire-delegation"

const orderVersion = 1

// order is such a file. The command says all of it; the other members are for
// people, and must agree with it.
type order struct {
	Format      string   `json:"format"`
	Version     int      `json:"version"`
	Application wire.AID `json:"application"`
	Slot        uint16   `json:"slot"`
	SlotVersion uint8    `json:"slot_version"`
	Quota       uint16   `json:"quota_blocks"` // of 32 bytes
	Command     string   `json:"command"`      // hexadecimal, with its INS
}

// Encode writes a signed command as the text that the issuer of cards hands to
// whoever is to create the application. There is no key in it in clear, but
// whoever has it and the DAM authentication key creates that application on every
// card with these DAM keys, as often as the slot is free.
func Encode(m *wire.CreateDelegatedApplication) ([]byte, error) {
	if m.EncK.IsZero() || m.DAMMAC == [8]byte{} {
		return nil, errors.New("DAM: the command is not signed")
	}
	var c wire.Coder
	e, err := c.Encode(nil, m)
	if err != nil {
		return nil, err
	}
	o := order{Format, orderVersion, m.AID, m.Slot, m.SlotVersion, m.Quota, fmt.Sprintf("%02X%X", wire.InsCreateDelegatedApplication, e.Bytes)}
	b, err := json.MarshalIndent(o, "", " ")
	return append(b, '\n'), err
}

// Decode reads what Encode writes. Whether the signature is right only the card
// can tell.
func Decode(text []byte) (*wire.CreateDelegatedApplication, error) {
	var o order
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil || o.Format != Format {
		return nil, errors.New("DAM: this is no delegation: want a JSON object whose format is " + Format)
	}
	if o.Version != orderVersion {
		return nil, fmt.Errorf("DAM: version %d of a delegation, want %d", o.Version, orderVersion)
	}
	b, err := hex.DecodeString(o.Command)
	if err != nil || len(b) == 0 || b[0] != wire.InsCreateDelegatedApplication {
		return nil, errors.New("DAM: the command of the delegation is damaged")
	}
	m := new(wire.CreateDelegatedApplication)
	if err := new(wire.Coder).Decode(b[1:], nil, m); err != nil {
		return nil, fmt.Errorf("DAM: the command of the delegation is damaged: %w", err)
	}
	if m.AID != o.Application || m.Slot != o.Slot || m.SlotVersion != o.SlotVersion || m.Quota != o.Quota {
		return nil, fmt.Errorf("DAM: the delegation says application %v in slot %d, its command %v in slot %d, or another quota: it was changed", o.Application, o.Slot, m.AID, m.Slot)
	}
	return m, nil
}
