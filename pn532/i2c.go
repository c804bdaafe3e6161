package pn532

import "time"

// i2cAddress is the chip's, without the bit for reading or writing.
const i2cAddress = 0x24

// i2cFirst is how much of an answer is read at once: that to a native command
// (60 bytes) or a short one in ISO 7816 fits, and takes 7 ms at 100 kHz.
const i2cFirst = 80

// i2cRest is what libnfc found necessary between two transfers: the 1.3 us of the data
// sheet are not enough.
const i2cRest = 5 * time.Millisecond

// i2cDevice is an I2C bus with the chip's address chosen.
type i2cDevice interface {
	// transfer writes bytes to the chip, or reads them from it.
	transfer(read bool, p []byte) error
	Close() error
}

// i2c speaks to the chip over I2C. Every read begins with the status.
type i2c struct{ i2cDevice }

// rouse reads: that the bus names the chip is what wakes it.
func (c *i2c) rouse() error {
	_, err := c.status()
	return err
}

func (c *i2c) status() (byte, error) {
	var s [1]byte
	err := c.transfer(true, s[:])
	return s[0], err
}

func (c *i2c) send(frame []byte) error { return c.transfer(false, frame) }

func (c *i2c) receive(into []byte) (status byte, err error) {
	all := make([]byte, 1+len(into))
	err = c.transfer(true, all)
	copy(into, all[1:])
	return all[0], err
}

func newI2C(d i2cDevice, at address) *busLine { return newBusLine(&i2c{d}, at, i2cFirst, i2cRest) }
