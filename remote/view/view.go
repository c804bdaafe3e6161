package view

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote"
)

// Bounds of what messages can make a view keep.
const (
	mostAgents = 20_000
	mostUses   = 5000 // of keys, the newest
	skewed     = 30 * time.Second
)

// Config says what a view sees.
type Config struct {
	Conn  *nats.Conn
	Fleet string
	// Members are the agents that have joined, if that is known here.
	Members func() []Member
	// Parts are the programs in the middle, if they are known here.
	Parts func() []fleet.Part
	// Ledger is where the ledger is looked into; nil: there is none here.
	Ledger Ledger
	Build  string    // of the centre
	Since  time.Time // when it was started
	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Member is an agent that may take part, or might once.
type Member struct {
	Name    string
	Joined  time.Time
	Revoked bool
}

// Ledger is where the lines of a ledger are found.
type Ledger interface {
	Ledger(ctx context.Context, q fleet.LedgerQuery) (*fleet.LedgerPage, error)
	// Totals are those of the whole ledger, at once.
	Totals() fleet.Totals
	// Alarms are what somebody has to look at in it.
	Alarms() []fleet.Alarm
}

// View is a fleet, followed by Run. It is a fleet.View.
type View struct {
	conf     Config
	subjects remote.Subjects
	log      *slog.Logger

	mu       sync.Mutex
	agents   map[string]*agent
	uses     uses
	refused  map[string]*fleet.Alarm // hellos that were not understood, by agent
	stale    bool                    // what snapshot says
	checked  time.Time               // when states were looked at last
	snapshot *fleet.Snapshot
	changed  chan struct{} // closed at the next change; nil if nobody waits
}

var _ fleet.View = (*View)(nil)

// New makes a view that has seen nothing yet.
func New(c Config) (*View, error) {
	if err := remote.CheckName(c.Fleet); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	if c.Conn == nil {
		return nil, errors.New("view: it needs a connection")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &View{
		conf: c, subjects: remote.Subjects{Fleet: c.Fleet}, log: c.Logger,
		agents: map[string]*agent{}, refused: map[string]*fleet.Alarm{}, stale: true,
	}, nil
}

// Run follows the fleet until ctx ends, which is no error. What it sees is there as soon as
// agents say it: every agent says something within five seconds.
func (v *View) Run(ctx context.Context) error {
	hellos, err := v.conf.Conn.Subscribe(v.subjects.Hello("*"), v.hello)
	if err != nil {
		return fmt.Errorf("view: %w", err)
	}
	defer hellos.Unsubscribe() //nolint:errcheck // nobody listens any more
	events, err := v.conf.Conn.Subscribe(v.subjects.Events("*", "*"), v.event)
	if err != nil {
		return fmt.Errorf("view: %w", err)
	}
	defer events.Unsubscribe() //nolint:errcheck // as above
	for _, s := range []*nats.Subscription{hellos, events} {
		_ = s.SetPendingLimits(100_000, 64<<20) // what is lost comes with the next hello
	}
	_ = v.conf.Conn.Publish(v.subjects.Roll(), nil) // or they say it by themselves, a little later
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			v.look()
		case <-ctx.Done():
			return nil
		}
	}
}

// Touch says that something beside what agents say has changed: members, parts, the ledger.
func (v *View) Touch() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.touch()
}

// touch is Touch with the lock held.
func (v *View) touch() {
	v.stale = true
	if v.changed != nil {
		close(v.changed)
		v.changed = nil
	}
}

// Changed implements fleet.View.
func (v *View) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.changed == nil {
		v.changed = make(chan struct{})
	}
	return v.changed
}

// look finds whose silence has become long.
func (v *View) look() {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.conf.Now()
	for _, a := range v.agents {
		if fleet.StateAt(now, a.heard) != fleet.StateAt(v.checked, a.heard) {
			v.touch()
			break
		}
	}
	v.checked = now
}

// Ledger implements fleet.View.
func (v *View) Ledger(ctx context.Context, q fleet.LedgerQuery) (*fleet.LedgerPage, error) {
	if v.conf.Ledger == nil {
		return nil, errors.New("there is no ledger here")
	}
	return v.conf.Ledger.Ledger(ctx, q)
}
