package pn532

import (
	"regexp"
	"strconv"
)

var (
	i2cName = regexp.MustCompile(`^(?:i2c-?|/dev/i2c-)([0-9]{1,3})$`)
	spiName = regexp.MustCompile(`^(?:spi|spidev|/dev/spidev)([0-9]{1,3})\.([0-9]{1,3})(?::([0-9]{1,7}))?$`)
)

// busAddress is the address of a chip on a bus: i2c1 or spi0.0, or the name of the
// device. That of SPI may end with the speed in hertz.
func busAddress(text string) (at address, ok bool) {
	if m := i2cName.FindStringSubmatch(text); m != nil {
		return address{text: text, line: "I2C", device: "/dev/i2c-" + m[1]}, true
	}
	if m := spiName.FindStringSubmatch(text); m != nil {
		at := address{text: text, line: "SPI", device: "/dev/spidev" + m[1] + "." + m[2], speed: spiSpeed}
		if m[3] != "" {
			at.speed, _ = strconv.Atoi(m[3]) // seven digits
		}
		return at, true
	}
	return address{}, false
}
