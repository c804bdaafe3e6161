package pn532

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/transporttest"
)

// chipI2C is a chip that package chip emulates, as an i2cDevice.
type chipI2C struct{ *chip.I2C }

func (c chipI2C) transfer(read bool, p []byte) error {
	if read {
		return c.Tx(i2cAddress, nil, p)
	}
	return c.Tx(i2cAddress, p, nil)
}

// chipSPI is the same as an spiDevice.
type chipSPI struct{ *chip.SPI }

func (c chipSPI) transfer(p []byte, _ time.Duration) error {
	return c.Tx(slices.Clone(p), p)
}

// cards is the field of a chip in which whatever present gives lies.
type cards struct {
	present func(context.Context) (transporttest.Card, error)
	mu      sync.Mutex
	card    transporttest.Card
}

func (f *cards) Activate(ctx context.Context, _ []byte, _ bool) *chip.Target {
	f.Off()
	card, err := f.present(ctx)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.card = card
	atr := card.ATR()
	ats := append([]byte{0, 0x75, 0x77, 0x81, 0x02}, atr[4:len(atr)-1]...)
	ats[0] = byte(len(ats))
	return &chip.Target{ATQA: [2]byte{3, 0x44}, SAK: 0x20, UID: []byte{4, 1, 2, 3, 4, 5, 6}, ATS: ats, Transmit: card.Transmit}
}

func (f *cards) Off() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.card != nil {
		_ = f.card.Close()
		f.card = nil
	}
}

// buses are lines to a chip. Each is opened as often as a reader likes.
var buses = map[string]func(c *chip.Chip, at address) (line, error){
	"i2c1": func(c *chip.Chip, at address) (line, error) {
		b := c.I2C()
		return hasty(newI2C(chipI2C{b}, at), b), nil
	},
	"spi0.0": func(c *chip.Chip, at address) (line, error) {
		b := c.SPI()
		return hasty(newSPI(chipSPI{b}, at), b), nil
	},
}

// hasty ends pauses when the chip has something to say.
func hasty(l *busLine, b interface{ Wait(context.Context) error }) *busLine {
	l.rest = 0
	l.pause = func(ctx context.Context, d time.Duration) error {
		short, cancel := context.WithTimeout(ctx, d)
		defer cancel()
		_ = b.Wait(short)
		return ctx.Err()
	}
	return l
}

func busReader(t *testing.T, name string, c *chip.Chip, conf *Config) *Reader {
	t.Helper()
	r, err := Open(name, conf)
	if err != nil {
		t.Fatal(err)
	}
	r.open = func(_ context.Context, at address, _ *Config) (line, error) { return buses[name](c, at) }
	return r
}

func TestBusConformance(t *testing.T) {
	for name := range buses {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
				r := busReader(t, name, chip.New(&cards{present: present}, nil), nil)
				c := openCard(t, r)
				t.Cleanup(func() {
					c.Close()
					r.Close()
				})
				return c
			}, &transporttest.Config{MaxCommand: 2000, MaxResponse: 2000})
		})
	}
}

// TestBusProbe: a chip that sleeps is woken, asked, and let go of.
func TestBusProbe(t *testing.T) {
	for name := range buses {
		r := busReader(t, name, chip.New(&cards{present: func(context.Context) (transporttest.Card, error) { return nil, errors.New("none") }}, nil), nil)
		for range 2 {
			h, c, err := r.dial(t.Context())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := h.line.Close(); err != nil {
				t.Error(err)
			}
			want := map[string]string{"i2c1": "PN532 v1.6 at i2c1 (I2C)", "spi0.0": "PN532 v1.6 at spi0.0 (SPI)"}[name]
			if c.String() != want {
				t.Errorf("%v, want %s", c, want)
			}
		}
	}
}
