package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// DefaultKeep is how long a journal keeps what the centre has confirmed.
const DefaultKeep = 30 * 24 * time.Hour

// OutboxConfig says which journal is shipped where. Journal and Conn stay the caller's.
type OutboxConfig struct {
	Conn  *nats.Conn
	Fleet string
	Agent string
	// Journal has to be a purse.ChangeLog, as those of boltjournal and purse.Memory are.
	Journal purse.Journal
	// Keep is how long the journal keeps what is decided, from when it was confirmed, at least, and up to a third
	// more; 0 is DefaultKeep, less than 0 for ever.
	Keep time.Duration
	// Learn takes over what the centre decided about an entry of the journal. A gate sets it to call
	// purse.Purse.Learn between two cards. Nil: the journal alone is changed.
	Learn func(ctx context.Context, id purse.ID, o purse.Outcome) error
	// Linger is for how long changes are collected before they are shipped, so that a change that is soon decided is
	// shipped once; 0 is a quarter of a second.
	Linger time.Duration

	Logger *slog.Logger     // nil: none
	Now    func() time.Time // nil: time.Now
}

// Outbox ships the changes of a journal to the centre. See Run.
type Outbox struct {
	conf OutboxConfig
	log  purse.ChangeLog
	at   remote.Subjects

	mu     sync.Mutex
	status OutboxStatus
}

// OutboxStatus is how far an Outbox is, for people.
type OutboxStatus struct {
	Epoch     string    `json:"epoch,omitempty"`
	Shipped   uint64    `json:"shipped"`   // the centre has changes up to this number
	Confirmed uint64    `json:"confirmed"` // and these survive a loss of power there
	Last      uint64    `json:"last"`      // the number of the journal's last change
	Answered  time.Time `json:"answered,omitzero"`
	Error     string    `json:"error,omitempty"` // what went wrong last; empty if nothing did since
	// TooLarge are entries that no message can carry. They stay in the journal.
	TooLarge []purse.ID `json:"too_large,omitempty"`
}

// NewOutbox makes one. It fails where the journal has no log of changes.
func NewOutbox(conf OutboxConfig) (*Outbox, error) {
	log, ok := conf.Journal.(purse.ChangeLog)
	switch {
	case !ok:
		return nil, fmt.Errorf("ledger: a journal of type %T has no log of changes that could be shipped", conf.Journal)
	case conf.Conn == nil:
		return nil, errors.New("ledger: an outbox without a connection")
	}
	for _, name := range []string{conf.Fleet, conf.Agent} {
		if err := remote.CheckName(name); err != nil {
			return nil, err
		}
	}
	conf.Keep = cmp.Or(conf.Keep, DefaultKeep)
	conf.Linger = cmp.Or(conf.Linger, time.Second/4)
	if conf.Now == nil {
		conf.Now = time.Now
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Learn == nil {
		conf.Learn = func(ctx context.Context, id purse.ID, o purse.Outcome) error {
			_, err := (&purse.Operator{Journal: conf.Journal, Now: conf.Now}).Learn(ctx, id, o)
			return err
		}
	}
	return &Outbox{conf: conf, log: log, at: remote.Subjects{Fleet: conf.Fleet}}, nil
}

// Status is how far it is.
func (o *Outbox) Status() OutboxStatus {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.status
	s.TooLarge = append([]purse.ID(nil), s.TooLarge...)
	return s
}

func (o *Outbox) say(change func(s *OutboxStatus)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.status)
}

// Found remembers what a settlement found of an entry of another agent, to be shipped.
func (o *Outbox) Found(ctx context.Context, e *purse.Entry, found purse.Outcome) error {
	return o.log.Find(ctx, &purse.Found{ID: e.ID, CardApp: e.CardApp, Outcome: found})
}

// Run ships until ctx ends, which is its error, or the journal fails. Without the centre it waits, for as
// long as it takes. Nothing waits for it.
func (o *Outbox) Run(ctx context.Context) error {
	taken, err := o.conf.Conn.Subscribe(o.at.Settled(o.conf.Agent), func(m *nats.Msg) { o.settled(ctx, m) })
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer func() { _ = taken.Unsubscribe() }()
	back := o.conf.Conn.StatusChanged(nats.CONNECTED)
	defer o.conf.Conn.RemoveStatusListener(back)
	s := &shipping{Outbox: o, back: back}
	if err := s.remember(ctx); err != nil {
		return err
	}
	for {
		wake := o.log.Changed()
		err := s.ship(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, new(*journalError)):
			return err
		case err != nil:
			err = remote.Unsent(o.conf.Conn, err)
			if o.Status().Error != err.Error() { // said once
				o.conf.Logger.Warn("the outbox waits", "error", err)
			}
			o.say(func(s *OutboxStatus) { s.Error = err.Error() })
			s.pause(ctx)
			continue
		}
		o.say(func(s *OutboxStatus) { s.Error = "" })
		s.failures = 0
		s.wait(ctx, wake)
	}
}

// journalError ends an outbox: the journal is closed, or does not work.
type journalError struct{ err error }

func (e *journalError) Error() string { return "ledger: the journal: " + e.err.Error() }
func (e *journalError) Unwrap() error { return e.err }

// settled takes over what the centre decided.
func (o *Outbox) settled(ctx context.Context, m *nats.Msg) {
	var h Settled
	payload, err := remote.Decode(m.Data, &h)
	var out purse.Outcome
	if err == nil {
		err = json.Unmarshal(payload, &out)
	}
	if err == nil {
		var e *purse.Entry
		if e, err = o.log.Entry(ctx, h.ID); err == nil && e == nil {
			return // of another journal of this agent
		}
	}
	if err == nil {
		if h.By != "" {
			out.Why = fmt.Sprintf("%s (settled at %.32q)", out.Why, h.By)
		}
		err = o.conf.Learn(ctx, h.ID, out)
	}
	answer := Taken{Versioned: version}
	if err != nil {
		answer.Refused = shortened(err.Error())
		o.conf.Logger.Warn("what the centre decided is not taken over", "id", h.ID, "error", err)
	}
	if b, err := remote.Encode(answer, nil); err == nil && m.Reply != "" {
		_ = m.Respond(b)
	}
}
