package sim

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// FieldError is an exchange that the field did not carry.
type FieldError struct {
	Reason string
	Err    error // the context's, or nil
	sent   bool
	gone   bool
}

func (e *FieldError) Error() string { return e.Reason }

// Unwrap returns the context's error, if there is one.
func (e *FieldError) Unwrap() error { return e.Err }

// Sent reports whether the card may have seen the command.
func (e *FieldError) Sent() bool { return e.sent }

// Removed reports whether the card has left the field.
func (e *FieldError) Removed() bool { return e.gone }

// FaultKind is what goes wrong in an exchange.
type FaultKind uint8

// Kinds of faults. After the first three the activation is over.
const (
	LosePowerBefore FaultKind = iota + 1 // power is gone before the card executes the command
	LosePowerAfter                       // power is gone after execution, before the answer
	CutCommand                           // the command frame arrives cut: the card ignores it
	LoseAnswer                           // the answer is lost, the card stays powered
	CutAnswer                            // the answer arrives without its last byte
	FlipAnswerBit                        // one bit of the answer is wrong; Fault.Bit says which
	FailWrite                            // a write to the memory fails: EEPROM_ERROR
	TearWrite                            // power is gone in a write to the memory
)

func (k FaultKind) String() string {
	names := [...]string{"none", "power lost before execution", "power lost after execution", "command cut", "answer lost",
		"answer cut", "bit error in the answer", "memory write failed", "power lost in a write"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("FaultKind(%d)", uint8(k))
}

// Fault goes wrong once.
type Fault struct {
	// Exchange counts the exchanges from now: 1 is the next one. New
	// activations do not start the count again.
	Exchange int
	Kind     FaultKind
	Bit      int // of the answer frame, modulo its length in bits

	// Write is which write to the memory in this exchange FailWrite and TearWrite
	// meet, from 1; 0 is the first. Where it does not come to that, nothing happens.
	Write int
	// Cells is how many cells of the memory TearWrite lets be written: a value, a
	// block of data, a record. With 0 none is, and with all of them the old memory
	// still comes back at the next power-up, since the mark that ends the write is
	// missing; -1 is after that mark. A store gets the new memory then only.
	Cells int
	// Finish: a card that finishes at the next power-up what TearWrite has left,
	// instead of taking it back.
	Finish bool
}

// field is what carries exchanges between the card and its reader.
type field struct {
	mu         sync.Mutex
	present    bool
	activation uint64        // number of the living activation, 0 for none
	over       chan struct{} // closed when it ends
	last       uint64
	exchanges  int
	faults     []Fault
	latency    time.Duration
	ats        []byte        // of the activation; nil for the factory's
	lifts      int           // how often the card left
	changed    chan struct{} // closed at the next change of present
}

// Present puts the card into the field and activates it. An earlier activation
// is over. Where Return would fail, every exchange fails with its error.
func (c *Card) Present() *Activation {
	a := &Activation{card: c, done: make(chan struct{})}
	if a.refused = c.Return(); a.refused == nil {
		a.number.Store(c.activate())
	}
	return a
}

// InField reports whether the card lies in the field.
func (c *Card) InField() bool {
	c.field.mu.Lock()
	defer c.field.mu.Unlock()
	return c.field.present
}

// Presence yields whether the card is in the field, at once and then after
// every change, until ctx ends. Of changes that follow each other faster than
// they are taken only the last is yielded, but a card that was lifted and
// returned meanwhile is yielded as gone before it is yielded as here.
func (c *Card) Presence(ctx context.Context) iter.Seq[bool] {
	return func(yield func(bool) bool) {
		lifts, here := 0, false
		for {
			c.field.mu.Lock()
			present := c.field.present
			away := here && present && lifts != c.field.lifts
			lifts, here = c.field.lifts, present
			if c.field.changed == nil {
				c.field.changed = make(chan struct{})
			}
			changed := c.field.changed
			c.field.mu.Unlock()
			if away && !yield(false) || !yield(present) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	}
}

// activate powers the card up: it has forgotten everything volatile. It
// returns 0 if the card is not in the field.
func (c *Card) activate() uint64 {
	f := &c.field
	f.end() // an exchange under way gives up
	c.mu.Lock()
	defer c.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.present {
		return 0
	}
	f.endActivation()
	c.recover()
	f.last++
	f.activation, f.over = f.last, make(chan struct{})
	f.ats = c.nvm.config.ats
	c.powerOff()
	return f.activation
}

// TearBefore takes the power away in the nth exchange from now, before the
// card executes it.
func (c *Card) TearBefore(n int) { c.Inject(Fault{Exchange: n, Kind: LosePowerBefore}) }

// TearAfter takes the power away in the nth exchange from now, after the card
// has executed it and before it answers.
func (c *Card) TearAfter(n int) { c.Inject(Fault{Exchange: n, Kind: LosePowerAfter}) }

// Inject plans faults.
func (c *Card) Inject(faults ...Fault) {
	c.field.mu.Lock()
	defer c.field.mu.Unlock()
	for _, f := range faults {
		f.Exchange += c.field.exchanges
		c.field.faults = append(c.field.faults, f)
	}
}

// ClearFaults drops the faults that have not happened.
func (c *Card) ClearFaults() {
	c.field.mu.Lock()
	defer c.field.mu.Unlock()
	c.field.faults = nil
}

// SetLatency makes every exchange take so long.
func (c *Card) SetLatency(d time.Duration) {
	c.field.mu.Lock()
	defer c.field.mu.Unlock()
	c.field.latency = d
}

// Exchanges is how many exchanges the card has had.
func (c *Card) Exchanges() int {
	c.field.mu.Lock()
	defer c.field.mu.Unlock()
	return c.field.exchanges
}

// Activation is a card in a field, activated. It is a transport of the reader.
type Activation struct {
	card    *Card
	number  atomic.Uint64
	refused error // why the card did not get into the field
	once    sync.Once
	done    chan struct{}
	answer  []byte // the last one, the reader's until its next command
}

// Limits of frames: the card's own for D40 and EV1, which do not chain blocks;
// those of extended and short APDUs for later ones.
const (
	maxExtendedCommand  = 4 + 3 + 65535 + 2
	maxExtendedResponse = 65536 + 2
	maxShortResponse    = 256 + 2
)

// Limits returns how long command and answer frames may be, and that any
// framing will do, unless the card takes wrapped commands only.
func (a *Activation) Limits() (command, response int, framing wire.Framing) {
	switch g := a.card.gen; {
	case !g.Has(wire.FeatureClassic):
		return frame.MaxShort, maxShortResponse, wire.FramingWrapped
	case g.Has(wire.FeatureISOChaining):
		return maxExtendedCommand, maxExtendedResponse, wire.FramingAuto
	}
	return frame.MaxFrame, frame.MaxFrame, wire.FramingAuto
}

// ATR is what a PC/SC reader reports for the card, a copy.
func (a *Activation) ATR() []byte { return a.card.ATR() }

func (a *Activation) String() string { return a.card.String() }

// Close ends the activation for good.
func (a *Activation) Close() error {
	a.once.Do(func() { close(a.done) })
	return nil
}

func (a *Activation) closed() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// Reconnect activates the card afresh. It fails if the card was lifted or the
// Activation closed.
func (a *Activation) Reconnect(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if a.closed() {
		return &FieldError{Reason: "the activation was closed"}
	}
	n := a.card.activate()
	if n == 0 {
		return &FieldError{Reason: "no card in the field", gone: true}
	}
	a.number.Store(n)
	return nil
}

// Transmit carries one frame to the card and its answer back. The answer is
// valid until the next call.
func (a *Activation) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c := a.card
	if a.closed() {
		return nil, &FieldError{Reason: "the activation was closed"}
	}
	if err := ctx.Err(); err != nil {
		a.number.Store(0)
		return nil, &FieldError{Reason: err.Error(), Err: err}
	}
	if a.refused != nil && a.number.Load() == 0 {
		return nil, &FieldError{Reason: a.refused.Error(), Err: a.refused}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fault, latency, over, err := c.field.begin(a.number.Load())
	if err != nil {
		return nil, err
	}
	if f, ok := ctx.Value(faultOf{}).(*airFault); ok {
		c.atWrite = f.atWrite
		if fault.Kind == 0 {
			fault = f.Fault
		}
	}
	c.fault, c.writesNow, c.torn = fault, 0, false
	defer func() { c.fault, c.atWrite = Fault{}, nil }()
	if latency > 0 {
		t := time.NewTimer(latency)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			a.number.Store(0)
			return nil, &FieldError{Reason: ctx.Err().Error(), Err: ctx.Err(), sent: true}
		case <-a.done:
			return nil, &FieldError{Reason: "the activation was closed in the middle of an exchange", sent: true}
		case <-over:
			return nil, &FieldError{Reason: "the field was lost", sent: true, gone: true}
		}
	}
	switch fault.Kind {
	case LosePowerBefore:
		c.loseField()
		return nil, &FieldError{Reason: "the field was lost", sent: true, gone: true}
	case CutCommand:
		return nil, &FieldError{Reason: "the card does not answer", sent: true}
	}
	if c.expired() {
		c.loseField()
		return nil, &FieldError{Reason: "the card's transaction timer has run out", sent: true}
	}
	answer := c.exchange(command)
	c.wipeEnded()
	if c.torn {
		fault.Kind = LosePowerAfter
	}
	if c.field.lifted(a.number.Load()) {
		fault.Kind = LosePowerAfter
	}
	switch fault.Kind {
	case LosePowerAfter:
		c.loseField()
		return nil, &FieldError{Reason: "the field was lost", sent: true, gone: true}
	case LoseAnswer:
		return nil, &FieldError{Reason: "the answer was lost", sent: true}
	case CutAnswer:
		answer = answer[:len(answer)-1]
	case FlipAnswerBit:
		n := 8 * len(answer)
		bit := ((fault.Bit % n) + n) % n
		answer[bit/8] ^= 0x80 >> (bit % 8)
	}
	a.answer = append(a.answer[:0], answer...) // the card's own belongs to whoever activates it next
	return a.answer, nil
}

// begin counts an exchange of an activation and tells what goes wrong in it.
func (f *field) begin(activation uint64) (Fault, time.Duration, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.present:
		return Fault{}, 0, nil, &FieldError{Reason: "no card in the field", gone: true}
	case activation == 0 || activation != f.activation:
		return Fault{}, 0, nil, &FieldError{Reason: "the activation is over: reconnect"}
	}
	f.exchanges++
	if len(f.faults) > 0 {
		if i := slices.IndexFunc(f.faults, func(x Fault) bool { return x.Exchange == f.exchanges }); i >= 0 {
			fault := f.faults[i]
			f.faults = slices.Delete(f.faults, i, i+1)
			return fault, f.latency, f.over, nil
		}
	}
	return Fault{}, f.latency, f.over, nil
}

// loseField is a loss of power in an exchange.
func (c *Card) loseField() {
	c.field.end()
	c.powerOff()
}

// end is a loss of power.
func (f *field) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.endActivation()
}

func (f *field) endActivation() {
	if f.activation != 0 {
		f.activation = 0
		close(f.over)
	}
}

// lifted reports whether an activation ended meanwhile.
func (f *field) lifted(activation uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.activation != activation
}
