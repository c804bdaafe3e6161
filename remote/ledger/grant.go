package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
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

// What an agent can ask for.
const (
	opAcquire = "acquire"
	opRenew   = "renew"
	opRelease = "release"
)

// MandateAsk is the header of a request to Subjects.Mandate.
type MandateAsk struct {
	remote.Versioned
	Op    string        `json:"op"` // acquire, renew or release
	Card  purse.CardApp `json:"of"`
	Nonce string        `json:"nonce"` // random, another one for each mandate
}

// MandateAnswer is the header of the answer.
type MandateAnswer struct {
	remote.Versioned
	Epoch   string        `json:"epoch,omitempty"`
	For     time.Duration `json:"for,omitempty"`     // granted, from when it was asked for on
	Refused string        `json:"refused,omitempty"` // why not
	Wait    time.Duration `json:"wait,omitempty"`    // before asking again
}

// mandated is who holds a mandate, as the bucket has it.
type mandated struct {
	Agent string `json:"agent,omitempty"` // empty: nobody
	Nonce string `json:"nonce,omitempty"`
	No    uint64 `json:"no"`    // counts the mandates of this card
	Stamp string `json:"stamp"` // another one each time that this is written
}

func (m *mandated) epoch() string { return fmt.Sprintf("%d-%s", m.No, m.Nonce) }

// mandates is where it is written who holds a mandate. A revision of 0 is none. put fails with errRaced if the
// revision is not the one that is there.
type mandates interface {
	get(ctx context.Context, key string) (m mandated, revision uint64, err error)
	put(ctx context.Context, key string, m mandated, revision uint64) error
}

var errRaced = errors.New("somebody else wrote it")

// grants grants mandates. A mandate ends when a centre has seen it not renewed for its whole time by its own clock: no
// time is written down, and none of another clock counts. What a centre granted before it
// started, or lost its connection, may have been lost with the store: for one such time it grants nothing.
type grants struct {
	ttl   time.Duration
	store mandates
	now   func() time.Time
	// lost counts how often the connection to the store was lost; nil: never.
	lost func() uint64

	mu    sync.Mutex
	since time.Time
	known uint64 // what lost was then
	seen  map[string]sighting
}

// sighting is a state of a mandate, and since when it is known.
type sighting struct {
	stamp string
	at    time.Time
}

// maxSeen is how many mandates are kept in mind; of others the time begins anew.
const maxSeen = 100_000

// restart begins the time in which nothing is granted.
func (g *grants) restart() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = g.losses()
	g.since = g.now()
}

func (g *grants) losses() uint64 {
	if g.lost == nil {
		return 0
	}
	return g.lost()
}

// see returns for how long a state has been there.
func (g *grants) see(key string, m *mandated) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if g.seen == nil {
		g.seen = map[string]sighting{}
	}
	s, known := g.seen[key]
	if !known || s.stamp != m.Stamp {
		if !known && len(g.seen) >= maxSeen {
			for k := range g.seen {
				delete(g.seen, k)
				break
			}
		}
		s = sighting{m.Stamp, now}
		g.seen[key] = s
	}
	return now.Sub(s.at)
}

// early is how long nothing is granted yet.
func (g *grants) early() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := g.losses(); n != g.known { // whoever else hears of it may hear later
		g.known, g.since = n, g.now()
	}
	return g.ttl - g.now().Sub(g.since)
}

// do answers an agent.
func (g *grants) do(ctx context.Context, agent string, ask *MandateAsk) (MandateAnswer, error) {
	for range 5 {
		a, err := g.try(ctx, agent, ask)
		if !errors.Is(err, errRaced) {
			return a, err
		}
	}
	return MandateAnswer{}, errRaced
}

func (g *grants) try(ctx context.Context, agent string, ask *MandateAsk) (a MandateAnswer, err error) {
	key := cardKey(ask.Card)
	early := g.early()
	m, revision, err := g.store.get(ctx, key)
	if err != nil {
		return a, err
	}
	age := time.Duration(0)
	if m.Agent != "" {
		age = g.see(key, &m)
	}
	mine, held := m.Agent == agent && m.Nonce == ask.Nonce, m.Agent != "" && age < g.ttl
	switch {
	case ask.Op == opRelease && !mine:
		return a, nil // released, or lapsed
	case ask.Op == opRelease:
		m.Agent, m.Nonce = "", ""
		return a, g.write(ctx, key, m, revision)
	case mine && held && (ask.Op == opRenew || early <= 0): // renewed; or granted before, and the answer was lost
	case ask.Op == opRenew:
		a.Refused = "the mandate is held no more"
		return a, nil
	case held && !mine:
		a.Refused, a.Wait = fmt.Sprintf("agent %s holds it", m.Agent), g.ttl-age
		return a, nil
	default:
		if a.Wait = early; a.Wait > 0 {
			a.Refused = notYet
			return a, nil
		}
		m = mandated{Agent: agent, Nonce: ask.Nonce, No: m.No + 1}
	}
	if err := g.write(ctx, key, m, revision); err != nil {
		return a, err
	}
	if ask.Op == opAcquire {
		// It may have been written to another store than was read.
		if a.Wait = g.early(); a.Wait > 0 {
			a.Refused = notYet
			return a, nil
		}
	}
	a.Epoch, a.For = m.epoch(), g.ttl
	return a, nil
}

const notYet = "the centre has just started, or was cut off, and does not know yet what was granted before"

// write writes a state. Its time begins here, later than the holder asked.
func (g *grants) write(ctx context.Context, key string, m mandated, revision uint64) error {
	var b [8]byte
	_, _ = rand.Read(b[:])
	m.Stamp = hex.EncodeToString(b[:])
	if err := g.store.put(ctx, key, m, revision); err != nil {
		return err
	}
	g.see(key, &m)
	return nil
}

// mandateBucket is mandates in a bucket.
type mandateBucket struct{ kv jetstream.KeyValue }

func (b mandateBucket) get(ctx context.Context, key string) (m mandated, revision uint64, err error) {
	e, err := b.kv.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return m, 0, nil
	case err != nil:
		return m, 0, err
	}
	if err := json.Unmarshal(e.Value(), &m); err != nil {
		return m, 0, fmt.Errorf("mandate %s: %w", key, err)
	}
	return m, e.Revision(), nil
}

func (b mandateBucket) put(ctx context.Context, key string, m mandated, revision uint64) error {
	v, err := json.Marshal(&m)
	if err != nil {
		return err
	}
	if revision == 0 {
		_, err = b.kv.Create(ctx, key, v)
	} else {
		_, err = b.kv.Update(ctx, key, v, revision)
	}
	if errors.Is(err, jetstream.ErrKeyExists) || conflict(err) {
		return errRaced
	}
	return err
}

// mandate answers an agent that wants to move a value alone.
func (c *Centre) mandate(ctx context.Context, agent string, m *nats.Msg) []byte {
	var ask MandateAsk
	_, err := remote.Decode(m.Data, &ask)
	var a MandateAnswer
	if err == nil {
		err = ask.check()
	}
	switch {
	case err != nil:
	case c.conf.MayMandate != nil && !c.conf.MayMandate(agent, ask.Card):
		a.Refused = "this agent may not"
	default:
		a, err = c.grants.do(ctx, agent, &ask)
	}
	if err != nil {
		a = MandateAnswer{Refused: shortened(err.Error())}
		c.log.Warn("a mandate is not granted", "agent", agent, "error", err)
	}
	a.Versioned = version
	b, err := remote.Encode(a, nil)
	if err != nil {
		c.log.Error("an answer cannot be written", "error", err)
		return nil
	}
	return b
}

func (a *MandateAsk) check() error {
	if a.Op != opAcquire && a.Op != opRenew && a.Op != opRelease {
		return fmt.Errorf("%w: a mandate cannot be asked to %.20q", remote.ErrMessage, a.Op)
	}
	if _, err := hex.DecodeString(a.Nonce); err != nil || len(a.Nonce) != 32 {
		return fmt.Errorf("%w: a nonce of %d digits", remote.ErrMessage, len(a.Nonce))
	}
	c := change{Logged: purse.Logged{Found: &purse.Found{ID: purse.ID{1}, CardApp: a.Card, Outcome: purse.Outcome{Decision: purse.InDoubt}}}}
	if why := c.wrong(); why != "" {
		return fmt.Errorf("%w: %s", remote.ErrMessage, why)
	}
	return nil
}
