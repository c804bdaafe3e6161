// Package fuzzair is for tests: the air between a reader and a simulated card,
// driven by the input of a fuzz target.
package fuzzair

import (
	"bytes"
	"context"

	"github.com/go-desfire/desfire/sim"
)

// Kind is what the air does with an exchange.
type Kind uint8

const (
	DropCommand   Kind = iota // the card sees nothing, the reader no answer
	Unsent                    // as that, and the reader knows
	DropAnswer                // the card did it, the reader sees no answer
	CutAnswer                 // to Arg bytes
	GrowAnswer                // by Arg bytes
	FlipAnswer                // bit Arg, counted from the start
	FlipEnd                   // bit Arg, counted from the end
	Replay                    // the answer of Arg exchanges before, the card does the command
	ReplayInstead             // as that, the card sees nothing
	Forge                     // a status and data of Arg, the card does the command
	ForgeInstead              // as that, the card sees nothing
	CutCommand                // to Arg bytes
	FlipCommand               // bit Arg
	Twice                     // the card gets the command twice, the reader the second answer
	Insert                    // a command of the air's own comes first
	Hold                      // the card gets the command with a later exchange
	HoldAnswer                // the reader gets the answer before, and this one next
	PowerBefore               // the card loses power, the command has not reached it
	PowerAfter                // the card loses power, the command was done
	FailWrite                 // the card's memory fails
	kinds
)

// Statuses are those that are forged; Arg picks one.
var Statuses = [...]uint16{
	0x9100, 0x91AF, 0x910C, 0x919D, 0x91AE, 0x917E, 0x91BE, 0x91CA, 0x911E, 0x91A0, 0x91F0, 0x9140, 0x91EE, 0x9142, 0x9190, 0x9000, 0x6A82, 0x6F00, 0x0000, 0x911C,
}

// Inserted are the commands of the air's own; Arg picks one.
var Inserted = [...]string{
	"\x90\xC7\x00\x00\x00", "\x90\xA7\x00\x00\x00", "\x00\x84\x00\x00\x08", "\x90\x60\x00\x00\x00", "\x90\xAA\x00\x00\x01\x01\x00",
	"\x90\x5A\x00\x00\x03\x00\x00\x00\x00", "\x90\x71\x00\x00\x02\x01\x00\x00", "\x90\xAF\x00\x00\x00", "\x90\x6C\x00\x00\x01\x03\x00",
}

// Move is one thing that the air does.
type Move struct {
	After int // so many exchanges after the move before
	Kind  Kind
	Arg   int
}

// Moves reads moves, three bytes each, at most most of them.
func Moves(in []byte, most int) (list []Move) {
	for ; len(in) >= 3 && len(list) < most; in = in[3:] {
		list = append(list, Move{int(in[0]) % 24, Kind(in[1]) % kinds, int(in[2])})
	}
	return list
}

// Seen is an exchange as the reader saw it and as it was.
type Seen struct {
	Command, Answer []byte // of the reader, and what it was shown; nil for none
	Real            []byte // what the card answered to the last command that it got; nil for none
	Move            *Move  // nil: the air did nothing
}

// Lie reports whether what the reader saw is not the card's answer to its
// command, or the card saw another command than that, or more.
func (s *Seen) Lie() bool {
	if s.Move == nil {
		return false
	}
	switch s.Move.Kind {
	case CutCommand, FlipCommand, Twice, Insert:
		return true
	}
	return s.Answer != nil && !bytes.Equal(s.Answer, s.Real)
}

// Air stands between a reader and a card. It is for one goroutine.
type Air struct {
	Card *sim.Card
	Act  *sim.Activation
	Log  []Seen
	// Alone is called where the card got a command that the reader did not send
	// now: an inserted, a repeated, an altered or a late one. before is the
	// memory as it was then.
	Alone func(before *sim.Image, command []byte, late bool)

	moves  []Move
	wait   int
	dead   bool
	held   [][]byte
	queued []byte
}

// New stands before a card.
func New(card *sim.Card, moves []Move) *Air {
	a := &Air{Card: card, Act: card.Present()}
	a.Play(moves)
	return a
}

// Play gives the air what it does from now on.
func (a *Air) Play(moves []Move) {
	a.moves, a.wait = moves, 0
	if len(moves) > 0 {
		a.wait = moves[0].After
	}
}

// Fault is the error of an exchange that had no answer.
type Fault struct {
	text string
	sent bool
}

func (f *Fault) Error() string { return f.text }

// Sent reports whether the command may have reached the card.
func (f *Fault) Sent() bool { return f.sent }

// Reconnect makes an end of a broken connection.
func (a *Air) Reconnect(ctx context.Context) error {
	a.dead = false
	return a.Act.Reconnect(ctx)
}

// Transmit implements the transport of a reader.
func (a *Air) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := Seen{Command: bytes.Clone(command)}
	answer, err := a.transmit(ctx, &s)
	s.Answer = answer
	if err != nil {
		s.Answer = nil
	}
	a.Log = append(a.Log, s)
	return bytes.Clone(answer), err
}

func (a *Air) give(ctx context.Context, s *Seen, command []byte) ([]byte, error) {
	answer, err := a.Act.Transmit(ctx, command)
	s.Real = bytes.Clone(answer)
	return s.Real, err
}

// alone gives the card a command of the air's own.
func (a *Air) alone(ctx context.Context, s *Seen, command []byte, late bool) (answer []byte, err error) {
	var before *sim.Image
	if a.Alone != nil {
		before = a.Card.Image()
	}
	answer, err = a.give(ctx, s, command)
	if a.Alone != nil {
		a.Alone(before, command, late)
	}
	return answer, err
}

// Late gives the card the commands that were held back.
func (a *Air) Late(ctx context.Context) {
	held := a.held
	a.held = nil
	for _, command := range held {
		_, _ = a.alone(ctx, new(Seen), command, true)
	}
}

func (a *Air) transmit(ctx context.Context, s *Seen) ([]byte, error) {
	if a.dead {
		return nil, &Fault{"the connection is finished", false}
	}
	if len(a.moves) == 0 || a.wait > 0 {
		a.wait--
		if a.queued != nil { // one answer late
			old := a.queued
			if _, err := a.give(ctx, s, s.Command); err != nil {
				return nil, err
			}
			a.queued = nil
			s.Move = &Move{Kind: HoldAnswer}
			return old, nil
		}
		if len(a.moves) == 0 {
			a.Late(ctx)
		}
		return a.give(ctx, s, s.Command)
	}
	m := a.moves[0]
	a.Play(a.moves[1:])
	s.Move = &m
	lost := &Fault{"no answer", true}
	switch m.Kind {
	case DropCommand:
		a.dead = m.Arg%2 == 1
		return nil, lost
	case Unsent:
		a.dead = m.Arg%2 == 1
		return nil, &Fault{"nothing was sent", false}
	case Hold:
		a.held = append(a.held, s.Command)
		return nil, lost
	case ReplayInstead:
		return a.earlier(m.Arg), nil
	case ForgeInstead:
		return forged(m.Arg), nil
	case PowerBefore:
		a.Card.TearBefore(1)
	case PowerAfter:
		a.Card.TearAfter(1)
	case FailWrite:
		a.Card.Inject(sim.Fault{Exchange: 1, Kind: sim.FailWrite})
	case Insert:
		if _, err := a.alone(ctx, s, []byte(Inserted[m.Arg%len(Inserted)]), false); err != nil {
			return nil, err
		}
	case Twice:
		if _, err := a.give(ctx, s, s.Command); err != nil {
			return nil, err
		}
		return a.alone(ctx, s, s.Command, false)
	case CutCommand:
		return a.alone(ctx, s, s.Command[:min(m.Arg, len(s.Command))], false)
	case FlipCommand:
		c := bytes.Clone(s.Command)
		c[m.Arg/8%len(c)] ^= 1 << (m.Arg % 8)
		return a.alone(ctx, s, c, false)
	}
	real, err := a.give(ctx, s, s.Command)
	if err != nil {
		a.dead = true
		return nil, err
	}
	shown := bytes.Clone(real)
	switch m.Kind {
	case DropAnswer:
		a.dead = m.Arg%2 == 1
		return nil, lost
	case CutAnswer:
		shown = shown[:min(m.Arg%32, len(shown))]
	case GrowAnswer:
		shown = append(bytes.Repeat([]byte{byte(m.Arg)}, 1+m.Arg%40), shown...)
	case FlipAnswer, FlipEnd:
		if len(shown) > 0 {
			at := m.Arg / 8 % len(shown)
			if m.Kind == FlipEnd {
				at = len(shown) - 1 - at
			}
			shown[at] ^= 1 << (m.Arg % 8)
		}
	case Replay:
		shown = a.earlier(m.Arg)
	case Forge:
		shown = forged(m.Arg)
	case HoldAnswer:
		a.queued = shown
		shown = a.earlier(0)
	}
	return shown, nil
}

// earlier is an answer that was given before.
func (a *Air) earlier(back int) []byte {
	var answers [][]byte
	for _, s := range a.Log {
		if s.Real != nil {
			answers = append(answers, s.Real)
		}
	}
	if len(answers) == 0 {
		return []byte{0x91, 0xAE}
	}
	return answers[len(answers)-1-back%len(answers)]
}

// forged is an answer that is made up.
func forged(arg int) []byte {
	s := Statuses[arg%len(Statuses)]
	data := bytes.Repeat([]byte{byte(arg)}, [...]int{0, 8, 4, 16, 1, 24, 7, 28, 32, 12, 29, 0, 3}[arg/len(Statuses)%13])
	return append(data, byte(s>>8), byte(s))
}
