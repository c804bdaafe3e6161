package pn532

import "context"

// line carries bytes between host and chip. What it reports of itself are
// *LineError.
type line interface {
	// wake does what the chip needs before a frame after it has been idle.
	wake(ctx context.Context) error
	// write sends one whole frame. It does not keep it.
	write(ctx context.Context, frame []byte) error
	// read waits until bytes are there, or ctx ends, whose error it returns. They
	// are valid until the next call. A bus gives one read of at most a frame.
	read(ctx context.Context) ([]byte, error)
	// discard throws away what has arrived, and returns what it knows of that.
	// It is valid until the next call.
	discard() []byte
	// Close ends the line; a read or write under way returns.
	Close() error
}

// openLine opens the line to the chip at an address.
func openLine(ctx context.Context, at address, c *Config) (line, error) {
	switch at.line {
	case "I2C":
		return openI2C(ctx, at)
	case "SPI":
		return openSPI(ctx, at)
	}
	return openHSU(ctx, at, c)
}
