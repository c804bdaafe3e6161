package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote"
)

// Bounds of what waits to be looked at.
const (
	maxPending      = 1024
	maxPendingBytes = 8 << 20
	drainLimit      = 30 * time.Second
)

func (a *Agent) subscribe(ctx context.Context, cancel context.CancelCauseFunc) (subs []*nats.Subscription, err error) {
	name := a.conf.Name
	handlers := []struct {
		subject string
		handle  nats.MsgHandler
	}{
		{a.subject.Ask(name), a.asked},
		{a.subject.Roll(), func(*nats.Msg) { a.rolled() }},
		{a.subject.Drain(name), func(m *nats.Msg) { a.drained(ctx, m) }},
		{a.subject.Hello(name), func(m *nats.Msg) { a.rival(m, cancel) }},
		{a.subject.Lease(name, "*"), a.leaseAsked},
		{a.subject.Transmit(name, "*"), a.transmit},
	}
	for _, h := range handlers {
		s, err := a.conf.Conn.Subscribe(h.subject, h.handle)
		if err != nil {
			return subs, fmt.Errorf("agent: %w", err)
		}
		subs = append(subs, s)
		if err := s.SetPendingLimits(maxPending, maxPendingBytes); err != nil {
			return subs, fmt.Errorf("agent: %w", err)
		}
	}
	return subs, nil
}

func (a *Agent) asked(m *nats.Msg) {
	if inbox(m) {
		a.publish(m.Reply, a.Hello())
	}
}

// rolled says hello soon, since somebody wants to know who there is.
func (a *Agent) rolled() {
	a.mu.Lock()
	rest := a.conf.Now().Sub(a.said)
	a.changed = true
	a.mu.Unlock()
	if rest >= sweepEvery || rest < 0 {
		a.hello(false)
	}
}

// drained ends the agent since somebody asks for it, who is told when it is done.
func (a *Agent) drained(ctx context.Context, m *nats.Msg) {
	a.mu.Lock()
	again := a.draining
	if !again && !a.stopped {
		a.draining = true
		a.orders.Add(1)
	}
	again = again || a.stopped
	a.mu.Unlock()
	if again {
		return
	}
	go func() {
		defer a.orders.Done()
		ctx, stop := context.WithTimeout(ctx, drainLimit)
		defer stop()
		a.Drain(ctx)
		if inbox(m) {
			h := a.Hello()
			h.Bye = true
			a.publish(m.Reply, h)
		}
	}()
}

// rival looks whether another agent uses this name. The one that came later ends.
func (a *Agent) rival(m *nats.Msg, cancel context.CancelCauseFunc) {
	h, err := remote.DecodeHello(m.Data)
	if err != nil || h.Boot == a.boot {
		return
	}
	a.mu.Lock()
	before, known := a.rivals[h.Boot]
	if len(a.rivals) < 64 {
		a.rivals[h.Boot] = h.Number
	}
	a.mu.Unlock()
	if !known || h.Number <= before || h.Bye { // of one that has ended, and was under way
		return
	}
	later := a.started.After(h.Started) || a.started.Equal(h.Started) && a.boot > h.Boot
	a.log.Error("another agent of this name serves the fleet", "boot", h.Boot, "started", h.Started, "we_end", later)
	if later {
		cancel(ErrNameTaken)
	}
}

// reader is the reader that a subject names, nil if there is none.
func (a *Agent) reader(subject string) *slot {
	parts := strings.Split(subject, ".")
	if len(parts) < 2 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.slots[parts[len(parts)-2]]; s != nil && s.here {
		return s
	}
	return nil
}

// inbox reports whether an answer may go there: to nobody but who asks, whatever the
// agent may write.
func inbox(m *nats.Msg) bool {
	return len(m.Reply) > len("_INBOX.") && m.Reply[:len("_INBOX.")] == "_INBOX."
}
