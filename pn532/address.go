package pn532

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/place"
)

// address is where a chip is: a device of the system.
type address struct {
	text   string // as it was written
	line   string // HSU, I2C, SPI
	device string
	speed  int     // of SPI, in hertz
	seek   *seeker // if none was named
}

func (a address) String() string {
	return named(a.text)
}

// found is the address itself, or where the chip is if none was named.
func (a address) found(ctx context.Context) (address, error) {
	if a.seek == nil {
		return a, nil
	}
	text, err := a.seek.seek(ctx)
	if err != nil {
		return a, err
	}
	return parseAddress(text)
}

// parseAddress takes an address apart; an empty one is that of the chip that is there. An error wraps place.ErrAddress.
func parseAddress(text string) (address, error) {
	if text == "" {
		return address{seek: newSeeker()}, nil
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return address{}, fmt.Errorf("pn532: %q: %w: want the name of a device, such as /dev/ttyUSB0, COM3, i2c1 or spi0.0", text, place.ErrAddress)
	}
	if at, ok := busAddress(text); ok {
		if at.line == "SPI" && (at.speed < spiSlowest || at.speed > spiFastest) {
			return address{}, fmt.Errorf("pn532: %q: %w: want a speed of %d to %d Hz", text, place.ErrAddress, spiSlowest, spiFastest)
		}
		return at, nil
	}
	return address{text: text, line: "HSU", device: text}, nil
}
