package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Config is what a centre needs. Conn and Keys stay the caller's.
type Config struct {
	Conn  *nats.Conn
	Fleet string
	// Keys has the transaction MAC keys, by their role. Without one, what needs it is not decided.
	Keys keystore.Store
	// Proved are the applications, as wire.Place prints itself, whose changes count only where the
	// transaction MAC proves them: a report of one without is disbelieved.
	Proved []string
	// Replicas of the streams; 0 is 1.
	Replicas int
	// SyncAfter is after what time a message that JetStream has acknowledged survives a loss of power: the
	// sync_interval of a foreign cluster. 0: with the acknowledgement, as with sync_interval: always.
	SyncAfter time.Duration
	// Mandate is for how long a mandate is granted; 0 is 30 seconds. All centres of a fleet say the same.
	Mandate time.Duration
	// MayMandate says which agent may hold the mandate of which card; nil: each of each.
	MayMandate func(agent string, card purse.CardApp) bool

	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
}

// Centre keeps the ledger of a fleet. Several processes may run one each; they do the same work, and what one
// of them wrote the others find. See Run.
type Centre struct {
	conf  Config
	log   *slog.Logger
	at    remote.Subjects
	js    jetstream.JetStream
	ready chan struct{} // closed when st is there
	st    *store

	busy      limits
	heads     heads
	noise     noise
	shipped   bell  // something is new in CHANGES
	cards     dirty // of which something is new in ENTRIES
	told      contacts
	opens     opens
	openWatch jetstream.KeyWatcher
	totals    totals
	early     early
	grants    *grants
}

// NewCentre makes one. Run has to run for anything to happen.
func NewCentre(conf Config) (*Centre, error) {
	if conf.Conn == nil {
		return nil, errors.New("ledger: a centre without a connection")
	}
	if err := remote.CheckName(conf.Fleet); err != nil {
		return nil, err
	}
	conf.Replicas = cmp.Or(conf.Replicas, 1)
	conf.Mandate = cmp.Or(conf.Mandate, 30*time.Second)
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	js, err := jetstream.New(conf.Conn, jetstream.WithDefaultTimeout(askTimeout))
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	c := &Centre{conf: conf, log: conf.Logger, at: remote.Subjects{Fleet: conf.Fleet}, js: js, ready: make(chan struct{})}
	c.shipped, c.cards.bell = newBell(), newBell()
	c.told.bell = newBell()
	return c, nil
}

// Ready is closed once the streams are there and the centre answers.
func (c *Centre) Ready() <-chan struct{} { return c.ready }

// Run makes the streams that are missing, answers outboxes and mandates, and does what follows
// from what was shipped, until ctx ends, which is its error. It is for one use.
func (c *Centre) Run(ctx context.Context) error {
	st, err := c.open(ctx)
	if err != nil {
		return err
	}
	c.st = st
	c.grants = &grants{ttl: c.conf.Mandate, store: mandateBucket{st.mandates}, now: time.Now, lost: func() uint64 { return c.conf.Conn.Stats().Reconnects }}
	c.grants.restart()
	if err := c.loadTotals(ctx); err != nil {
		return fmt.Errorf("ledger: the books of cards: %w", err)
	}
	if err := c.loadEarly(ctx); err != nil {
		return fmt.Errorf("ledger: findings that wait for their transactions: %w", err)
	}
	if c.openWatch, err = c.loadOpen(ctx); err != nil {
		return fmt.Errorf("ledger: what is open: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	defer group.Wait()
	run := func(what string, part func(ctx context.Context) error) {
		group.Go(func() {
			if err := part(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("ledger: %s: %w", what, err))
			}
		})
	}
	for subject, handle := range map[string]func(ctx context.Context, agent string, m *nats.Msg) []byte{
		c.at.Outbox("*"): c.outbox, c.at.Opened("*"): c.opened, c.at.Mandate("*"): c.mandate,
	} {
		sub, err := c.serve(ctx, &group, subject, handle)
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	run("what follows from changes", c.project)
	run("judging", c.judge)
	run("telling agents", c.tell)
	run("what is open", c.watchOpen)
	close(c.ready)
	<-ctx.Done()
	return context.Cause(ctx)
}

// open makes the store, for as long as that takes.
func (c *Centre) open(ctx context.Context) (*store, error) {
	for failures := 0; ; failures++ {
		st, err := openStore(ctx, c.js, c.at, c.conf.Replicas)
		if err == nil || ctx.Err() != nil {
			return st, cmp.Or(ctx.Err(), err)
		}
		if !passing(err) {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		c.log.Warn("JetStream does not answer yet", "error", err)
		sleep(ctx, min(minPause<<min(failures, 10), maxPause))
	}
}

// passing reports whether an error of JetStream may go away by itself: there is no answer, or no leader.
func passing(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code == 503 || api.Code == 500
	}
	return errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrReconnectBufExceeded)
}

// retry does something until it is done or fails for good.
func retry(ctx context.Context, log *slog.Logger, what string, do func() error) error {
	for failures := 0; ; failures++ {
		err := do()
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !passing(err) && failures >= 20:
			return err
		}
		log.Warn("it is tried again", "what", what, "error", err)
		sleep(ctx, min(minPause<<min(failures, 5), maxPause))
	}
}
