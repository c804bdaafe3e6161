package selftest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
)

// tap is the transport of the card under test, listened to.
type tap struct {
	t desfire.Transport
	// listen collects the exchanges of a step.
	listen    bool
	exchanges []Exchange
	now       func() time.Time
	limit     time.Duration // of an exchange, 0 for the usual
	left      int           // exchanges that the step may still have
	// forge, if set, changes a command frame before it goes, once.
	forge func(command []byte) []byte
	// answers are the data lengths of the answers since the last mark.
	answers []int
	// fixed: the transport has said that it cannot reconnect.
	fixed bool
}

// maxExchanges bounds a step against cards that never come to an end.
const maxExchanges = 4000

var errTooMany = errors.New("the card goes on for ever: the step was ended")

// Transmit implements desfire.Transport.
func (t *tap) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if t.left <= 0 {
		return nil, errTooMany
	}
	t.left--
	if f := t.forge; f != nil {
		t.forge = nil
		command = f(append([]byte(nil), command...))
	}
	wrapped := isWrapped(command)
	ctx, cancel := context.WithTimeout(ctx, t.timeout(command, wrapped))
	defer cancel()
	began := t.now()
	answer, err := t.t.Transmit(ctx, command)
	took := t.now().Sub(began)
	if err == nil {
		t.answers = append(t.answers, dataLen(answer, wrapped))
	}
	if t.listen {
		e := Exchange{Command: commandName(command, wrapped), Sent: len(command), Received: len(answer), Milliseconds: milliseconds(took)}
		if err == nil {
			e.Status = statusText(answer, wrapped)
		}
		t.exchanges = append(t.exchanges, e)
	}
	return answer, err
}

// timeout bounds an exchange. The reader does not where a step has a deadline.
func (t *tap) timeout(command []byte, wrapped bool) time.Duration {
	if t.limit > 0 {
		return t.limit
	}
	switch commandName(command, wrapped) {
	case "90 FC", "FC", "90 DA", "DA": // FormatPICC, DeleteApplication
		return 30 * time.Second
	}
	return 5 * time.Second
}

// isWrapped tells an APDU from a native frame.
func isWrapped(command []byte) bool {
	return len(command) >= 4 && (command[0] == 0x90 || command[0] == 0x00 || command[0] == 0x80)
}

func commandName(command []byte, wrapped bool) string {
	switch {
	case len(command) == 0:
		return ""
	case wrapped:
		return fmt.Sprintf("%02X %02X", command[0], command[1])
	}
	return fmt.Sprintf("%02X", command[0])
}

func statusText(answer []byte, wrapped bool) string {
	switch n := len(answer); {
	case n == 0 || wrapped && n < 2:
		return ""
	case wrapped:
		return fmt.Sprintf("%X", answer[n-2:])
	}
	return fmt.Sprintf("91%02X", answer[0])
}

func dataLen(answer []byte, wrapped bool) int {
	if wrapped {
		return max(len(answer)-2, 0)
	}
	return max(len(answer)-1, 0)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Unwrap is what is tapped.
func (t *tap) Unwrap() desfire.Transport { return t.t }

// Reconnect implements what a transport may have.
func (t *tap) Reconnect(ctx context.Context) error {
	r, ok := t.t.(interface{ Reconnect(context.Context) error })
	if !ok {
		return fmt.Errorf("%v cannot activate the card anew: %w", t.t, errors.ErrUnsupported)
	}
	err := r.Reconnect(ctx)
	t.fixed = errors.Is(err, errors.ErrUnsupported)
	return err
}

func (t *tap) reconnects() bool {
	_, ok := t.t.(interface{ Reconnect(context.Context) error })
	return ok && !t.fixed
}

func (t *tap) String() string { return fmt.Sprint(t.t) }
