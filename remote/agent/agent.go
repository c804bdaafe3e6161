// Package agent makes readers at the edge a service: programs elsewhere see what lies on
// them, and talk to a card under a lease.
//
// The agent is the authority over its cards. A lease is one activation of one card for
// one holder; whenever it ends (given back, not renewed in time, the card lifted, the
// agent ended) the card is reset before anybody else talks to it. A script of an older
// lease, of another start of the agent, or out of turn is refused, and nothing of it is
// sent.
package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/remote"
)

// Config says what an agent serves, and how.
type Config struct {
	Conn   *nats.Conn // which reconnects for ever; not closed by the agent
	Fleet  string     // "main" if empty
	Name   string     // of this agent, as remote.CheckName has it
	Source desfire.Source
	Build  string       // the version of this program, for people
	Logger *slog.Logger // nil: no logs
	// TTL is how long a lease lasts that is not renewed; 0 is 15 s.
	TTL time.Duration
	// Bound is how long a script may take, however slow the card is; 0 is 30 s.
	Bound time.Duration
	// Now is the clock, time.Now if nil. What it says of time that has passed must
	// not be changed by setting the clock, as with time.Now.
	Now func() time.Time
}

const (
	defaultTTL   = 15 * time.Second
	defaultBound = 30 * time.Second
	helloEvery   = 5 * time.Second
	helloRest    = time.Second            // between two that a change asked for
	sweepEvery   = 250 * time.Millisecond // leases that are over, hellos that are due
	connecting   = 10 * time.Second       // a card may take so long to be connected to
	leaving      = time.Second            // the server may take so long to know that we do
	maxWaiting   = 8                      // requests for the lease of one reader, at once
)

// Agent serves the readers of a Source.
type Agent struct {
	conf    Config
	subject remote.Subjects
	log     *slog.Logger
	boot    string
	started time.Time
	out     *outbox

	mu       sync.Mutex
	slots    map[string]*slot // by id
	ids      map[string]string
	order    []string // ids, in the order in which they came
	cards    uint64
	hellos   uint64
	said     time.Time // when the last hello was
	changed  bool      // since then
	draining bool
	stopped  bool
	ended    chan struct{}  // closed by Drain
	gone     chan struct{}  // closed by Run, in the end
	leases   sync.WaitGroup // and what belongs to them; not added to once it is stopped
	orders   sync.WaitGroup // to drain
	watchers map[chan struct{}]bool
	rivals   map[string]uint64 // other agents of this name, and what they said last
}

// New makes an agent. It does nothing before Run.
func New(c Config) (*Agent, error) {
	if c.Fleet == "" {
		c.Fleet = "main"
	}
	if err := remote.CheckName(c.Fleet); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	if err := remote.CheckName(c.Name); err != nil {
		return nil, fmt.Errorf("agent: %w", err)
	}
	if c.Conn == nil || c.Source == nil {
		return nil, errors.New("agent: it needs a connection and a source of readers")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.TTL <= 0 {
		c.TTL = defaultTTL
	}
	if c.Bound <= 0 {
		c.Bound = defaultBound
	}
	a := &Agent{
		conf: c, subject: remote.Subjects{Fleet: c.Fleet}, log: c.Logger.With("agent", c.Name),
		boot: random(16), started: time.Now(), out: newOutbox(c.Conn),
		slots: make(map[string]*slot), ids: make(map[string]string),
		ended: make(chan struct{}), gone: make(chan struct{}), watchers: make(map[chan struct{}]bool), rivals: make(map[string]uint64),
	}
	return a, nil
}

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// ErrNameTaken says that another agent of this name serves the fleet, and did before.
var ErrNameTaken = errors.New("another agent of this name serves the fleet: give this one a name of its own")

// Run serves the readers until ctx ends or Drain has, and returns nil then. It goes on
// while the network is away. The error is that of a source that has failed for good, or
// ErrNameTaken. Before it returns, all leases have ended and all cards are reset. It is
// called once.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	running.Go(a.out.run)
	subs, err := a.subscribe(ctx, cancel)
	if err == nil {
		running.Go(func() {
			for ev, err := range a.conf.Source.Events(ctx) {
				if err != nil {
					cancel(fmt.Errorf("agent: readers: %w", err))
					return
				}
				a.event(ev)
			}
			if ctx.Err() == nil {
				cancel(errors.New("agent: the source of readers has ended"))
			}
		})
		running.Go(func() { a.tick(ctx) })
		select {
		case <-ctx.Done():
		case <-a.ended:
		}
		err = context.Cause(ctx)
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			err = nil
		}
	}
	a.stop()
	a.leases.Wait()
	cancel(nil)
	a.orders.Wait()
	a.hello(true)
	for _, s := range subs {
		_ = s.Unsubscribe()
	}
	if a.conf.Conn.IsConnected() { // who asks from now on is told that nobody is here
		_ = a.conf.Conn.FlushTimeout(leaving)
	}
	a.out.stop()
	running.Wait()
	close(a.gone)
	return err
}

// stop ends all leases, and lets nobody have another.
func (a *Agent) stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.draining, a.stopped = true, true
	for _, s := range a.slots {
		if s.lease != nil {
			s.lease.end(overDrained)
		}
	}
}

// Drain ends the agent in order: it grants no more leases, waits until those that there
// are have been given back, and ends them after the script that runs when ctx ends. Then
// Run returns. Drain returns when all cards are reset.
func (a *Agent) Drain(ctx context.Context) {
	a.mu.Lock()
	a.draining = true
	a.mu.Unlock()
	a.log.Info("draining")
	a.hello(false)
	a.drain(ctx)
	a.stop()
	a.leases.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.ended:
	default:
		close(a.ended)
	}
}

// drain waits until there are no leases; when ctx ends, each ends with its script.
func (a *Agent) drain(ctx context.Context) {
	ended := ctx.Done()
	for {
		a.mu.Lock()
		var wait chan struct{}
		for _, s := range a.slots {
			if l := s.lease; l != nil {
				if ctx.Err() != nil {
					l.last = true
					if !l.running {
						l.end(overDrained)
					}
				}
				wait = l.done
			}
		}
		a.mu.Unlock()
		if wait == nil {
			return
		}
		select {
		case <-wait:
		case <-ended:
			ended = nil
		}
	}
}

// tick ends leases that were not renewed, and says hello.
func (a *Agent) tick(ctx context.Context) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	connected := a.conf.Conn.StatusChanged(nats.CONNECTED)
	defer a.conf.Conn.RemoveStatusListener(connected)
	a.hello(false)
	for {
		select {
		case <-ctx.Done():
			return
		case <-connected:
			a.hello(false)
		case <-t.C:
		}
		now := a.conf.Now()
		a.mu.Lock()
		for _, s := range a.slots {
			if s.lease != nil && s.lease.expired(now) {
				s.lease.end(overExpired)
			}
		}
		since := now.Sub(a.said)
		due := since >= helloEvery || since < 0 || a.changed && since >= helloRest
		a.mu.Unlock()
		if due {
			a.hello(false)
		}
	}
}

// Boot is random for each Agent.
func (a *Agent) Boot() string { return a.boot }

// hello tells everybody.
func (a *Agent) hello(bye bool) {
	h := a.Hello()
	h.Bye = bye
	a.mu.Lock()
	a.said, a.changed = a.conf.Now(), false
	a.mu.Unlock()
	a.publish(a.subject.Hello(a.conf.Name), h)
}

type encoder interface{ Encode() ([]byte, error) }

func (a *Agent) publish(subject string, m encoder) {
	b, err := m.Encode()
	if err != nil {
		a.log.Error("a message cannot be made", "subject", subject, "error", err)
		return
	}
	a.out.put(subject, b)
}

// Hello is what the agent says of itself and its readers now.
func (a *Agent) Hello() *remote.Hello {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hellos++
	h := &remote.Hello{
		Build: a.conf.Build, Boot: a.boot, Number: a.hellos, Started: a.started.UTC().Round(0), Clock: time.Now().UTC().Round(0), Draining: a.draining,
	}
	for _, id := range a.order {
		h.Readers = append(h.Readers, a.slots[id].describe())
	}
	return h
}
