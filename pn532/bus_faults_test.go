package pn532

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire/pn532/chip"
)

// noise is what makes transfers go wrong: each with a chance of its own.
type noise struct {
	rate    float64
	nothing bool // no transfer fails, as on SPI, where nothing acknowledges

	mu     sync.Mutex // the last transfer of a line that was closed may go on while the next line begins
	random *rand.Rand
	faults int
}

// IntN is a number below n.
func (n *noise) IntN(below int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.random.IntN(below)
}

// strikes reports whether the next transfer goes wrong.
func (n *noise) strikes() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.random.Float64() >= n.rate {
		return false
	}
	n.faults++
	return true
}

// spoil does a transfer, or something like it.
func (n *noise) spoil(transfer func(p []byte) error, p []byte, out bool) error {
	if !n.strikes() {
		return transfer(p)
	}
	kind := n.IntN(6)
	if n.nothing {
		kind = 3 + n.IntN(3)
	}
	switch kind {
	case 0: // nobody takes the address
		return nak
	case 1: // all arrives, and an error is told
		_ = transfer(p)
		return syscall.EIO
	case 2: // cut
		_ = transfer(p[:n.IntN(len(p))+1])
		return syscall.ETIMEDOUT
	case 3: // a wrong byte
		if out {
			p[n.IntN(len(p))] ^= byte(1 + n.IntN(255))
			return transfer(p)
		}
		err := transfer(p)
		p[n.IntN(len(p))] ^= byte(1 + n.IntN(255))
		return err
	case 4: // the wire is low
		if !out {
			_ = transfer(p)
		}
		clear(p)
		return nil
	default: // the wire is high
		if !out {
			_ = transfer(p)
		}
		for i := range p {
			p[i] = 0xFF
		}
		return nil
	}
}

type noisyI2C struct {
	i2cDevice
	*noise
}

func (d noisyI2C) transfer(read bool, p []byte) error {
	return d.spoil(func(p []byte) error { return d.i2cDevice.transfer(read, p) }, p, !read)
}

type noisySPI struct {
	spiDevice
	*noise
}

func (d noisySPI) transfer(p []byte, hold time.Duration) error {
	return d.spoil(func(p []byte) error { return d.spiDevice.transfer(p, hold) }, p, d.IntN(2) == 0)
}

// TestBusSumsExact is TestSumsExact over buses: on one of them each answer is longer
// than what is read at once.
func TestBusSumsExact(t *testing.T) {
	for name, open := range map[string]func(c *chip.Chip, at address, n *noise) line{
		"I2C": func(c *chip.Chip, at address, n *noise) line { return newI2C(noisyI2C{chipI2C{c.I2C()}, n}, at) },
		"I2C, asked for again": func(c *chip.Chip, at address, n *noise) line {
			l := newI2C(noisyI2C{chipI2C{c.I2C()}, n}, at)
			l.first = 10
			return l
		},
		"SPI": func(c *chip.Chip, at address, n *noise) line {
			n.nothing, n.rate = true, 0.03
			return newSPI(noisySPI{chipSPI{c.SPI()}, n}, at)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				card := purseCard(t)
				c := chip.New(chip.Simulated(card, nil), nil)
				n := &noise{random: rand.New(rand.NewPCG(14, 1)), rate: 0.01}
				r, err := Open("i2c1", nil)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				opened := 0
				r.open = func(_ context.Context, at address, _ *Config) (line, error) {
					opened++
					return open(c, at, n), nil
				}
				counts := sumsExact(t, card, r, 2_000)
				if n.faults < 100 || counts.unknown < 10 || counts.resolved == 0 || counts.resolved == counts.unknown {
					t.Errorf("%d faults, %v: they test nothing", n.faults, counts)
				}
				t.Logf("%d faults, %v; the bus was opened %d times", n.faults, counts, opened)
			})
		})
	}
}
