package play

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Tear is when a card loses its power.
type Tear string

// Tears.
const (
	TearNever  Tear = ""
	TearBefore Tear = "before" // in the next commit, before the card has done it
	TearAfter  Tear = "after"  // in the next commit, after it was done and before it is told
)

// plans are what will go wrong.
type plans struct {
	tear   Tear
	bend   bool
	faults *sim.Faults
}

// TearError says that a word is no Tear.
type TearError struct{ Word string }

func (e *TearError) Error() string {
	return fmt.Sprintf("tear %q: want before, after, or nothing", e.Word)
}

// Tear takes the card's power away, and the card off the reader, in the next
// CommitTransaction: once. TearNever takes that back. The error is a *TearError.
func (b *Bench) Tear(when Tear) error {
	var words string
	switch when {
	case TearNever:
		words = "The next commit is left alone."
	case TearBefore:
		words = "The card will be torn out in the next commit, before it has committed."
	case TearAfter:
		words = "The card will be torn out in the next commit, after it has committed and before it can say so."
	default:
		return &TearError{string(when)}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lying.plans.tear != when {
		b.lying.plans.tear = when
		b.happened(Planned, words)
	}
	return nil
}

// Bend makes one bit of the next answer wrong, or takes that back.
func (b *Bench) Bend(yes bool) {
	words := "One bit of the card's next answer will be wrong."
	if !yes {
		words = "The next answer is left alone."
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lying.plans.bend != yes {
		b.lying.plans.bend = yes
		b.happened(Planned, words)
	}
}

// SetFaults makes things go wrong as a text says (sim.ParseFaults), with the card that
// lies there, until others are set; an empty text ends them. Its errors are
// *sim.FaultSyntaxError.
func (b *Bench) SetFaults(text string) error {
	var faults *sim.Faults
	words := "No faults happen by themselves any more."
	if text != "" {
		var err error
		if faults, err = sim.ParseFaults(text); err != nil {
			return err
		}
		if faults.KeepPower {
			return &sim.FaultSyntaxError{Text: "keep-power", Reason: "the card on the bench loses its power with each new connection"}
		}
		faults.Observe = func(e sim.FaultEvent) { b.say(Fault, fmt.Sprintf("In %s: %s.", commandName(e.INS), e.Fault)) }
		words = "Faults from now on: " + faults.String() + "."
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lying.plans.faults = faults
	b.happened(Planned, words)
	return nil
}

// meet decides about an exchange with a card.
func (b *Bench) meet(ctx context.Context, l *lying, x *sim.Exchange) ([]byte, error) {
	b.mu.Lock()
	when, faults := l.plans.tear, l.plans.faults
	if x.INS != wire.InsCommitTransaction {
		when = TearNever
	}
	b.mu.Unlock()
	if when != TearNever {
		return b.tear(l, x, when)
	}
	var answer []byte
	var err error
	writes := l.card.Writes()
	if faults != nil {
		answer, err = faults.Meet(ctx, x)
	} else {
		answer, err = x.Pass()
	}
	if err != nil || len(answer) == 0 {
		return answer, err
	}
	if b.latency != nil {
		if err := x.Wait(b.latency.Exchange(len(x.Command), len(answer), l.card.Writes()-writes)); err != nil {
			return nil, err
		}
	}
	return b.bend(l, x, answer)
}

// tear takes the card away in a commit.
func (b *Bench) tear(l *lying, x *sim.Exchange, when Tear) ([]byte, error) {
	kind, words := sim.LosePowerBefore, "The card is torn out in CommitTransaction, before it has committed."
	if when == TearAfter {
		kind, words = sim.LosePowerAfter, "The card is torn out in CommitTransaction, after it has committed: nobody hears of it."
	}
	answer, err := x.PassWith(sim.Fault{Kind: kind})
	b.change.Lock()
	defer b.change.Unlock()
	l.reader.Lift()
	b.mu.Lock()
	defer b.mu.Unlock()
	l.plans.tear = TearNever
	l.away, l.torn = true, true
	b.happened(Torn, words)
	return answer, err
}

// bend makes a bit of an answer wrong, if that is planned.
func (b *Bench) bend(l *lying, x *sim.Exchange, answer []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !l.plans.bend {
		return answer, nil
	}
	l.plans.bend = false
	bit := b.chance(8 * len(answer))
	answer = slices.Clone(answer)
	answer[bit/8] ^= 1 << (bit % 8)
	b.happened(Bent, fmt.Sprintf("Bit %d of byte %d of %d is wrong in the answer to %s.", bit%8, bit/8+1, len(answer), commandName(x.INS)))
	return answer, nil
}

// chance is a number below n, which is at most 2^16.
func (b *Bench) chance(n int) int {
	var r [4]byte
	if _, err := io.ReadFull(b.rand, r[:]); err != nil {
		return 0
	}
	return int((uint64(r[0])<<24 | uint64(r[1])<<16 | uint64(r[2])<<8 | uint64(r[3])) % uint64(n))
}

// commandName is what a command is called.
func commandName(ins byte) string {
	for _, class := range []wire.Class{wire.ClassNative, wire.ClassISO} {
		if s := wire.Find(class, ins, ""); s != nil {
			return s.Name
		}
	}
	for s := range wire.Commands() {
		if s.INS == ins {
			return s.Name
		}
	}
	return fmt.Sprintf("the command %02X", ins)
}
