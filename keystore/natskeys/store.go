package natskeys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
	"github.com/nats-io/nats.go"
)

// Config says how a Store asks.
type Config struct {
	// Timeout is how long a question waits for its answer, where the context does not end
	// before; 0 is 3 s.
	Timeout time.Duration

	// OnDenied is told that the policy does not let the agent use a key, which Has and
	// Slots answer as if it were not there. nil: nobody is told.
	OnDenied func(r keystore.Ref, why error)

	// Now is the time; nil is time.Now.
	Now func() time.Time
}

// Store is keys in the centre. Its methods may be called from several goroutines.
type Store struct {
	conn     *nats.Conn
	subjects remote.Subjects
	agent    string
	conf     Config

	mu   sync.Mutex
	kept map[keystore.Ref]kept
}

// kept is what may be kept of the keys of a reference.
type kept struct {
	slots []remote.KeySlot
	until time.Time
}

const mostKept = 4096

var _ keystore.Rotating = (*Store)(nil)

// New makes a Store that asks in the name of an agent, which the connection must have the
// right to; its inbox prefix must be that of remote.Inbox. The connection stays
// the caller's. conf may be nil.
func New(conn *nats.Conn, fleet, agent string, conf *Config) (*Store, error) {
	if conn == nil {
		return nil, errors.New("key service: no connection")
	}
	for what, name := range map[string]string{"fleet": fleet, "agent": agent} {
		if err := remote.CheckName(name); err != nil {
			return nil, fmt.Errorf("key service: %s: %w", what, err)
		}
	}
	s := &Store{conn: conn, subjects: remote.Subjects{Fleet: fleet}, agent: agent, kept: map[keystore.Ref]kept{}}
	if conf != nil {
		s.conf = *conf
	}
	s.conf.Timeout = cmp.Or(s.conf.Timeout, 3*time.Second)
	if s.conf.Now == nil {
		s.conf.Now = time.Now
	}
	if !remote.IsInbox(agent, conn.NewRespInbox()) {
		return nil, fmt.Errorf("key service: answers on this connection do not go to %s: connect with nats.CustomInboxPrefix(%q)", agent, remote.Inbox(agent))
	}
	return s, nil
}

// String names it for people.
func (s *Store) String() string { return "the key service of fleet " + s.subjects.Fleet }

// slots asks which keys there are, or knows it.
func (s *Store) slots(ctx context.Context, r keystore.Ref) ([]remote.KeySlot, error) {
	now := s.conf.Now()
	s.mu.Lock()
	known, ok := s.kept[r]
	s.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.slots, nil
	}
	a, _, err := s.ask(ctx, remote.KeysSlots, remote.KeyRequest{Ref: r.String()}, nil)
	if err != nil {
		return nil, err
	}
	if len(a.Slots) > 256 {
		return nil, fmt.Errorf("key service: %d keys for %v", len(a.Slots), r)
	}
	if keep := min(max(a.Keep, 0), 24*3600); keep > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.kept) >= mostKept {
			clear(s.kept)
		}
		s.kept[r] = kept{a.Slots, now.Add(time.Duration(keep * float64(time.Second)))}
	}
	return a.Slots, nil
}

// forget asks anew about a reference, next time.
func (s *Store) forget(r keystore.Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.kept, r)
}

// Has implements keystore.Store: it asks the centre.
func (s *Store) Has(ctx context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	slots, err := s.Slots(ctx, r)
	if err != nil || len(slots) == 0 {
		return keystore.Facts{}, false, err
	}
	return slots[0].Facts, true, nil
}

// Slots implements keystore.Rotating: it asks the centre. Keys that the policy
// does not let the agent use are not there.
func (s *Store) Slots(ctx context.Context, r keystore.Ref) ([]keystore.Slot, error) {
	told, err := s.slots(ctx, r)
	switch {
	case errors.Is(err, ErrRefused):
		if s.conf.OnDenied != nil {
			s.conf.OnDenied(r, err)
		}
		return nil, nil
	case err != nil:
		return nil, err
	}
	var slots []keystore.Slot
	for _, t := range told {
		slots = append(slots, keystore.Slot{Facts: s.facts(t), Key: func(ctx context.Context) (key.Key, error) { return s.key(ctx, r, t) }})
	}
	return slots, nil
}

func (s *Store) facts(t remote.KeySlot) keystore.Facts {
	f := keystore.Facts{Version: t.Version, NoVersion: t.NoVersion, Source: "nats:" + s.subjects.Fleet}
	if typ, err := key.ParseType(t.Type); err == nil {
		f.Type = typ.String()
	}
	return f
}

// Key implements keystore.Store, with the newest key.
func (s *Store) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	told, err := s.slots(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case len(told) == 0:
		return nil, &keystore.NotFoundError{Ref: r, Store: s.String()}
	}
	return s.key(ctx, r, told[0])
}

// key is a handle to a key, of which the centre is asked only where something has to be
// known of it.
func (s *Store) key(ctx context.Context, r keystore.Ref, t remote.KeySlot) (key.Key, error) {
	typ, err := key.ParseType(t.Type)
	sure := t
	if err != nil || r.UID == "" { // without a UID there may be no such key
		a, _, err := s.ask(ctx, remote.KeysGet, remote.KeyRequest{Ref: r.String(), Slot: &t}, nil)
		if err != nil {
			return nil, s.changed(r, err)
		}
		if len(a.Slots) != 1 {
			return nil, fmt.Errorf("key service: %d keys, where one was asked for", len(a.Slots))
		}
		sure = a.Slots[0]
		if typ, err = key.ParseType(sure.Type); err != nil {
			return nil, fmt.Errorf("key service: %w", err)
		}
	}
	return &Key{store: s, ref: r, slot: t, typ: typ, version: sure.Version}, nil
}

// changed forgets what was known of a reference where the centre says that it is no
// longer so.
func (s *Store) changed(r keystore.Ref, err error) error {
	var e *AnswerError
	if errors.As(err, &e) {
		switch e.Code {
		case remote.KeyChanged, remote.KeyNotFound, remote.KeyPolicy:
			s.forget(r)
		}
	}
	return err
}
