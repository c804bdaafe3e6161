package chip

import (
	"bytes"
	"context"
	"fmt"
	"sync"
)

// Status is a status byte of the chip's answers (7.1). As an error of Target.Transmit it is what the
// chip answers then.
type Status byte

// Statuses. Every other error of a Target is Timeout.
const (
	OK              Status = 0x00
	Timeout         Status = 0x01 // the target has not answered
	CRCError        Status = 0x02
	ParityError     Status = 0x03
	FramingError    Status = 0x05
	BufferTooSmall  Status = 0x07
	ProtocolError   Status = 0x0B // RF protocol error
	TooHot          Status = 0x0D
	BufferOverflow  Status = 0x0E // internal buffer
	BadParameter    Status = 0x10
	BadFormat       Status = 0x13 // the data do not match the specification
	WrongState      Status = 0x25 // the device is in a state that does not allow the operation
	NotAllowed      Status = 0x26 // in this configuration
	NotAcceptable   Status = 0x27 // in this context: unknown target, or not in the right state
	CardExchanged   Status = 0x2A
	CardDisappeared Status = 0x2B
	OverCurrent     Status = 0x2D
)

func (s Status) Error() string { return fmt.Sprintf("PN532 status %02X", byte(s)) }

// Field is what the antenna of a chip sees. The chip calls it from one goroutine at a time.
type Field interface {
	// Activate powers the card up, if it has no power, and selects it. A UID picks one card; nil
	// picks any. It returns nil if there is none; if it shall wait, not before ctx ends.
	Activate(ctx context.Context, uid []byte, wait bool) *Target
	// Off takes the power away.
	Off()
}

// Target is a card that was selected and, if it has an ATS, activated as ISO/IEC 14443-4 says.
type Target struct {
	ATQA     [2]byte // SENS_RES, most significant byte first
	SAK      byte    // SEL_RES
	UID, ATS []byte  // the ATS begins with its length
	// Transmit carries one command to the card and its answer back, of any length: blocks and their
	// repetition are the chip's. The answer is valid until the next call.
	Transmit func(ctx context.Context, command []byte) ([]byte, error)
	// Here reports whether the card answers an R(NAK), which changes nothing on it. Nil is true.
	Here func() bool
}

// Config is what a chip can be told besides its field. The zero value is a chip as it is after power-on.
type Config struct {
	// Started is a chip that is awake, in normal mode.
	Started bool
	// Waking is how many bytes a sleeping chip on a serial line loses after the one that woke it. With a negative
	// one it loses none; 0 is 3, so that 55 55 00 00 00 is enough before a frame.
	Waking int
	// Observe is told of each command that was executed, code first, and of its answer, nil if it was
	// a syntax error, was given up or is none. Both are valid until it returns.
	Observe func(command, answer []byte)
	// Instead may answer a command instead of the chip, code first; nil as an answer is a syntax error.
	Instead func(command []byte) (answer []byte, instead bool)
}

// Chip is a PN532. It may be on one line at a time.
type Chip struct {
	field Field
	conf  Config

	mu        sync.Mutex // held by a command for as long as it takes
	registers map[uint16]byte
	target    *target
	sent      []byte // of a command that the host sends in pieces
	rest      []byte // of an answer that the host takes in pieces
	lastError Status
	powered   bool // the field is on
	autoRATS  bool
	retries   byte // of passive activation; FF is without end

	power power
}

// target is what a chip knows about a card that it listed.
type target struct {
	*Target
	uid      []byte // as the host would ask for it
	selected bool
	brit     byte // bit rates
	brti     byte
	psl      bool // bit rates were set: once in an activation
}

// New makes a chip with what is in its field.
func New(field Field, conf *Config) *Chip {
	c := &Chip{field: field}
	if conf != nil {
		c.conf = *conf
	}
	c.power.init(&c.conf)
	c.reset()
	return c
}

// Reset is a power cycle: the chip starts asleep, in the mode of low battery, whatever Config.Started says, and
// the field is off until it is used. A command under way ends first.
func (c *Chip) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fieldOff()
	c.reset()
	c.power.reset()
}

func (c *Chip) reset() {
	c.registers = make(map[uint16]byte)
	c.target, c.sent, c.rest = nil, nil, nil
	c.lastError, c.powered, c.autoRATS, c.retries = OK, false, true, 0xFF
}

// execute runs a command, code first. answer is nil for a syntax error; silent is no answer at all.
func (c *Chip) execute(ctx context.Context, command []byte) (answer []byte, silent bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		if c.conf.Observe != nil {
			c.conf.Observe(command, answer)
		}
	}()
	if c.conf.Instead != nil {
		if answer, ok := c.conf.Instead(command); ok {
			return bytes.Clone(answer), false
		}
	}
	if len(command) == 0 {
		return nil, false
	}
	row, ok := commands[command[0]]
	switch {
	case !ok:
		return nil, false
	case row.antenna && c.power.low():
		return nil, true
	}
	out, ok := row.run(c, ctx, command[1:])
	if ctx.Err() != nil {
		return nil, true
	}
	if !ok {
		return nil, false
	}
	return append([]byte{command[0] + 1}, out...), false
}

// fail remembers an error for GetGeneralStatus.
func (c *Chip) fail(s Status) []byte {
	c.lastError = s
	return []byte{byte(s)}
}

func (c *Chip) fieldOff() {
	c.target, c.sent, c.rest, c.powered = nil, nil, nil, false
	c.field.Off()
}
