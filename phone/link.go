package phone

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/go-desfire/desfire"
)

// link is the connection of a phone, at the computer's end.
type link struct {
	*conn
	s     *Server
	key   Fingerprint
	phone Phone // set before it is one of the server's links

	mu       sync.Mutex
	greeted  bool
	pairing  chan<- *message // for all but the first message, while it pairs
	last     uint64          // card that was offered
	card     *lain           // that lies there
	next     uint64          // number of the last request
	open     map[uint64]*call
	recently []time.Time // when cards came
}

// lain is a card that lies at a phone.
type lain struct {
	number uint64
	atr    []byte
	gone   chan struct{} // closed when it has left
	user   *Transport    // who has it
}

// call is a request to the phone that was not answered yet.
type call struct {
	n      uint64
	active bool // it is answered by "active", not by bytes
	reply  chan reply
}

type reply struct {
	active *message
	answer []byte
	failed *message
}

// message takes what a phone says.
func (l *link) message(m *message, first chan<- *message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.greeted {
		l.greeted = true
		first <- m
		return nil
	}
	if l.pairing != nil {
		select {
		case l.pairing <- m:
			return nil
		default:
			return broken("a message out of turn: %q", bounded(m.Type))
		}
	}
	switch m.Type {
	case typeCard:
		return l.inserted(m)
	case typeGone:
		if l.card == nil || l.card.number != m.Card {
			return broken("a card that is gone and was not there")
		}
		l.removed()
		return nil
	case typeActive:
		return l.answered(m.N, true, reply{active: m})
	case typeFailed:
		c := l.open[m.N]
		return l.answered(m.N, c != nil && c.active, reply{failed: m})
	}
	return broken("a message %q, which no phone sends now", bounded(m.Type))
}

// inserted takes note of a card. l.mu is held.
func (l *link) inserted(m *message) error {
	if l.card != nil || m.Card <= l.last {
		return broken("card %d, after card %d", m.Card, l.last)
	}
	now := l.clock.Now()
	l.recently = slices.DeleteFunc(l.recently, func(t time.Time) bool { return now.Sub(t) > cardPeriod })
	if l.recently = append(l.recently, now); len(l.recently) > cardLimit {
		return broken("more than %d cards in %v", cardLimit, cardPeriod)
	}
	l.last = m.Card
	l.card = &lain{number: m.Card, atr: m.ATR, gone: make(chan struct{})}
	l.tell()
	return nil
}

// removed takes note that the card is gone. l.mu is held.
func (l *link) removed() {
	close(l.card.gone)
	l.card = nil
	l.tell()
}

func (l *link) tell() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.tell()
}

// answer takes the answer to a command.
func (l *link) answer(b []byte) error {
	n, answer, err := parseAnswer(b)
	if err != nil {
		return &protocolError{err}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered(n, false, reply{answer: answer})
}

// answered gives an answer to who asked for it. One to what was given up is thrown away;
// one to nothing is an error. l.mu is held.
func (l *link) answered(n uint64, active bool, r reply) error {
	c := l.open[n]
	if c == nil || c.active != active {
		return broken("an answer to request %d, which does not wait for one", n)
	}
	delete(l.open, n)
	c.reply <- r // has room for its one answer
	return nil
}

// errStuck says that a phone does not answer any more.
var errStuck = errors.New("the phone leaves too much unanswered")

// call sends a request and waits for its answer. given says whether it was given away.
func (l *link) call(ctx context.Context, card *lain, send func(n uint64) bool, active bool, closed <-chan struct{}) (n uint64, r reply, given bool, err error) {
	l.mu.Lock()
	if len(l.open) >= maxOpen {
		l.mu.Unlock()
		l.end(errStuck, Broken)
		return 0, r, false, errStuck
	}
	l.next++
	n = l.next
	c := &call{n, active, make(chan reply, 1)}
	l.open[n] = c
	l.mu.Unlock()
	if !send(n) {
		return n, r, false, l.ended()
	}
	select {
	case r = <-c.reply:
		return n, r, true, nil
	case <-ctx.Done():
		return n, r, true, ctx.Err()
	case <-closed:
		return n, r, true, ErrClosed
	case <-card.gone:
		err = ErrGone
	case <-l.lost:
		err = l.ended()
	}
	select { // it came before that
	case r = <-c.reply:
		return n, r, true, nil
	default:
		return n, r, true, err
	}
}

// welcome tells a phone that it is known.
func (l *link) welcome() {
	l.say(&message{Type: typeWelcome, Name: l.s.book.Name(), As: l.phone.Name, Addresses: l.s.addresses()})
}

// release tells the phone that an activation is over.
func (l *link) release(n uint64) { l.say(&message{Type: typeRelease, N: n}) }

func (l *link) sendCommand(activation, n uint64, command []byte) bool {
	return l.send(websocket.MessageBinary, encodeCommand(activation, n, command))
}

// reader is the name of the reader that the phone is.
func (l *link) reader() string { return "phone:" + l.phone.Name }

// lying is the card that lies there, nil for none.
func (l *link) lying() *lain {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.card
}

// opener opens the card.
func (l *link) opener(card *lain) func(context.Context) (desfire.Transport, error) {
	return func(ctx context.Context) (desfire.Transport, error) {
		t, err := l.take(ctx, card)
		if err != nil {
			return nil, err
		}
		return t, nil
	}
}
