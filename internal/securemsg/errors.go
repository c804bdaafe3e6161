package securemsg

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// What is wrong with a message, for errors.Is. A card answers ErrLength with
// LENGTH_ERROR, ErrIntegrity with INTEGRITY_ERROR.
var (
	ErrIntegrity = errors.New("MAC, CRC or padding is wrong")
	ErrLength    = errors.New("the length is wrong")
	ErrClosed    = errors.New("the session has ended")
)

// Error says which message a channel refused and why. It has no data in it.
type Error struct {
	Scheme wire.Scheme
	Side   Side
	Code   byte // INS or status
	Reason string
	Err    error // ErrIntegrity, ErrLength, ErrClosed or nil
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v session, %v, message %02X: %s", e.Scheme, e.Side, e.Code, e.Reason)
}

func (e *Error) Unwrap() error { return e.Err }

// state is what all channels have.
type state struct {
	info Info
	end  Side
	dead bool
}

func (s *state) Info() Info { return s.info }
func (s *state) side() Side { return s.end }

// Format prints method, key number and counters.
func (s *state) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%v %s session, key %d, TI %X, counter %d", s.end, s.info.Method, s.info.KeyNo, s.info.TI, s.info.Counter)
}

// A reader seals commands and opens answers; a card the other way round.

func (s *state) sealsCommands() bool { return s.end == PCD }
func (s *state) opensCommands() bool { return s.end == PICC }

func (s *state) usable(m Message) error {
	if s.dead {
		return s.fail(m, ErrClosed, "the session has ended")
	}
	return nil
}

func (s *state) fail(m Message, kind error, format string, args ...any) error {
	return &Error{Scheme: s.info.Scheme, Side: s.end, Code: m.Code, Reason: fmt.Sprintf(format, args...), Err: kind}
}

// broken is fail for Open: the channel is dead from here on.
func (s *state) broken(m Message, kind error, format string, args ...any) error {
	s.dead = true
	return s.fail(m, kind, format, args...)
}
