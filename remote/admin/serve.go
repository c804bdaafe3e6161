package admin

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/remote"
)

// Config says what a Serve answers from.
type Config struct {
	Conn  *nats.Conn
	Fleet string
	View  fleet.View // one that is a fleet.Operator as well also does what people ask for
	// More are other questions, by the last part of their subject, and who answers each: in
	// is the JSON of what was asked, and the result goes back as JSON.
	More   map[string]func(ctx context.Context, in []byte) (any, error)
	Logger *slog.Logger // nil: none
}

// maxAtOnce is how many questions are answered at a time; more wait in the connection.
const maxAtOnce = 8

// Serve answers until ctx ends.
func Serve(ctx context.Context, c Config) error {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &server{conf: c}
	room := make(chan struct{}, maxAtOnce)
	var running sync.WaitGroup
	prefix := remote.Subjects{Fleet: c.Fleet}.Admin("")
	sub, err := c.Conn.Subscribe(prefix+">", func(m *nats.Msg) {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		running.Go(func() {
			defer func() { <-room }()
			s.answer(ctx, m.Subject[len(prefix):], m)
		})
	})
	if err != nil {
		cancel()
		return fmt.Errorf("admin: %w", err)
	}
	<-ctx.Done()
	_ = sub.Unsubscribe()
	cancel()
	running.Wait()
	return nil
}

type server struct {
	conf Config

	mu   sync.Mutex
	made []*cut // the newest last
}

// cut is a snapshot in parts.
type cut struct {
	of    *fleet.Snapshot
	id    string
	parts [][]byte
}

// answer answers where somebody may listen who asks: the centre may write more than that.
func (s *server) answer(ctx context.Context, what string, m *nats.Msg) {
	who, ok := remote.InboxOf(m.Reply)
	if !ok {
		return
	}
	a, payload, err := s.result(ctx, what, m.Data)
	if err != nil {
		s.conf.Logger.Warn("a question is not answered", "what", visible.Text(what), "to", who, "err", visible.Text(err.Error()))
		a, payload = answer{Failed: err.Error()}, nil
	}
	a.V = remote.Version
	b, err := remote.Encode(a, payload)
	if err != nil {
		b, err = remote.Encode(answer{Versioned: a.Versioned, Failed: "the answer is too long: ask for less"}, nil)
	}
	if err == nil {
		_ = m.Respond(b) // who asked asks again
	}
}

func (s *server) result(ctx context.Context, what string, message []byte) (a answer, payload []byte, err error) {
	var q question
	in, err := remote.Decode(message, &q)
	if err != nil {
		return a, nil, err
	}
	var v any
	switch what {
	case askSnapshot:
		return s.snapshot(&q)
	case askLedger:
		var l fleet.LedgerQuery
		if q.Ledger != nil {
			l = *q.Ledger
		}
		if err := bounds(l.Text, l.Skip, &l.Most); err != nil {
			return a, nil, err
		}
		v, err = s.conf.View.Ledger(ctx, l)
	case askKeys:
		var k fleet.KeyQuery
		if q.Keys != nil {
			k = *q.Keys
		}
		if err := bounds(k.Text, k.Skip, &k.Most); err != nil {
			return a, nil, err
		}
		v, err = s.conf.View.KeyUses(ctx, k)
	case askInvite, askRevoke, askDrain:
		v, err = s.act(ctx, what, q.Agent)
	default:
		more := s.conf.More[what]
		if more == nil {
			return a, nil, fmt.Errorf("this centre does not know what %q is: update it", visible.Text(what))
		}
		v, err = more(ctx, in)
	}
	if err == nil {
		payload, err = json.Marshal(v)
	}
	return a, payload, err
}

func bounds(text string, skip int, most *int) error {
	if len(text) > maxText || skip < 0 || *most < 0 {
		return errors.New("what is looked for is out of bounds")
	}
	if *most == 0 {
		*most = 50
	}
	*most = min(*most, maxLines)
	return nil
}

func (s *server) act(ctx context.Context, what, agent string) (any, error) {
	o, ok := s.conf.View.(fleet.Operator)
	if !ok {
		return nil, errors.New("this centre lets nobody do that from afar")
	}
	if err := remote.CheckName(agent); err != nil {
		return nil, err
	}
	s.conf.Logger.Info("an operator asks", "what", what, "agent", agent)
	switch what {
	case askInvite:
		return o.Invite(ctx, agent)
	case askRevoke:
		return struct{}{}, o.Revoke(ctx, agent)
	}
	return struct{}{}, o.Drain(ctx, agent)
}

// snapshot is a part of a snapshot: of the present one, or of one that was begun.
func (s *server) snapshot(q *question) (a answer, part []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c *cut
	if q.ID == "" {
		c, err = s.present()
	} else if i := slices.IndexFunc(s.made, func(c *cut) bool { return c.id == q.ID }); i >= 0 {
		c = s.made[i]
	} else {
		err = errors.New("that snapshot is gone: ask for a new one")
	}
	if err == nil && (q.Part < 0 || q.Part >= len(c.parts)) {
		err = errors.New("the snapshot has no such part")
	}
	if err != nil {
		return a, nil, err
	}
	return answer{ID: c.id, Parts: len(c.parts)}, c.parts[q.Part], nil
}

func (s *server) present() (*cut, error) {
	now := s.conf.View.Now()
	if n := len(s.made); n > 0 && s.made[n-1].of == now {
		return s.made[n-1], nil
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(z).Encode(now), z.Close()); err != nil {
		return nil, err
	}
	c := &cut{of: now, id: rand.Text(), parts: slices.Collect(slices.Chunk(b.Bytes(), partSize))}
	s.made = append(s.made, c)
	s.made = s.made[max(len(s.made)-kept, 0):]
	return c, nil
}
