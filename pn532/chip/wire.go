package chip

import (
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Fault is what happens to bytes on a Wire.
type Fault uint8

// Faults. They happen to what one Write of either side carried: a frame, if nothing was
// joined or split on the way.
const (
	Lose    Fault = iota + 1 // nothing arrives
	Double                   // it arrives twice
	Cut                      // its end does not arrive
	Behead                   // its beginning does not arrive
	Garbage                  // other bytes arrive before it
	Tail                     // other bytes arrive after it
	Flip                     // one bit is wrong
	LoseACK                  // it does not arrive if it is an ACK
	Delay                    // it arrives later
	Again                    // it arrives, and once more later
)

// Faults that are all but LoseACK, Delay and Again.
func Faults() []Fault { return []Fault{Lose, Double, Cut, Behead, Garbage, Tail, Flip} }

// WireConfig is what goes wrong on a Wire by chance. The zero value is a good line.
type WireConfig struct {
	Seed  uint64
	ToEnd float64 // how likely a fault of what is read from the line is, 0 to 1
	Back  float64 // and of what is written to it
	Kinds []Fault // those that happen; nil is Faults()
	// Sleep is what Delay and Again do; nil is time.Sleep. They ask for up to 20 ms.
	Sleep func(time.Duration)
}

// Wire is a line on which things go wrong. It is put around the line of the chip's end, for whose writes are whole frames;
// around that of the host's end it works as well. One goroutine may read while another writes.
type Wire struct {
	line io.ReadWriter
	conf WireConfig

	mu      sync.Mutex
	random  *rand.Rand
	dead    bool
	calm    bool
	toEnd   []Fault // that are planned
	back    []Fault
	pending []byte // read, not yet taken
	again   []byte // to be read after that, and a pause
	pause   time.Duration
	counts  map[Fault]int
}

// NewWire makes a wire of a line.
func NewWire(line io.ReadWriter, conf *WireConfig) *Wire {
	w := &Wire{line: line, counts: make(map[Fault]int)}
	if conf != nil {
		w.conf = *conf
	}
	if w.conf.Kinds == nil {
		w.conf.Kinds = Faults()
	}
	if w.conf.Sleep == nil {
		w.conf.Sleep = time.Sleep
	}
	w.random = rand.New(rand.NewPCG(w.conf.Seed, 532))
	return w
}

// PlanRead plans what happens to what is read next, one each; 0 is nothing.
func (w *Wire) PlanRead(faults ...Fault) { w.plan(&w.toEnd, faults) }

// PlanWrite plans what happens to what is written next, one each; 0 is nothing. LoseACK waits for an
// ACK.
func (w *Wire) PlanWrite(faults ...Fault) { w.plan(&w.back, faults) }

func (w *Wire) plan(to *[]Fault, faults []Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*to = append(*to, faults...)
}

// Die swallows all that comes from either side, until Revive.
func (w *Wire) Die() { w.set(&w.dead, true) }

// Revive ends Die.
func (w *Wire) Revive() { w.set(&w.dead, false) }

// Calm ends faults by chance, and Storm begins them again.
func (w *Wire) Calm() { w.set(&w.calm, true) }

// Storm ends Calm.
func (w *Wire) Storm() { w.set(&w.calm, false) }

func (w *Wire) set(what *bool, to bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*what = to
}

// Counts is how often each fault has happened.
func (w *Wire) Counts() map[Fault]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	counts := make(map[Fault]int, len(w.counts))
	for f, n := range w.counts {
		counts[f] = n
	}
	return counts
}

// Read reads from the line.
func (w *Wire) Read(p []byte) (int, error) {
	for len(p) > 0 {
		if len(w.pending) > 0 {
			n := copy(p, w.pending)
			w.pending = w.pending[n:]
			return n, nil
		}
		if w.again != nil {
			w.conf.Sleep(w.pause)
			w.pending, w.again = w.again, nil
			continue
		}
		var buf [1024]byte
		n, err := w.line.Read(buf[:])
		if n > 0 {
			if w.pending, w.pause = w.spoil(slices.Clone(buf[:n]), &w.toEnd, w.conf.ToEnd); w.pause > 0 {
				w.again = slices.Clone(w.pending)
			}
		}
		if err != nil && len(w.pending) == 0 {
			return 0, err
		}
	}
	return 0, nil
}

// Write writes to the line. What is lost is as good as written.
func (w *Wire) Write(p []byte) (int, error) {
	out, again := w.spoil(slices.Clone(p), &w.back, w.conf.Back)
	if len(out) == 0 {
		return len(p), nil
	}
	if _, err := w.line.Write(out); err != nil {
		return 0, err
	}
	if again > 0 {
		w.conf.Sleep(again)
		if _, err := w.line.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close closes the line, if it can be closed.
func (w *Wire) Close() error {
	if c, ok := w.line.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// spoil returns what arrives of b, and, if that arrives once more, after which time.
func (w *Wire) spoil(b []byte, planned *[]Fault, likely float64) (out []byte, again time.Duration) {
	w.mu.Lock()
	if w.dead {
		w.mu.Unlock()
		return nil, 0
	}
	f := w.choose(b, planned, likely)
	if f != 0 {
		w.counts[f]++
	}
	var wait time.Duration
	switch f {
	case Lose, LoseACK:
		b = nil
	case Double:
		b = append(b, b...)
	case Cut:
		b = b[:w.random.IntN(len(b))]
	case Behead:
		b = b[1+w.random.IntN(len(b)):]
	case Garbage:
		b = append(w.garbage(), b...)
	case Tail:
		b = append(b, w.garbage()...)
	case Flip:
		b[w.random.IntN(len(b))] ^= 1 << w.random.IntN(8)
	case Delay:
		wait = w.while()
	case Again:
		again = w.while()
	}
	w.mu.Unlock()
	if wait > 0 {
		w.conf.Sleep(wait)
	}
	return b, again
}

// while is how long something takes that is late.
func (w *Wire) while() time.Duration {
	return time.Duration(1 + w.random.Int64N(int64(20*time.Millisecond)))
}

func (w *Wire) choose(b []byte, planned *[]Fault, likely float64) Fault {
	if len(*planned) > 0 {
		f := (*planned)[0]
		if f == LoseACK && string(b) != string(frameACK) {
			return 0
		}
		*planned = (*planned)[1:]
		return f
	}
	if w.calm || likely <= 0 || w.random.Float64() >= likely {
		return 0
	}
	f := w.conf.Kinds[w.random.IntN(len(w.conf.Kinds))]
	if f == LoseACK && string(b) != string(frameACK) {
		return 0
	}
	return f
}

// garbage is 1 to 40 bytes, among them what looks like the start of a frame.
func (w *Wire) garbage() []byte {
	b := make([]byte, 1+w.random.IntN(40))
	for i := range b {
		b[i] = []byte{0x00, 0xFF, 0xD4, 0xD5, byte(w.random.Uint32()), byte(w.random.Uint32())}[w.random.IntN(6)]
	}
	return b
}
