package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
)

// dirty are the cards of which something is new.
type dirty struct {
	bell
	mu   sync.Mutex
	m    map[purse.CardApp]*news
	cost map[purse.CardApp]time.Duration // of those whose judging takes long
}

type news struct {
	seq    uint64 // of CHANGES, the first
	since  time.Time
	urgent bool
	busy   bool
	again  bool
}

// calm is for how long more is waited for before a card is judged of which nothing is open.
const calm = time.Second

func (d *dirty) add(card purse.CardApp, seq uint64, urgent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.m == nil {
		d.m = map[purse.CardApp]*news{}
	}
	n := d.m[card]
	if n == nil {
		n = &news{seq: seq, since: time.Now()}
		d.m[card] = n
	}
	n.urgent = n.urgent || urgent
	n.again = n.busy
	d.ring()
}

// first is the first message of CHANGES that is not judged; 0: there is none.
func (d *dirty) first() (seq uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.m {
		if seq == 0 || n.seq < seq {
			seq = n.seq
		}
	}
	return seq
}

// take returns cards to judge, which end gives back.
func (d *dirty) take(limit int) (cards []purse.CardApp) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for card, n := range d.m {
		if len(cards) == limit {
			break
		}
		wait := max(calm, 5*d.cost[card])
		if n.urgent {
			wait = 2 * d.cost[card]
		}
		if !n.busy && time.Since(n.since) >= wait {
			n.busy, n.urgent, n.again = true, false, false
			cards = append(cards, card)
		}
	}
	return cards
}

func (d *dirty) end(card purse.CardApp, done bool, took time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cost == nil {
		d.cost = map[purse.CardApp]time.Duration{}
	}
	if delete(d.cost, card); took > calm/5 {
		d.cost[card] = took
	}
	n := d.m[card]
	if done && !n.again {
		delete(d.m, card)
		return
	}
	n.busy, n.since = false, time.Now()
}

// count is how many cards wait to be judged.
func (d *dirty) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.m)
}

// judge judges cards of which something is new, a few at once.
func (c *Centre) judge(ctx context.Context) error {
	const workers = 16
	for ctx.Err() == nil {
		cards := c.cards.take(64)
		if len(cards) == 0 {
			c.cards.wait(ctx, calm/4)
			continue
		}
		var group sync.WaitGroup
		slots := make(chan struct{}, workers)
		for _, card := range cards {
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				began := time.Now()
				err := c.judgeCard(ctx, card)
				if err != nil && ctx.Err() == nil {
					c.log.Warn("a card cannot be judged yet", "uid", card.UID, "application", card.App, "error", err)
				}
				c.cards.end(card, err == nil, time.Since(began))
			})
		}
		group.Wait()
	}
	return ctx.Err()
}

// records are those of a card and application, by agent and id.
func (s *store) records(ctx context.Context, card purse.CardApp) ([]*Record, error) {
	filter := s.at.Entry("*", card.UID, appHex(card.App), "*")
	var all []*Record
	for seq := uint64(1); ; {
		if len(all) == few {
			more, err := s.manyRecords(ctx, filter, seq)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
			break
		}
		m, err := s.entries.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(filter))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		r, err := decodeRecord(m.Data)
		if err != nil {
			return nil, fmt.Errorf("message %d of ENTRIES: %w", m.Sequence, err)
		}
		all = append(all, r)
		seq = m.Sequence + 1
	}
	// One that was written meanwhile may be there twice; the later one counts.
	slices.SortStableFunc(all, func(a, b *Record) int {
		if a.Agent != b.Agent {
			return strings.Compare(a.Agent, b.Agent)
		}
		return bytes.Compare(a.Entry.ID[:], b.Entry.ID[:])
	})
	var last []*Record
	for i, r := range all {
		if i+1 == len(all) || all[i+1].Agent != r.Agent || all[i+1].Entry.ID != r.Entry.ID {
			last = append(last, r)
		}
	}
	return last, nil
}

// few is how many records are asked for one by one, before a consumer is made for the others.
const few = 32

// manyRecords reads records from a message on.
func (s *store) manyRecords(ctx context.Context, filter string, seq uint64) (all []*Record, err error) {
	c, err := s.entries.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: seq, InactiveThreshold: 10 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	info := c.CachedInfo()
	defer func() { _ = s.js.DeleteConsumer(context.WithoutCancel(ctx), info.Stream, info.Name) }()
	for left := info.NumPending; left > 0; {
		batch, err := c.FetchNoWait(int(min(left, 500))) //nolint:gosec // 500 at most
		if err != nil {
			return nil, err
		}
		n := 0
		for m := range batch.Messages() {
			r, err := decodeRecord(m.Data())
			if err != nil {
				return nil, fmt.Errorf("a message of ENTRIES: %w", err)
			}
			all = append(all, r)
			n++
		}
		if err := batch.Error(); err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		left -= min(left, uint64(n)) //nolint:gosec // not negative
	}
	return all, nil
}

// reports are what all agents say of a card. Who says it is the agent, whatever it calls itself, and no clock of
// theirs counts: what is found elsewhere has no time, and no report is complete up to one.
func reports(all []*Record) []purse.Report {
	byAgent := map[string]*purse.Report{}
	var names []string
	add := func(agent string, e purse.Entry) {
		r := byAgent[agent]
		if r == nil {
			r = &purse.Report{Format: purse.ReportFormat, Terminal: agent}
			byAgent[agent] = r
			names = append(names, agent)
		}
		r.Entries = append(r.Entries, e)
	}
	for _, r := range all {
		e := r.Entry
		e.Terminal = r.Agent
		add(r.Agent, e)
		for _, o := range r.Others {
			o.Terminal = r.Agent
			add(r.Agent, o)
		}
		for _, f := range r.Found {
			x := e
			o := f.Outcome
			o.Time = purse.Time{}
			x.Progress, x.Outcomes = purse.Progress{}, []purse.Outcome{o}
			add(f.Agent, x)
		}
	}
	var list []purse.Report
	for _, n := range names {
		list = append(list, *byAgent[n])
	}
	return list
}

// judgeCard puts together what all say of a card, and writes what comes of it.
func (c *Centre) judgeCard(ctx context.Context, card purse.CardApp) error {
	all, err := c.st.records(ctx, card)
	if err != nil || len(all) == 0 {
		return err
	}
	books, err := purse.Reconcile(ctx, &purse.Centre{Keys: c.conf.Keys, Proved: c.proved}, reports(all))
	if err != nil {
		return err
	}
	for i := range books.Cards {
		c.totals.stand(&books.Cards[i])
	}
	byID := map[purse.ID]*Record{}
	for _, r := range all {
		byID[r.Entry.ID] = r
	}
	for i := range books.Cards {
		b := &books.Cards[i]
		for k := range b.Entries {
			if r := byID[b.Entries[k].Entry.ID]; r != nil {
				if err := c.judged(ctx, r, &b.Entries[k].Outcome); err != nil {
					return err
				}
			}
		}
		for _, a := range ofCard(b) {
			if err := c.cardAlarm(ctx, all, a, b); err != nil {
				return err
			}
		}
		if b.CardApp == card {
			if err := c.keepBooks(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Centre) proved(app string) bool { return slices.Contains(c.conf.Proved, app) }

// judged writes what was found out of a transaction.
func (c *Centre) judged(ctx context.Context, r *Record, o *purse.Outcome) error {
	own := r.Entry.Outcome()
	tell := o.Decision != purse.InDoubt && (own == nil || own.Decision == purse.InDoubt || own.Rule == purse.RuleOperator && own.Decision != o.Decision)
	// What its agent says as well need not be written down again.
	agrees := len(o.Alarms) == 0 && (own == nil && o.Decision == purse.InDoubt || own != nil && own.Decision == o.Decision)
	if agrees && r.Judged == nil && !tell {
		return nil
	}
	now, _, err := c.st.update(ctx, c.st.subject(r.Agent, &r.Entry), func(r *Record) (*Record, bool) {
		if r == nil || r.Judged != nil && equal(r.Judged, o) && (!tell || r.Telling) {
			return r, false
		}
		judged := o.Clone()
		r.Judged, r.Telling = &judged, r.Telling || tell
		return r, true
	})
	if err != nil || now == nil {
		return err
	}
	for _, a := range o.Alarms {
		if err := c.raise(ctx, entryAlarm(now.Agent, &now.Entry, a)); err != nil {
			return err
		}
	}
	if err := c.showOpen(ctx, now); err != nil {
		return err
	}
	if own == nil || own.Decision != o.Decision {
		if err := c.writeLine(ctx, now); err != nil {
			return err
		}
	}
	if tell {
		return c.putSettled(ctx, now)
	}
	return nil
}
