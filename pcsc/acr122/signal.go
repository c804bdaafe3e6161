package acr122

import (
	"context"
	"fmt"
	"time"
)

// Lamp is what one half of the two-coloured light does.
type Lamp struct {
	Set, On       bool // Set: in the end it is On. Else it is as it was
	Blink, Begins bool // Blink: it blinks before, and Begins lit or dark
}

// Buzzer says when the buzzer sounds.
type Buzzer byte

// The parts of a blink in which the buzzer sounds.
const (
	Silent Buzzer = iota
	First
	Second
	Both
)

// Signal is what light and buzzer do: Times blinks of two parts each, in which the
// lamps that blink alternate and the buzzer sounds, then a lasting state. The zero
// value asks for the state.
//
// In a session with a card, which Conn.Control keeps, a second is long: a driver may
// give up on an answer that takes longer, and the connection with it.
type Signal struct {
	Red, Green    Lamp
	First, Second time.Duration // the parts of a blink, in steps of 100 ms up to 25.5 s
	Times         int           // 0 to 255
	Buzzer        Buzzer
}

// longest is how long a signal may last: the reader answers nothing meanwhile, and
// the driver of Linux waits 30 s for the answer to an escape command.
const longest = 25 * time.Second

// Validate tells what in a Signal no command can say.
func (s Signal) Validate() error {
	_, err := s.command()
	return err
}

// command is section 6.2.
func (s Signal) command() ([]byte, error) {
	const step = 100 * time.Millisecond
	for _, d := range [...]time.Duration{s.First, s.Second} {
		if d < 0 || d > 0xFF*step || d%step != 0 {
			return nil, fmt.Errorf("a part of %v: want a multiple of %v up to %v", d, step, 0xFF*step)
		}
	}
	switch {
	case s.Times < 0 || s.Times > 0xFF:
		return nil, fmt.Errorf("%d times: want 0 to 255", s.Times)
	case s.Buzzer > Both:
		return nil, fmt.Errorf("buzzer %d: want 0 to 3", s.Buzzer)
	case time.Duration(s.Times)*(s.First+s.Second) > longest:
		return nil, fmt.Errorf("the signal lasts %v: want %v at the most", time.Duration(s.Times)*(s.First+s.Second), longest)
	}
	var state byte
	for i, lamp := range [...]Lamp{s.Red, s.Green} {
		for bit, on := range [...]bool{lamp.On && lamp.Set, lamp.Set, lamp.Begins && lamp.Blink, lamp.Blink} {
			if on {
				state |= 1 << (2*bit + i)
			}
		}
	}
	return []byte{0xFF, 0x00, 0x40, state, 0x04, byte(s.First / step), byte(s.Second / step), byte(s.Times), byte(s.Buzzer)}, nil
}

// Lit is which lamps are lit.
type Lit struct{ Red, Green bool }

// Signal has light and buzzer do something and returns which lamps are lit then.
func (r *Reader) Signal(ctx context.Context, s Signal) (Lit, error) {
	command, err := s.command()
	if err != nil {
		return Lit{}, err
	}
	answer, err := r.ask(ctx, "signal", command, []byte{0x90}, 1)
	if err != nil {
		return Lit{}, err
	}
	return Lit{Red: answer[0]&1 != 0, Green: answer[0]&2 != 0}, nil
}

// Sound is a Signal of the buzzer alone: a number of times, for d each, with as much
// silence between.
func Sound(d time.Duration, times int) Signal {
	s := Signal{First: d, Times: times, Buzzer: First}
	if times > 1 {
		s.Second = d
	}
	return s
}

// Beep sounds the buzzer, see Sound.
func (r *Reader) Beep(ctx context.Context, d time.Duration, times int) error {
	if d == 0 || times == 0 {
		return fmt.Errorf("%d sounds of %v are none", times, d)
	}
	_, err := r.Signal(ctx, Sound(d, times))
	return err
}
