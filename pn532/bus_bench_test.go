package pn532

import (
	"context"
	"testing"
	"time"

	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/transporttest"
)

// quickCard answers 59 bytes and a status, at once: a native frame of a read.
type quickCard struct{}

func (quickCard) Transmit(context.Context, []byte) ([]byte, error) { return make([]byte, 60), nil }
func (quickCard) Close() error                                     { return nil }
func (quickCard) ATR() []byte {
	return []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}
}

// slowI2C and slowSPI take as long as the wires would.
type slowI2C struct {
	i2cDevice
	hertz int
}

func (s slowI2C) transfer(read bool, p []byte) error {
	time.Sleep(time.Duration((len(p)+1)*9) * time.Second / time.Duration(s.hertz))
	return s.i2cDevice.transfer(read, p)
}

type slowSPI struct {
	spiDevice
	hertz int
}

func (s slowSPI) transfer(p []byte, hold time.Duration) error {
	time.Sleep(time.Duration(len(p)*8)*time.Second/time.Duration(s.hertz) + hold)
	return s.spiDevice.transfer(p, hold)
}

// BenchmarkBus is an exchange with a chip and a card that take no time: what the wires
// take, and the waits between transfers.
func BenchmarkBus(b *testing.B) {
	for name, open := range map[string]func(*chip.Chip, address) line{
		"I2C-100kHz": func(c *chip.Chip, at address) line { return newI2C(slowI2C{chipI2C{c.I2C()}, 100_000}, at) },
		"I2C-400kHz": func(c *chip.Chip, at address) line { return newI2C(slowI2C{chipI2C{c.I2C()}, 400_000}, at) },
		"SPI-1MHz":   func(c *chip.Chip, at address) line { return newSPI(slowSPI{chipSPI{c.SPI()}, 1_000_000}, at) },
	} {
		b.Run(name, func(b *testing.B) {
			c := chip.New(&cards{present: func(context.Context) (transporttest.Card, error) { return quickCard{}, nil }}, nil)
			r, err := Open("i2c1", nil)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			r.open = func(_ context.Context, at address, _ *Config) (line, error) { return open(c, at), nil }
			card := openCard(b, r)
			defer card.Close()
			command := make([]byte, 8)
			for b.Loop() {
				if _, err := card.Transmit(b.Context(), command); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
