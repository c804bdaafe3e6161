package keyservice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
	"github.com/nats-io/nats.go"
)

// Config is what a Service works with.
type Config struct {
	Conn  *nats.Conn
	Fleet string
	Store keystore.Store // keys of cards: a keyring, a PKCS#11 token, whatever there is

	Policy *Policy // nil allows nothing
	Audit  Audit   // required; StreamAudit is one

	Changes *Changes // nil: no keys are changed from here

	Logger *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil is time.Now

	// Timeout is how long the store, or the audit, may take for one request; 0 is 10 s.
	Timeout time.Duration
}

// Service answers the agents of a fleet. Several may run in one fleet, with the same keys
// and the same policy.
type Service struct {
	conf     Config
	subjects remote.Subjects
	instance string
	policy   atomic.Pointer[Policy]
	agents   agents
	shelf    shelf

	atOnce   chan struct{}
	changing chan struct{} // held by the one key change that runs
	work     sync.WaitGroup
	ready    chan struct{}
}

// New makes a Service, which answers when it runs.
func New(conf Config) (*Service, error) {
	switch {
	case conf.Conn == nil:
		return nil, errors.New("key service: no connection")
	case conf.Store == nil:
		return nil, errors.New("key service: no keys")
	case conf.Audit == nil:
		return nil, errors.New("key service: no audit: what is not taken down is not done")
	}
	if c := conf.Changes; c != nil && (c.Source == nil || c.Journal == nil) {
		return nil, errors.New("key service: key changes need readers and a journal")
	}
	if err := remote.CheckName(conf.Fleet); err != nil {
		return nil, fmt.Errorf("key service: fleet: %w", err)
	}
	if conf.Logger == nil {
		conf.Logger = slog.New(slog.DiscardHandler)
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	conf.Timeout = cmp.Or(conf.Timeout, 10*time.Second)
	s := &Service{
		conf: conf, subjects: remote.Subjects{Fleet: conf.Fleet}, instance: newID(),
		agents: agents{all: map[string]*agent{}}, shelf: shelf{all: map[string]*pending{}},
		atOnce: make(chan struct{}, mostAtOnce), changing: make(chan struct{}, 1), ready: make(chan struct{}),
	}
	if conf.Policy == nil {
		conf.Policy = new(Policy)
	}
	return s, s.SetPolicy(conf.Policy)
}

// SetPolicy takes another policy from now on. Handshakes that wait go on.
func (s *Service) SetPolicy(p *Policy) error {
	if err := p.Check(); err != nil {
		return err
	}
	s.policy.Store(p)
	return nil
}

// Ready is closed when the service answers.
func (s *Service) Ready() <-chan struct{} { return s.ready }

// Run answers until ctx ends, once. Requests that are in work then get their answer;
// handshakes that wait for a proof are over.
func (s *Service) Run(ctx context.Context) error {
	nc := s.conf.Conn
	take := func(m *nats.Msg) { s.take(ctx, m) }
	any, err := nc.QueueSubscribe(s.subjects.Keys("*", "*"), "keyservice", take)
	if err != nil {
		return fmt.Errorf("key service: %w", err)
	}
	mine, err := nc.Subscribe(s.subjects.Keys("*", "*."+s.instance), take)
	if err == nil {
		flush, cancel := context.WithTimeout(ctx, s.conf.Timeout)
		err = nc.FlushWithContext(flush)
		cancel()
	}
	if err == nil {
		close(s.ready)
		s.wait(ctx)
	}
	for _, sub := range []*nats.Subscription{any, mine} {
		if sub != nil {
			_ = sub.Unsubscribe() // the connection may be gone
		}
	}
	_ = nc.FlushTimeout(s.conf.Timeout) // so that who asks now is told that nobody is here
	s.work.Wait()
	s.shelf.end()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("key service: %w", err)
	}
	return nil
}

// wait ends handshakes in time until ctx ends.
func (s *Service) wait(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.shelf.sweep(s.conf.Now())
		}
	}
}

// take takes one message, when there is room for it.
func (s *Service) take(ctx context.Context, m *nats.Msg) {
	select {
	case s.atOnce <- struct{}{}:
	case <-ctx.Done():
		return
	}
	s.work.Go(func() {
		defer func() { <-s.atOnce }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.conf.Timeout)
		defer cancel()
		s.serve(ctx, m)
	})
}

// serve answers one message.
func (s *Service) serve(ctx context.Context, m *nats.Msg) {
	parts := strings.Split(m.Subject, ".") // desfire.FLEET.keys.AGENT.WHAT
	if len(parts) < 5 || remote.CheckName(parts[3]) != nil {
		return
	}
	now := s.conf.Now()
	a := s.agents.get(parts[3], now)
	if a == nil {
		s.conf.Logger.Warn("key service: too many agents", "agent", parts[3])
		return
	}
	r := &request{service: s, name: parts[3], what: parts[4], agent: a, now: now, id: newID()}
	if !remote.IsInbox(r.name, m.Reply) && r.what != remote.KeysDrop {
		_ = r.refuse(ctx, &remote.KeyError{Code: remote.KeyBad, Text: fmt.Sprintf("the answer is to go to %.60q, which is not in the inbox of %s", m.Reply, r.name)})
		return
	}
	if !a.begin() {
		s.reply(m, r, nil, r.refuse(ctx, &remote.KeyError{Code: remote.KeyBusy, Text: fmt.Sprintf("%d requests of %s are in work: wait for one of them", mostInWork, r.name), After: 1}))
		return
	}
	defer a.end()
	payload, err := remote.Decode(m.Data, &r.KeyRequest)
	if err == nil {
		err = r.read()
	}
	if err != nil {
		s.reply(m, r, nil, r.refuse(ctx, malformed(err)))
		return
	}
	data, refused := r.answer(ctx, payload)
	s.reply(m, r, data, refused)
}

// reply sends an answer, and overwrites its payload.
func (s *Service) reply(m *nats.Msg, r *request, payload []byte, refused *remote.KeyError) {
	defer clear(payload)
	if r.what == remote.KeysDrop {
		return
	}
	r.out.V, r.out.Error = remote.Version, refused
	if refused != nil {
		r.out = remote.KeyAnswer{Versioned: r.out.Versioned, Error: refused}
		payload = nil
	}
	out, err := remote.Encode(r.out, payload)
	if err == nil {
		err = s.conf.Conn.Publish(m.Reply, out)
		clear(out)
	}
	if err != nil {
		s.conf.Logger.Error("key service: an answer was not sent", "agent", r.name, "what", r.what, "trace", r.Trace, "error", err)
	}
}

func malformed(err error) *remote.KeyError {
	var v *remote.VersionError
	if errors.As(err, &v) {
		// The words are for the other side.
		return &remote.KeyError{Code: remote.KeyUnknown, Text: (&remote.VersionError{Theirs: v.Ours, Ours: v.Theirs}).Error()}
	}
	return &remote.KeyError{Code: remote.KeyBad, Text: err.Error()}
}
