package phone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/coder/websocket"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/frame"
)

// Card is a card that a phone offers.
type Card struct {
	// ATR is its answer to reset, or the ATS in that form, if it is known.
	ATR []byte
	// Open activates the card anew. The Transport is closed, if it can be, before Open is
	// called again and when the offer ends.
	Open func(ctx context.Context) (desfire.Transport, error)
}

// ErrOffered is the error of a second offer on a Link.
var ErrOffered = errors.New("another card is offered already")

// Offer offers the card behind t to the computer until ctx ends, the card has left (ErrGone)
// or the Link has ended. The computer may activate the card several times: for each but the
// first t needs Reconnect. While Offer runs, t is its own; it does not close it.
func (l *Link) Offer(ctx context.Context, t desfire.Transport) error {
	var atr []byte
	if h, ok := frame.Ability[interface{ ATR() []byte }](t); ok {
		atr = h.ATR()
	}
	used := false
	return l.OfferCard(ctx, Card{ATR: atr, Open: func(ctx context.Context) (desfire.Transport, error) {
		if used {
			r, ok := t.(interface{ Reconnect(context.Context) error })
			if !ok {
				return nil, errors.New("this card cannot be activated a second time: take it away and present it again")
			}
			if err := r.Reconnect(ctx); err != nil {
				return nil, err
			}
		}
		used = true
		return kept{t}, nil
	}})
}

// kept is a transport that somebody else closes.
type kept struct{ desfire.Transport }

func (k kept) Close() error              { return nil }
func (k kept) Unwrap() desfire.Transport { return k.Transport }

// offered is a card that is offered on a Link.
type offered struct {
	l        *Link
	number   uint64
	card     Card
	requests chan request

	mu   sync.Mutex
	stop context.CancelFunc // ends the exchange under way

	n  uint64            // the activation, 0 for none
	t  desfire.Transport // of it
	in context.Context   //nolint:containedctx // of it: ends with it
}

// request is what the computer asks of the card.
type request struct {
	n, activation uint64
	command       []byte // nil: activate, or with n == 0 release
}

// OfferCard is Offer for a card that is opened by a function.
func (l *Link) OfferCard(ctx context.Context, c Card) error {
	if c.Open == nil {
		return errors.New("offer: the card cannot be opened")
	}
	if len(c.ATR) > maxATR {
		return fmt.Errorf("offer: an answer to reset of %d bytes, at most are %d", len(c.ATR), maxATR)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &offered{l: l, card: c, requests: make(chan request, maxWaiting), stop: func() {}}
	l.mu.Lock()
	if l.offer != nil {
		l.mu.Unlock()
		return ErrOffered
	}
	l.cards++
	o.number = l.cards
	l.offer = o
	l.mu.Unlock()
	if l.say(&message{Type: typeCard, Card: o.number, ATR: slices.Clone(c.ATR)}) {
		// What is asked for from here on is for this card.
		defer l.say(&message{Type: typeGone, Card: o.number})
	}
	defer func() {
		l.mu.Lock()
		l.offer = nil
		l.mu.Unlock()
		o.close()
	}()
	given := ctx
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { // an exchange under way ends with the connection
		select {
		case <-l.lost:
			cancel()
		case <-ctx.Done():
		}
	})
	for {
		select {
		case <-given.Done():
			return given.Err()
		case <-l.lost:
			return l.ended()
		case r := <-o.requests:
			if err := o.do(ctx, r); err != nil {
				return err
			}
		}
	}
}

// do answers one request. An error ends the offer.
func (o *offered) do(ctx context.Context, r request) error {
	switch {
	case r.n == 0:
		if r.activation == o.n {
			o.close()
		}
		return nil
	case r.command == nil:
		return o.activate(ctx, r.n)
	case o.n == 0 || r.activation != o.n:
		o.l.fail(r.n, false, "that activation of the card is over")
		return nil
	}
	answer, err := o.t.Transmit(o.in, r.command)
	switch {
	case err == nil && len(answer) <= MaxFrame:
		o.l.send(websocket.MessageBinary, encodeAnswer(r.n, answer))
		return nil
	case err == nil:
		err = fmt.Errorf("the card's answer has %d bytes, at most are %d", len(answer), MaxFrame)
	}
	return o.failed(r.n, err)
}

// failed tells the computer of an error, after which the activation is over if the card
// may have seen the command.
func (o *offered) failed(n uint64, err error) error {
	gone := removed(err)
	o.l.fail(n, gone, err.Error())
	var s interface{ Sent() bool }
	if !errors.As(err, &s) || s.Sent() || gone {
		o.close()
	}
	if gone {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return nil
}

func (o *offered) activate(ctx context.Context, n uint64) error {
	o.close()
	in, stop := context.WithCancel(ctx)
	o.mu.Lock()
	o.stop = stop
	o.mu.Unlock()
	t, err := o.card.Open(in)
	if err != nil {
		stop()
		return o.failed(n, err)
	}
	o.n, o.t, o.in = n, t, in
	m := &message{Type: typeActive, N: n, ATR: slices.Clone(o.card.ATR)}
	if h, ok := frame.Ability[interface{ ATR() []byte }](t); ok {
		if atr := h.ATR(); len(atr) > 0 && len(atr) <= maxATR {
			m.ATR = atr
		}
	}
	if h, ok := frame.Ability[interface {
		Limits() (int, int, desfire.Framing)
	}](t); ok {
		c, r, f := h.Limits()
		m.Command, m.Response, m.Framing = c, r, framingName(f)
	}
	o.l.say(m)
	return nil
}

// close ends the activation.
func (o *offered) close() {
	o.interrupt()
	if c, ok := frame.Ability[io.Closer](o.t); o.t != nil && ok {
		_ = c.Close()
	}
	o.n, o.t = 0, nil
}

// interrupt ends the exchange under way; from any goroutine.
func (o *offered) interrupt() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stop()
}

func (l *Link) fail(n uint64, gone bool, text string) {
	l.say(&message{Type: typeFailed, N: n, Removed: gone, Text: bounded(text)})
}

// message takes what the computer says.
func (l *Link) message(m *message, welcome chan<- *message) error {
	switch m.Type {
	case typeWelcome:
		select {
		case welcome <- m:
			return nil
		default:
			return broken("a second welcome")
		}
	case typeActivate:
		if m.N == 0 {
			return broken("an activation without a number")
		}
		return l.ask(request{n: m.N}, m.Card)
	case typeRelease:
		return l.ask(request{activation: m.N}, 0)
	}
	return broken("a message %q, which no computer sends now", bounded(m.Type))
}

// command takes a command of the computer.
func (l *Link) command(b []byte) error {
	activation, n, command, err := parseCommand(b)
	if err != nil || n == 0 || activation == 0 {
		return broken("%d bytes that are no command", len(b))
	}
	return l.ask(request{n, activation, command}, 0)
}

// ask passes a request on to the card that is offered; card, if not 0, is the one that is
// meant.
func (l *Link) ask(r request, card uint64) error {
	l.mu.Lock()
	o := l.offer
	l.mu.Unlock()
	if o == nil || card != 0 && card != o.number {
		if r.n != 0 {
			l.fail(r.n, true, "the card is gone")
		}
		return nil
	}
	if r.command == nil {
		o.interrupt() // the activation before is over
	}
	select {
	case o.requests <- r:
		return nil
	default:
		return broken("more than %d requests at once", maxWaiting)
	}
}

// framingName is how a framing is written in messages.
func framingName(f desfire.Framing) string {
	switch f {
	case desfire.FramingNative:
		return "native"
	case desfire.FramingWrapped:
		return "wrapped"
	}
	return ""
}

func removed(err error) bool {
	var r interface{ Removed() bool }
	return errors.As(err, &r) && r.Removed()
}
