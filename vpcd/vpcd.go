// Package vpcd puts a simulated card into the virtual reader of a real pcscd:
// the driver vpcd of the vsmartcard project (Debian: vsmartcard-vpcd). Every
// PC/SC program of the machine then sees it, and the card sees them.
//
// The driver listens and the card connects: it is inserted while the connection
// stands. A client stays, and connects again when pcscd was restarted.
package vpcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/go-desfire/desfire/internal/link"
)

// Where Debian's /etc/reader.conf.d/vpcd has the two slots of its reader.
const (
	Slot0 = "127.0.0.1:35963" // "Virtual PCD 00 00"
	Slot1 = "127.0.0.1:35964" // "Virtual PCD 00 01"
)

// Card is a card in the field from one activation to the end of it: a
// desfire.Transport. It may be an io.Closer, closed when the field is gone,
// and have ATR() []byte; else the ATR is that of a DESFire. After an error of
// Transmit the card counts as pulled away.
type Card = link.Card

// Config says how a Client behaves. The zero value is sensible.
type Config struct {
	// Retry is the pause between attempts to reach pcscd; zero is 250 ms.
	Retry time.Duration
	// Away is how long a card that failed stays out of the reader; zero is 1 s,
	// in which pcscd looks at least twice.
	Away time.Duration
	// Observe is told what happens, if not nil. Calls do not overlap. It may
	// call Lift and Return.
	Observe func(Event)
}

// EventKind is what happened.
type EventKind uint8

// Kinds of events.
const (
	Unreachable EventKind = iota + 1 // nothing listens there; told once until that changes
	Connected                        // the driver took the connection, or another card is before us
	Inserted                         // pcscd has asked for the answer to reset: it sees the card
	Activated                        // the card was activated: first use, power-on or reset
	Removed                          // the connection has ended
)

func (k EventKind) String() string {
	names := [...]string{"", "unreachable", "connected", "inserted", "activated", "removed"}
	if int(k) < len(names) {
		return names[k]
	}
	return "unknown"
}

// Event is one thing that happened to a Client.
type Event struct {
	Kind EventKind
	// Err is why, for Unreachable and Removed: ErrLifted, io.EOF when pcscd
	// left, the card's own error.
	Err error
}

// ErrLifted is why a card that Lift took was removed. It has Removed() bool, as
// errors of a desfire.Transport.
var ErrLifted error = link.RemovedError("lifted")

// Client is a card on its way into a virtual reader.
type Client struct {
	addr    string
	present link.Present
	cfg     Config

	observing sync.Mutex

	mu       sync.Mutex
	running  bool
	lifted   bool
	inserted bool
	eject    context.CancelCauseFunc // of the connection, nil without one
	changed  chan struct{}           // closed and made anew at each change
}

// New makes a client of the slot at addr (HOST:PORT, empty for Slot0). present
// is called for each activation. A nil Config is the zero value.
func New(addr string, present func(ctx context.Context) (Card, error), c *Config) *Client {
	v := &Client{addr: cmp.Or(addr, Slot0), present: present, changed: make(chan struct{})}
	if c != nil {
		v.cfg = *c
	}
	return v
}

func (c *Client) String() string { return "vpcd:" + c.addr }

// Lift takes the card out of the reader, at once and in the middle of a
// command if need be. It does not wait, and any goroutine may call it, the
// card's own included.
func (c *Client) Lift() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lifted = true
	if c.eject != nil {
		c.eject(ErrLifted)
	}
	c.change()
}

// Return puts a lifted card back.
func (c *Client) Return() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lifted = false
	c.change()
}

// Inserted reports whether pcscd sees the card.
func (c *Client) Inserted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inserted
}

// Wait waits until pcscd sees the card, or no longer sees it.
func (c *Client) Wait(ctx context.Context, inserted bool) error {
	for {
		c.mu.Lock()
		is, changed := c.inserted, c.changed
		c.mu.Unlock()
		if is == inserted {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%v: waiting for inserted=%v: %w", c, inserted, context.Cause(ctx))
		}
	}
}

// change wakes who waits. The caller holds mu.
func (c *Client) change() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Run keeps the card in the reader until ctx ends, which is no error.
func (c *Client) Run(ctx context.Context) error {
	c.mu.Lock()
	if c.running {
		c.mu.Unlock()
		return fmt.Errorf("%v: is running already", c)
	}
	c.running = true
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.running = false
		c.mu.Unlock()
	}()

	unreachable := false
	for c.onTable(ctx) {
		var d net.Dialer
		nc, err := d.DialContext(ctx, "tcp", c.addr)
		if err != nil {
			if ctx.Err() == nil && !unreachable {
				unreachable = true
				c.tell(Event{Unreachable, fmt.Errorf("no virtual reader: %w", err)})
			}
			pause(ctx, cmp.Or(c.cfg.Retry, 250*time.Millisecond))
			continue
		}
		unreachable = false
		c.insert(ctx, nc)
	}
	return nil
}

// onTable waits while the card is lifted. It is false when ctx has ended.
func (c *Client) onTable(ctx context.Context) bool {
	for ctx.Err() == nil {
		c.mu.Lock()
		lifted, changed := c.lifted, c.changed
		c.mu.Unlock()
		if !lifted {
			return true
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	return false
}

// insert is one stay in the reader.
func (c *Client) insert(ctx context.Context, nc net.Conn) {
	stay, eject := context.WithCancelCause(ctx)
	defer eject(nil)
	c.mu.Lock()
	c.eject = eject
	if c.lifted { // meanwhile
		eject(ErrLifted)
	}
	c.mu.Unlock()

	c.tell(Event{Kind: Connected})
	s := &link.Session{
		Conn:       link.NewConn(nc),
		Present:    c.present,
		OnATR:      func() { c.seen(stay) },
		OnActivate: func() { c.tell(Event{Kind: Activated}) },
	}
	err := s.Run(stay)

	c.mu.Lock()
	c.eject = nil
	c.inserted = false
	c.change()
	c.mu.Unlock()
	c.tell(Event{Removed, err})

	var failed *link.CardError
	switch {
	case stay.Err() != nil: // lifted, or the end
	case errors.As(err, &failed):
		pause(ctx, cmp.Or(c.cfg.Away, time.Second))
	default:
		pause(ctx, cmp.Or(c.cfg.Retry, 250*time.Millisecond))
	}
}

func (c *Client) seen(stay context.Context) {
	c.mu.Lock()
	first := !c.inserted && stay.Err() == nil
	if first {
		c.inserted = true
		c.change()
	}
	c.mu.Unlock()
	if first {
		c.tell(Event{Kind: Inserted})
	}
}

func (c *Client) tell(e Event) {
	if c.cfg.Observe == nil {
		return
	}
	c.observing.Lock()
	defer c.observing.Unlock()
	c.cfg.Observe(e)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
