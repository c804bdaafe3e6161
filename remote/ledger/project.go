package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Everything but CHANGES, journals and mandates follows from CHANGES, and is made again from it as
// often as one likes.

const (
	margin     = 1000 // messages of CHANGES that are looked at again after a start
	poll       = 2 * time.Second
	stateKey   = "followed"
	checkpoint = 5 * time.Second
	patience   = 60 // looks for a message that should be there
)

// followed is up to where everything that follows from CHANGES is written.
type followed struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
}

// project follows CHANGES.
func (c *Centre) project(ctx context.Context) error {
	back := c.conf.Conn.StatusChanged(nats.CONNECTED)
	defer c.conf.Conn.RemoveStatusListener(back)
	next, err := c.resume(ctx)
	if err != nil {
		return err
	}
	written, missing := time.Now(), 0
	for ctx.Err() == nil {
		select {
		case <-back: // the server may have lost something, and CHANGES goes on from before
			c.heads.clear()
			c.grants.restart()
			next = max(1, sub(next, margin))
		default:
		}
		m, err := c.st.changes.GetMsg(ctx, next)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			if err := c.saveFollowed(ctx, next-1, &written); err != nil {
				c.log.Warn("how far it is, is not written", "error", err)
			}
			if there, err := c.st.changes.Info(ctx); err == nil && there.State.LastSeq+1 < next {
				next = max(1, sub(there.State.LastSeq+1, margin))
				continue
			} else if err == nil && there.State.LastSeq >= next {
				// It came in between; nothing is ever taken out, so that only damage makes it stay away.
				// What is before the first was lost, or never written down since the disk was full.
				if missing++; missing <= patience && there.State.FirstSeq <= next {
					sleep(ctx, min(time.Duration(missing-1)*time.Second/4, poll))
					continue
				}
				to := max(next+1, there.State.FirstSeq)
				c.log.Error("messages of CHANGES are missing", "from", next, "to", to-1)
				next, missing = to, 0
				continue
			}
			c.shipped.wait(ctx, poll)
		case err != nil:
			if ctx.Err() == nil {
				c.log.Warn("CHANGES cannot be read", "error", err)
			}
			c.shipped.wait(ctx, poll)
		default:
			if err := retry(ctx, c.log, "what follows from changes", func() error { return c.follow(ctx, m) }); err != nil {
				return fmt.Errorf("message %d of CHANGES: %w", next, err)
			}
			next, missing = next+1, 0
			if time.Since(written) > checkpoint {
				if err := c.saveFollowed(ctx, next-1, &written); err != nil {
					c.log.Warn("how far it is, is not written", "error", err)
				}
			}
		}
	}
	return ctx.Err()
}

func sub(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

func (h *heads) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.m)
}

// resume is from where CHANGES is followed.
func (c *Centre) resume(ctx context.Context) (uint64, error) {
	var f followed
	v, err := c.st.state.Get(ctx, stateKey)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return 1, nil
	case err != nil:
		return 0, err
	}
	if json.Unmarshal(v.Value(), &f) != nil || f.Epoch != c.st.epoch {
		return 1, nil
	}
	return max(1, sub(f.Seq, margin)), nil
}

// saveFollowed writes how far it is: what is not judged yet does not count.
func (c *Centre) saveFollowed(ctx context.Context, seq uint64, written *time.Time) error {
	if first := c.cards.first(); first > 0 {
		seq = min(seq, first-1)
	}
	*written = time.Now()
	b, err := json.Marshal(followed{c.st.epoch, seq})
	if err != nil {
		return err
	}
	if have, err := c.st.state.Get(ctx, stateKey); err == nil && string(have.Value()) == string(b) {
		return nil
	}
	_, err = c.st.state.Put(ctx, stateKey, b)
	return err
}

// follow does what follows from one message of CHANGES.
func (c *Centre) follow(ctx context.Context, m *jetstream.RawStreamMsg) error {
	parts := strings.Split(m.Subject, ".")
	agent := parts[len(parts)-2]
	var s stored
	payload, err := remote.Decode(m.Data, &s)
	var changes []change
	if err == nil {
		changes, err = decodeChanges(payload)
	}
	if err != nil { // of a newer centre, perhaps
		c.log.Error("a message of CHANGES is not understood", "seq", m.Sequence, "error", err)
		return nil
	}
	var group sync.WaitGroup
	errs := make([]error, len(changes))
	slots := make(chan struct{}, 16)
	byEntry := map[purse.ID]*sync.Mutex{}
	for i := range changes {
		id := changes[i].id()
		if byEntry[id] == nil {
			byEntry[id] = new(sync.Mutex)
		}
		slots <- struct{}{}
		one := byEntry[id]
		group.Go(func() {
			defer func() { <-slots }()
			one.Lock()
			defer one.Unlock()
			errs[i] = c.followChange(ctx, agent, &changes[i], m.Sequence, s.Received)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (c *change) id() purse.ID {
	if c.Entry != nil {
		return c.Entry.ID
	}
	return c.Found.ID
}

// followChange does what follows from one change of an agent's journal.
func (c *Centre) followChange(ctx context.Context, agent string, x *change, seq uint64, received time.Time) error {
	if why := x.wrong(); why != "" {
		return c.alarm(ctx, agent, "a change that is none", why, x.id())
	}
	g := x.id().Generation()
	if x.Found != nil {
		return c.followFound(ctx, agent, x.Found, seq, received)
	}
	owner, err := c.bind(ctx, g, agent)
	if err != nil {
		return err
	}
	if owner != agent {
		return c.alarm(ctx, agent, "another's transaction", fmt.Sprintf("it reports transaction %v of journal %v, which is that of agent %s", x.id(), g, owner), x.id())
	}
	var contradicts bool
	r, _, err := c.st.update(ctx, c.st.subject(agent, x.Entry), func(r *Record) (next *Record, changed bool) {
		next, changed, contradicts = r.add(x.Entry, agent, received)
		return next, changed
	})
	if err != nil {
		return err
	}
	if contradicts {
		if err := c.alarm(ctx, agent, "another content", "it reports the transaction with another content than before: two journals use one generation, or a report was changed", x.id()); err != nil {
			return err
		}
	}
	if r, err = c.catchUp(ctx, r); err != nil {
		return err
	}
	c.cards.add(r.Entry.CardApp, seq, r.IsOpen() || len(r.Found) > 0)
	return c.show(ctx, r)
}

// followFound adds what an agent found of an entry of another.
func (c *Centre) followFound(ctx context.Context, agent string, f *purse.Found, seq uint64, received time.Time) error {
	have, err := c.st.journals.Get(ctx, f.ID.Generation().String())
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return c.tooEarly(ctx, agent, f, received, "it settled a transaction of a journal that nobody reports of")
	case err != nil:
		return err
	}
	e := &purse.Entry{ID: f.ID, CardApp: f.CardApp}
	unknown := false
	r, _, err := c.st.update(ctx, c.st.subject(string(have.Value()), e), func(r *Record) (*Record, bool) {
		if unknown = r == nil; unknown {
			return nil, false
		}
		return r, r.find(agent, f.Outcome, received)
	})
	if err != nil {
		return err
	}
	if unknown {
		return c.tooEarly(ctx, agent, f, received, "it settled a transaction that its agent does not report")
	}
	c.cards.add(r.Entry.CardApp, seq, true)
	return nil
}

// wrong says why a change is none that a purse makes; empty if it may be one.
func (c *change) wrong() string {
	card := purse.CardApp{}
	switch {
	case c.Entry != nil:
		if err := c.Entry.CheckReported(); err != nil {
			return err.Error()
		}
		card = c.Entry.CardApp
	default:
		if err := c.Found.Check(); err != nil {
			return err.Error()
		}
		card = c.Found.CardApp
	}
	if len(card.App) > maxApp || len(card.UID) > 20 || strings.Trim(card.UID, "0123456789ABCDEF") != "" {
		return fmt.Sprintf("card %.40q, %.80q is none", card.UID, card.App)
	}
	return ""
}
