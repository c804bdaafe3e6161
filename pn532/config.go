package pn532

import "time"

// Config says how to use a chip. The zero value is sensible.
type Config struct {
	// Baud is the speed of the serial port; zero is 115200, with which the chip
	// starts.
	Baud int
	// Speed is the fastest that chip and card may talk, where the card can. Zero is
	// Speed106, which every antenna carries farthest.
	Speed Speed
	// Poll is how often the chip looks whether a card came or left; zero is 250 ms.
	Poll time.Duration
	// Timeout limits the wait for a card's answer; zero is 10 s. The card itself has
	// the time that it asks for.
	Timeout time.Duration
	// MaxCommand and MaxResponse are what Limits reports, in bytes of a whole
	// frame; zero leaves it to the reader. The chip carries any length, in pieces.
	MaxCommand, MaxResponse int
}

// Speed is how fast chip and card talk, in kbit/s.
type Speed uint16

// Speeds that a PN532 has.
const (
	Speed106 Speed = 106
	Speed212 Speed = 212
	Speed424 Speed = 424
)

func (c *Config) baud() int {
	if c.Baud == 0 {
		return 115200
	}
	return c.Baud
}

func (c *Config) poll() time.Duration {
	if c.Poll <= 0 {
		return 250 * time.Millisecond
	}
	return c.Poll
}

func (c *Config) timeout() time.Duration {
	if c.Timeout <= 0 {
		return 10 * time.Second
	}
	return c.Timeout
}
