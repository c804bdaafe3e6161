package pn532

import (
	"context"
	"fmt"
)

// Chip is what answers at an address.
type Chip struct {
	Address  string // as it was written, without "pn532:"
	Line     string // HSU, I2C, SPI
	IC       byte   // 32, hexadecimal, is the PN532
	Version  byte   // of the firmware
	Revision byte
	Support  byte // bit 0: ISO 14443 A, bit 1: ISO 14443 B, bit 2: ISO 18092
}

func (c *Chip) String() string {
	return fmt.Sprintf("%s at %s (%s)", c.firmware(), c.Address, c.Line)
}

func (c *Chip) firmware() string { return fmt.Sprintf("PN5%02X v%d.%d", c.IC, c.Version, c.Revision) }

// Probe asks what answers at an address. Errors are *LineError, wrap
// place.ErrAddress, or are that of ctx.
func Probe(ctx context.Context, address string) (*Chip, error) {
	r, err := Open(address, nil)
	if err != nil {
		return nil, err
	}
	h, chip, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	return chip, h.line.Close()
}
