package trace

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-desfire/desfire/wire"
)

// Player replays a recording as a transport: it answers each command with the
// recorded answer if the command is the recorded one, but for what was cut of
// it. After a mismatch, or an answer that was cut, every call fails.
type Player struct {
	rec *Recording

	mu   sync.Mutex
	next int
	err  error
}

// NewPlayer replays rec from its first exchange. It keeps rec, which must not
// change meanwhile.
func NewPlayer(rec *Recording) *Player { return &Player{rec: rec} }

// MismatchError says that a command is not the one that was recorded.
type MismatchError struct {
	Exchange  int    // index in the recording
	Got, Want []byte // Want is nil at the end of the recording
	At        int    // first byte that differs
}

func (e *MismatchError) Error() string {
	if e.Want == nil {
		return fmt.Sprintf("trace: replay: the recording ends before exchange %d, command sent was %s", e.Exchange, nameOfFrame(e.Got))
	}
	got, want := nameOfFrame(e.Got), nameOfFrame(e.Want)
	if got != want {
		return fmt.Sprintf("trace: replay: exchange %d: recorded is %s, command sent was %s", e.Exchange, want, got)
	}
	if len(e.Got) != len(e.Want) && e.At == min(len(e.Got), len(e.Want)) {
		return fmt.Sprintf("trace: replay: exchange %d (%s): recorded are %d bytes, sent were %d", e.Exchange, want, len(e.Want), len(e.Got))
	}
	return fmt.Sprintf("trace: replay: exchange %d (%s): byte %d of %d is %02X, recorded is %02X",
		e.Exchange, want, e.At, len(e.Got), e.Got[e.At], e.Want[e.At])
}

// Sent reports false: no card saw the command.
func (e *MismatchError) Sent() bool { return false }

// CutError says that an answer cannot be replayed, since the recorder cut it:
// it would have told a key.
type CutError struct {
	Exchange int // index in the recording
}

func (e *CutError) Error() string {
	return fmt.Sprintf("trace: replay: the answer of exchange %d was cut from the recording, since it would tell a key", e.Exchange)
}

// is reports whether command is the recorded one, as far as that was kept.
func (e *Exchange) is(command []byte) bool {
	if len(command) != len(e.Command) {
		return false
	}
	for i := range command {
		if command[i] != e.Command[i] && !e.CutCommand.at(i) {
			return false
		}
	}
	return true
}

// Transmit answers the next exchange of the recording, with a copy.
func (p *Player) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil && p.err == nil {
		p.err = err
	}
	if p.err != nil {
		return nil, p.err
	}
	if p.next == len(p.rec.Exchanges) {
		p.err = &MismatchError{Exchange: p.next, Got: append([]byte(nil), command...)}
		return nil, p.err
	}
	e := &p.rec.Exchanges[p.next]
	if !e.is(command) {
		at := 0
		for at < min(len(command), len(e.Command)) && (command[at] == e.Command[at] || e.CutCommand.at(at)) {
			at++
		}
		p.err = &MismatchError{Exchange: p.next, Got: append([]byte(nil), command...), Want: append([]byte(nil), e.Command...), At: at}
		return nil, p.err
	}
	if e.CutResponse.Len() > 0 {
		p.err = &CutError{p.next}
		return nil, p.err
	}
	p.next++
	if e.Failed != "" {
		return nil, errors.New(e.Failed)
	}
	return append([]byte(nil), e.Response...), nil
}

// Reconnect counts as the activation that the recording has at this place. It
// fails if there is none.
func (p *Player) Reconnect(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next > 0 && p.next < len(p.rec.Exchanges) && !p.rec.Exchanges[p.next].Reset {
		return fmt.Errorf("trace: replay: the recording has no new activation before exchange %d", p.next)
	}
	return nil
}

// Close reports what of the recording was not used, or the mismatch that ended
// the replay.
func (p *Player) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if n := len(p.rec.Exchanges) - p.next; n > 0 {
		return fmt.Errorf("trace: replay: %d of %d exchanges were not used, the next is %s",
			n, len(p.rec.Exchanges), nameOfFrame(p.rec.Exchanges[p.next].Command))
	}
	return nil
}

// Next is the index of the exchange that comes next.
func (p *Player) Next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.next
}

// ATR is a copy of the recorded card's.
func (p *Player) ATR() []byte { return append([]byte(nil), p.rec.Card.ATR...) }

// Limits asks for the framing of the recording.
func (p *Player) Limits() (command, response int, framing wire.Framing) {
	if p.rec.Framing == Native {
		return 0, 0, wire.FramingNative
	}
	return 0, 0, wire.FramingWrapped
}

func (p *Player) String() string { return "replay of " + p.rec.ID }
