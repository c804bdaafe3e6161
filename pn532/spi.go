package pn532

import (
	"math/bits"
	"time"
)

// What the first byte of each transfer asks for.
const (
	spiSend    = 0x01
	spiStatus  = 0x02
	spiReceive = 0x03
)

// Speeds of the bus, in hertz. The chip takes 5 MHz; long wires do not.
const (
	spiSpeed   = 1_000_000
	spiFastest = 5_000_000
	spiSlowest = 10_000
)

// spiDevice is an SPI bus with the chip selected while a transfer runs.
type spiDevice interface {
	// transfer exchanges bytes, the highest bit first, and holds the chip selected
	// for a while after the last.
	transfer(p []byte, hold time.Duration) error
	Close() error
}

// spi speaks to the chip over SPI, in mode 0. The chip wants the lowest bit first,
// which few controllers can do: each byte is turned round here.
type spi struct{ spiDevice }

// rouse selects the chip for a while, with a byte that asks for nothing.
func (c *spi) rouse() error { return c.transfer([]byte{0}, rousing) }

func (c *spi) status() (byte, error) {
	p, err := c.exchange(spiStatus, nil, 1)
	return p[0], err
}

func (c *spi) send(frame []byte) error {
	_, err := c.exchange(spiSend, frame, len(frame))
	return err
}

func (c *spi) receive(into []byte) (status byte, err error) {
	if status, err = c.status(); err != nil || status != ready {
		return status, err
	}
	p, err := c.exchange(spiReceive, nil, len(into))
	copy(into, p)
	return status, err
}

func newSPI(d spiDevice, at address) *busLine { return newBusLine(&spi{d}, at, longestFrame, 0) }

// exchange is one transfer: a byte that says what for, and n bytes each way.
func (c *spi) exchange(what byte, out []byte, n int) ([]byte, error) {
	p := make([]byte, 1+n)
	p[0] = what
	copy(p[1:], out)
	turn(p)
	err := c.transfer(p, 0)
	turn(p)
	return p[1:], err
}

func turn(p []byte) {
	for i, b := range p {
		p[i] = bits.Reverse8(b)
	}
}
