package pcsc

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/transporttest"
)

// activated puts cards of the conformance suite into a service in memory: a
// fake with a new activation for each connection and reset.
type activated struct {
	*fake
	present func(context.Context) (transporttest.Card, error)

	mu   sync.Mutex
	card transporttest.Card
}

func (a *activated) activate() Error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.card != nil {
		a.card.Close()
	}
	var err error
	if a.card, err = a.present(context.Background()); err != nil {
		return codeUnresponsiveCard
	}
	a.fake.do(func() { a.fake.lists[0].atr = a.card.ATR() })
	return codeOK
}

func (a *activated) connect(c handle, reader string, share, protocols uint32) (handle, uint32, Error) {
	if code := a.activate(); code != codeOK {
		return 0, 0, code
	}
	return a.fake.connect(c, reader, share, protocols)
}

func (a *activated) reconnect(h handle, share, protocols, initialization uint32) (uint32, Error) {
	if initialization == resetCard {
		if code := a.activate(); code != codeOK {
			return 0, code
		}
	}
	return a.fake.reconnect(h, share, protocols, initialization)
}

func (a *activated) transmit(h handle, _ uint32, command, response []byte) (int, Error) {
	a.mu.Lock()
	card := a.card
	a.mu.Unlock()
	r, err := card.Transmit(context.Background(), command)
	if err != nil {
		return 0, codeNotTransacted
	}
	return copy(response, r), codeOK
}

func TestConformance(t *testing.T) {
	open := func(t *testing.T, present func(context.Context) (transporttest.Card, error)) transporttest.Transport {
		a := &activated{fake: newFake("Virtual PCD 00 00"), present: present}
		a.insert("Virtual PCD 00 00")
		c, err := open(nil, a).Connect(t.Context(), "Virtual PCD 00 00")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	transporttest.Run(t, open, &transporttest.Config{NoEmpty: true, KeepsField: true})
}

// A connection that was finished by a context does not come back after Close.
func TestReconnectAfterClose(t *testing.T) {
	f := newFake("A")
	f.hang = make(chan struct{})
	c := connected(t, f, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go cancel()
	c.Transmit(ctx, getVersion)
	c.Close()
	close(f.hang)
	err := c.Reconnect(t.Context())
	if err == nil || !errors.Is(err, ErrClosed) && !errors.Is(err, context.Canceled) {
		t.Errorf("Reconnect after Close: %v", err)
	}
}
