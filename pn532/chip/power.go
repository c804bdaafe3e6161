package chip

import "sync"

// Bits of what wakes a chip up, in PowerDown (7.2.11).
const (
	wakeHSU = 0x10
	wakeSPI = 0x20
	wakeI2C = 0x80
)

// power is whether a chip hears its host. It has a mutex of its own, for a line must not wait for a command.
type power struct {
	mu      sync.Mutex
	asleep  bool
	sleepy  byte // sleeps when the answer has left, and then wakes by these; 0 is no
	wakesBy byte
	battery bool // mode of low battery
	edges   int  // rising edges that a sleeping chip has seen
	lost    int  // bytes that it will lose while it wakes
	waking  int
}

func (p *power) init(c *Config) {
	switch p.waking = c.Waking; {
	case c.Waking == 0:
		p.waking = 3
	case c.Waking < 0:
		p.waking = 0
	}
	p.reset()
	if c.Started {
		p.asleep, p.battery = false, false
	}
}

func (p *power) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asleep, p.sleepy, p.wakesBy, p.battery, p.edges, p.lost = true, 0, wakeHSU|wakeSPI|wakeI2C, true, 0, 0
}

func (p *power) low() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.battery
}

func (p *power) normal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.battery = false
}

func (p *power) down(by byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sleepy, p.wakesBy = 1, by
}

// answered is called when an answer has left.
func (p *power) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sleepy != 0 {
		p.sleepy, p.asleep, p.edges = 0, true, 0
	}
}

// hears takes a byte from a serial line and reports whether the chip hears it. A sleeping one wakes up by the
// fifth rising edge of the line (3.1.3), and loses what comes until its clock runs.
func (p *power) hears(b byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.asleep:
		if p.wakesBy&wakeHSU == 0 {
			return false
		}
		if p.edges += rising(b); p.edges >= 5 {
			p.asleep, p.lost = false, p.waking
		}
		return false
	case p.lost > 0:
		p.lost--
		return false
	}
	return true
}

// rising counts the rising edges of a byte on a serial line: start bit, least significant bit
// first, stop bit.
func rising(b byte) int {
	n, last := 0, byte(0)
	for range 8 {
		if b&1 == 1 && last == 0 {
			n++
		}
		last, b = b&1, b>>1
	}
	if last == 0 {
		n++
	}
	return n
}

// addressed is a transaction on a bus that has begun: it reports whether the chip takes part, and
// wakes it up if it does not.
func (p *power) addressed(by byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.asleep {
		return true
	}
	if p.wakesBy&by != 0 {
		p.asleep = false
	}
	return false
}
