package chip

import (
	"context"
	"errors"
	"math/bits"
	"sync"
)

// bus is what I2C and SPI have in common (6.1): the host writes a frame in one transaction, asks whether the
// chip is ready, and reads a frame in one transaction. What it does not read of it is lost, and comes again after a NACK.
type bus struct {
	chip  *Chip
	link  link
	kind  byte // what a transaction is for a sleeping chip
	mu    sync.Mutex
	queue [][]byte
	ready chan struct{} // closed when the queue is not empty
}

func (b *bus) init(c *Chip, wakesBy byte) {
	b.chip, b.kind, b.ready = c, wakesBy, make(chan struct{})
	b.link = link{chip: c, send: b.put}
}

func (b *bus) put(frame []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queue = append(b.queue, frame); len(b.queue) == 1 {
		close(b.ready)
	}
}

// write takes the bytes of one transaction. What the chip has not been asked for is given up by a new frame.
func (b *bus) write(bytes []byte) {
	var r receiver
	for _, x := range bytes {
		k, command := r.feed(x)
		if k == noFrame {
			continue
		}
		b.link.abort()
		b.mu.Lock()
		if len(b.queue) > 0 {
			b.queue, b.ready = nil, make(chan struct{})
		}
		b.mu.Unlock()
		b.link.take(k, command)
	}
}

// peek reports whether a frame is there.
func (b *bus) peek() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue) > 0
}

// read fills p from the next frame, with zeros behind it.
func (b *bus) read(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		clear(p)
		return
	}
	frame := b.queue[0]
	clear(p[copy(p, frame):])
	if b.queue = b.queue[1:]; len(b.queue) == 0 {
		b.ready = make(chan struct{})
	}
	if string(frame) != string(frameACK) {
		b.chip.power.answered()
	}
}

// Wait waits until the chip is ready, as its IRQ pin would tell, or ctx ends. Tests use it to need no time.
func (b *bus) Wait(ctx context.Context) error {
	b.mu.Lock()
	ready := b.ready
	b.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends a command under way. The chip may be put on another line then.
func (b *bus) Close() error {
	b.link.abort()
	return nil
}

// I2C is a chip on an I2C bus.
type I2C struct{ bus }

// I2C puts the chip on an I2C bus.
func (c *Chip) I2C() *I2C {
	b := &I2C{}
	b.init(c, wakeI2C)
	return b
}

// Address is the chip's on an I2C bus, 7 bits.
const Address = 0x24

// ErrNoAcknowledge is the error of a transaction that nobody on the bus took part in: there is another address, or
// the chip was asleep, and is waking up now.
var ErrNoAcknowledge = errors.New("no acknowledge on the bus")

// Tx is a write of w, if it is not empty, then a read that fills r, if it is not empty. The first byte of a read is 01 if the chip
// is ready, and 00 if not; then zeros follow. It has the form of periph.io's i2c.Bus.
func (b *I2C) Tx(addr uint16, w, r []byte) error {
	if addr != Address || !b.chip.power.addressed(b.kind) {
		return ErrNoAcknowledge
	}
	if len(w) > 0 {
		b.write(w)
	}
	if len(r) == 0 {
		return nil
	}
	clear(r)
	if b.peek() {
		r[0] = 1
		if len(r) > 1 {
			b.read(r[1:])
		}
	}
	return nil
}

// SPI is a chip on an SPI bus.
type SPI struct{ bus }

// SPI puts the chip on an SPI bus.
func (c *Chip) SPI() *SPI {
	b := &SPI{}
	b.init(c, wakeSPI)
	return b
}

// What a transaction on SPI is, by its first byte.
const (
	spiWrite  = 0x01
	spiStatus = 0x02
	spiRead   = 0x03
)

// Tx is one transaction, from the fall of NSS to its rise: w goes out while r comes in, both of the same length, or r
// empty. The chip sends the least significant bit of a byte first (6.1.3); here are bytes as a
// host has them that sends the most significant one first, so that each is mirrored: a write begins with 80, asking for
// the status with 40, a read with C0. It has the form of periph.io's spi.Conn. A transaction with a sleeping chip wakes
// it up and does nothing else.
func (b *SPI) Tx(w, r []byte) error {
	if len(r) != 0 && len(r) != len(w) {
		return errors.New("SPI: as much comes in as goes out")
	}
	clear(r)
	if len(w) == 0 || !b.chip.power.addressed(b.kind) {
		return nil
	}
	switch bits.Reverse8(w[0]) {
	case spiWrite:
		frame := make([]byte, len(w)-1)
		for i, x := range w[1:] {
			frame[i] = bits.Reverse8(x)
		}
		b.write(frame)
	case spiStatus:
		if len(r) > 1 && b.peek() {
			for i := range r[1:] {
				r[1+i] = bits.Reverse8(1)
			}
		}
	case spiRead:
		in := make([]byte, len(w)-1)
		b.read(in)
		for i, x := range in[:max(0, len(r)-1)] {
			r[1+i] = bits.Reverse8(x)
		}
	}
	return nil
}
