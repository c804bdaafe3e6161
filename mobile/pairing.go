package mobile

import (
	"context"
	"errors"
	"sync"

	"github.com/go-desfire/desfire/phone"
)

// PairingScreen is what a pairing shows to its person. The app implements it; it is called on a thread of its own.
type PairingScreen interface {
	// ShowDigits shows six digits, which the person types at the computer. It returns soon; what it showed stays until
	// the pairing ends.
	ShowDigits(digits string)
	// Confirm asks whether the computer, which calls itself by that name, says that it is paired with this phone. It
	// waits for the person, who has to look: somebody in between could make the phone believe so.
	Confirm(computer string) bool
}

// Pairing pairs the phone with a computer on which "desfire phone pair" runs, so that the computer can use the
// phone as a reader. It is for one try.
type Pairing struct {
	screen PairingScreen
	mu     sync.Mutex
	cancel context.CancelFunc
	used   bool
}

// NewPairing begins nothing yet.
func NewPairing(screen PairingScreen) *Pairing { return &Pairing{screen: screen} }

// Pair pairs with the computer at an address, HOST or HOST:PORT. name is what the phone calls itself. The result is
// the credential, for ConnectComputer: whoever has it is this phone until it is revoked at the computer, so keep it
// where other apps cannot read it.
func (p *Pairing) Pair(address, name string) (string, error) {
	if p.screen == nil {
		return "", usage("the pairing has no screen: NewPairing takes one")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p.mu.Lock()
	used := p.used
	p.used, p.cancel = true, cancel
	p.mu.Unlock()
	if used {
		return "", usage("a pairing is for one try: make a new one")
	}
	credential, err := phone.Pair(ctx, address, name, &phone.Pairing{Show: p.screen.ShowDigits, Confirm: p.confirm})
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return "", failed(errCancelled)
	case errors.Is(err, phone.ErrDenied), errors.As(err, new(*phone.ByeError)):
		return "", coded(CodeRefused, err)
	default:
		return "", coded(CodeNoCard, err)
	}
	text, err := credential.Encode()
	if err != nil {
		return "", failed(err)
	}
	return string(text), nil
}

// confirm waits for the person, or until the pairing ends.
func (p *Pairing) confirm(ctx context.Context, computer string) (bool, error) {
	said := make(chan bool, 1)
	go func() { said <- p.screen.Confirm(computer) }()
	select {
	case yes := <-said:
		return yes, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// Cancel ends Pair, from any thread.
func (p *Pairing) Cancel() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used = true
	if p.cancel != nil {
		p.cancel()
	}
}
