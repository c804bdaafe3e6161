package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// stored is the header of a message of CHANGES; the payload is that of the batch.
type stored struct {
	remote.Versioned
	From     uint64    `json:"from"` // the journal has no change between this and the first
	To       uint64    `json:"to"`   // the number of the last one
	Again    bool      `json:"again,omitempty"`
	Received time.Time `json:"received"`
}

// head is how far the changes of one journal are.
type head struct {
	subject string
	stream  uint64 // the sequence of the last message of its subject
	seq     uint64
	acked   []ack // what does not survive a loss of power yet
	synced  uint64
}

type ack struct {
	seq uint64
	at  time.Time
}

// heads are those that are known; one that is not is read.
type heads struct {
	mu sync.Mutex
	m  map[string]*head
}

// maxHeads is how many are remembered.
const maxHeads = 20_000

// of returns the head of a subject, which one request at a time uses.
func (h *heads) of(ctx context.Context, st *store, subject string) (*head, error) {
	h.mu.Lock()
	x := h.m[subject]
	h.mu.Unlock()
	if x != nil {
		return x, nil
	}
	x = &head{subject: subject}
	m, err := st.changes.GetLastMsgForSubject(ctx, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
	case err != nil:
		return nil, err
	default:
		var s stored
		if _, err := remote.Decode(m.Data, &s); err != nil {
			return nil, fmt.Errorf("message %d of CHANGES: %w", m.Sequence, err)
		}
		x.stream, x.seq = m.Sequence, s.To
		x.acked = []ack{{s.To, time.Now()}}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.m == nil {
		h.m = map[string]*head{}
	}
	if len(h.m) >= maxHeads {
		for k := range h.m {
			delete(h.m, k)
			break
		}
	}
	h.m[subject] = x
	return x, nil
}

func (h *heads) forget(subject string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.m, subject)
}

// safe is up to which change all survive a loss of power.
func (x *head) safe(after time.Duration, now time.Time) uint64 {
	for len(x.acked) > 0 && now.Sub(x.acked[0].at) >= after {
		x.synced = x.acked[0].seq
		x.acked = x.acked[1:]
	}
	return min(x.synced, x.seq)
}

// outbox takes a batch.
func (c *Centre) outbox(ctx context.Context, agent string, m *nats.Msg) []byte {
	w := Watermark{Versioned: version, Epoch: c.st.epoch, Time: c.conf.Now().UTC()}
	if err := c.take(ctx, agent, m.Data, &w); err != nil {
		w.Refused = shortened(err.Error())
		w.Seq, w.Synced = 0, 0
		if errors.Is(err, remote.ErrMessage) {
			c.alarm(ctx, agent, "a batch of changes", err.Error(), purse.ID{})
		}
		c.log.Warn("a batch of changes is not taken", "agent", agent, "error", err)
	}
	b, err := remote.Encode(w, nil)
	if err != nil {
		c.log.Error("an answer cannot be written", "error", err)
		return nil
	}
	return b
}

func (c *Centre) take(ctx context.Context, agent string, data []byte, w *Watermark) error {
	b, changes, err := decodeBatch(data)
	if err != nil {
		return err
	}
	if b.Generation == (purse.Generation{}) {
		return fmt.Errorf("%w: a batch of no journal", remote.ErrMessage)
	}
	owner, err := c.bind(ctx, b.Generation, agent)
	switch {
	case err != nil:
		return err
	case owner != agent:
		c.alarm(ctx, agent, "another's journal", fmt.Sprintf("it ships journal %v, which is that of agent %s", b.Generation, owner), purse.ID{})
		return fmt.Errorf("journal %v is that of agent %s: if it was moved here, an operator has to say so", b.Generation, owner)
	}
	subject := c.at.Changes(agent) + "." + b.Generation.String()
	for try := 0; ; try++ {
		h, err := c.heads.of(ctx, c.st, subject)
		if err != nil {
			return err
		}
		err = c.add(ctx, h, b, changes)
		if conflict(err) && try < 3 { // another centre took a batch
			c.heads.forget(subject)
			continue
		}
		if err != nil {
			c.heads.forget(subject)
			return err
		}
		c.shipped.ring()
		c.contact(agent)
		w.Seq, w.Synced = h.seq, h.safe(c.conf.SyncAfter, time.Now())
		return nil
	}
}

// add puts what is new of a batch into CHANGES, as one message.
func (c *Centre) add(ctx context.Context, h *head, b *Batch, changes []change) error {
	if b.After > h.seq {
		return nil // something is missing in between: the answer says from where on
	}
	from := b.After
	if !b.Again {
		for len(changes) > 0 && changes[0].Seq <= h.seq {
			changes = changes[1:]
		}
		from = h.seq
	}
	if len(changes) == 0 {
		return nil
	}
	raw := make([]json.RawMessage, len(changes))
	for i := range changes {
		raw[i] = changes[i].raw
	}
	payload, err := json.Marshal(raw)
	if err != nil {
		return err
	}
	s := stored{Versioned: version, From: from, To: changes[len(changes)-1].Seq, Again: b.Again, Received: c.conf.Now().UTC()}
	m, err := remote.Encode(s, payload)
	if err != nil {
		return err
	}
	a, err := c.js.Publish(ctx, h.subject, m, jetstream.WithExpectLastSequencePerSubject(h.stream))
	if err != nil {
		return err
	}
	if b.Again {
		h.acked, h.synced = nil, min(h.synced, b.After)
	}
	h.stream, h.seq = a.Sequence, s.To
	if n := len(h.acked); n < 1000 {
		h.acked = append(h.acked, ack{s.To, time.Now()})
	} else {
		h.acked[n-1] = ack{s.To, time.Now()}
	}
	return nil
}

// bind returns which agent a journal belongs to: the first that reports of it.
func (c *Centre) bind(ctx context.Context, g purse.Generation, agent string) (owner string, err error) {
	key := g.String()
	for range 3 {
		have, err := c.st.journals.Get(ctx, key)
		if err == nil {
			return string(have.Value()), nil
		}
		if !errors.Is(err, jetstream.ErrKeyNotFound) {
			return "", err
		}
		if _, err := c.st.journals.Create(ctx, key, []byte(agent)); err == nil {
			return agent, nil
		} else if !errors.Is(err, jetstream.ErrKeyExists) && !conflict(err) {
			return "", err
		}
	}
	return "", fmt.Errorf("whose journal %v is cannot be written down", g)
}

// Rebind says that a journal belongs to an agent from now on.
func (c *Centre) Rebind(ctx context.Context, g purse.Generation, agent string) error {
	if err := remote.CheckName(agent); err != nil {
		return err
	}
	_, err := c.st.journals.Put(ctx, g.String(), []byte(agent))
	return err
}
