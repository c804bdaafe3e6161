package mobile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-desfire/desfire/wire"
)

// field is what a fake phone holds a card into: sim.Card and transporttest have it.
type field interface {
	Transmit(ctx context.Context, command []byte) ([]byte, error)
}

// air is what lies between the phone and the card. It counts exchanges, and takes the card away at one of them.
type air struct {
	card   field
	lift   func() // ends the card's field; may be nil
	loseAt int    // number of the exchange, from 1, at which the card leaves; 0: never
	after  bool   // the card executes that one first

	mu     sync.Mutex
	count  int
	gone   bool
	closed bool
	end    context.CancelFunc
	ctx    context.Context
}

func newAir(card field, lift func()) *air {
	a := &air{card: card, lift: lift}
	a.ctx, a.end = context.WithCancel(context.Background())
	return a
}

var (
	errTagLost = errors.New("android.nfc.TagLostException: Tag was lost.") //nolint:staticcheck // as Android says it
	errIO      = errors.New("java.io.IOException: Transceive failed")
	errState   = errors.New("java.lang.IllegalStateException: Call connect() first!") //nolint:staticcheck // as Android says it
)

// carry sends one frame, as the rules of the air are.
func (a *air) carry(command []byte) ([]byte, error) {
	a.mu.Lock()
	switch {
	case a.closed:
		a.mu.Unlock()
		return nil, errState
	case a.gone:
		a.mu.Unlock()
		return nil, errTagLost
	}
	a.count++
	lost := a.count == a.loseAt
	if lost {
		a.gone = true
	}
	a.mu.Unlock()
	if lost && !a.after {
		a.leave()
		return nil, errTagLost
	}
	answer, err := a.card.Transmit(a.ctx, command)
	switch {
	case a.ctx.Err() != nil:
		return nil, errIO
	case lost:
		a.leave()
		return nil, errTagLost
	case err != nil:
		return nil, err
	}
	return bytes.Clone(answer), nil
}

func (a *air) leave() {
	if a.lift != nil {
		a.lift()
	}
}

// Present is isConnected.
func (a *air) Present() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.gone && !a.closed
}

// Close ends an exchange under way with an error.
func (a *air) Close() {
	a.mu.Lock()
	twice := a.closed
	a.closed = true
	a.mu.Unlock()
	if twice {
		panic("Close was called twice")
	}
	a.end()
	a.leave()
}

// isoDep is Android's IsoDep: connect first, frames up to a length, one at a time.
type isoDep struct {
	*air
	max       int
	connected bool
	turn      sync.Mutex
}

func (d *isoDep) MaxLength() int { return d.max }

func (d *isoDep) Transceive(command []byte) ([]byte, error) {
	switch {
	case !d.connected:
		return nil, errState
	case len(command) > d.max:
		return nil, errors.New("java.io.IOException: Transceive length exceeds supported maximum")
	case !d.turn.TryLock():
		return nil, errors.New("java.lang.IllegalStateException: two threads at once")
	}
	defer d.turn.Unlock()
	given := bytes.Clone(command)
	answer, err := d.carry(given)
	if !bytes.Equal(given, command) {
		panic("the command was changed while it was on its way")
	}
	return answer, err
}

// tag7816 is Core NFC's NFCISO7816Tag: fields of an APDU, and a session that the phone ends.
type tag7816 struct {
	*air
	turn sync.Mutex
}

var errSessionInvalid = errors.New("NFCReaderErrorDomain 200: Session invalidated unexpectedly")

func (d *tag7816) Transceive(cla, ins, p1, p2 int, data []byte, le int) (*Answer7816, error) {
	for _, b := range []int{cla, ins, p1, p2} {
		if b < 0 || b > 0xFF {
			return nil, fmt.Errorf("%d is no byte", b)
		}
	}
	if le < -1 || le == 0 || le > 65536 || len(data) > 65535 {
		return nil, fmt.Errorf("NFCReaderErrorDomain 3: expectedResponseLength %d, %d bytes", le, len(data))
	}
	if !d.turn.TryLock() {
		return nil, errors.New("two threads at once")
	}
	defer d.turn.Unlock()
	frame := wire.AppendAPDU(nil, byte(cla), byte(ins), byte(p1), byte(p2), data, le)
	answer, err := d.carry(frame)
	switch {
	case errors.Is(err, errState):
		return nil, errSessionInvalid
	case errors.Is(err, errTagLost):
		return nil, errors.New("NFCReaderErrorDomain 100: Tag connection lost")
	case err != nil:
		return nil, err
	case len(answer) < 2:
		return nil, errors.New("NFCReaderErrorDomain 102: Tag response error")
	}
	n := len(answer) - 2
	return NewAnswer7816(answer[:n], int(answer[n]), int(answer[n+1])), nil
}
