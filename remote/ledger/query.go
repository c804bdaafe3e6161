package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Query says which transactions are wanted; what is empty matches all.
type Query struct {
	Agent string         `json:"agent,omitempty"`
	UID   string         `json:"uid,omitempty"` // hexadecimal, upper case
	App   string         `json:"application,omitempty"`
	ID    string         `json:"id,omitempty"`
	State purse.Decision `json:"decision,omitempty"` // as known now; InDoubt: what is open as well
	Since time.Time      `json:"since,omitzero"`     // when the centre first heard of it
	Until time.Time      `json:"until,omitzero"`
	// Before is Next of the page before: the newest come first, those that changed last.
	Before uint64 `json:"before,omitempty"`
	Limit  int    `json:"limit,omitempty"` // 1 to 500; 0 is 50
}

// Page is a part of an answer. It is the caller's own.
type Page struct {
	Records []Record `json:"records"`
	Next    uint64   `json:"next,omitempty"` // 0: there are no more
}

// maxLook is how many messages one page looks at: a rare one may take several pages, some of them empty.
const maxLook = 20_000

// Query lists transactions.
func (c *Centre) Query(ctx context.Context, q Query) (*Page, error) {
	filter, err := q.subject(c.at)
	if err != nil {
		return nil, err
	}
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	limit := min(cmp.Or(max(q.Limit, 0), 50), 500)
	end := q.Before
	if end == 0 {
		i, err := c.st.entries.Info(ctx)
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		end = i.State.LastSeq + 1
	}
	page := &Page{Records: []Record{}}
	for looked := 0; end > 1 && looked < maxLook; {
		from := max(1, sub(end, 256))
		window, err := c.window(ctx, filter, from, end)
		if err != nil {
			return nil, err
		}
		looked += int(end - from) //nolint:gosec // 256 at most
		for _, m := range slices.Backward(window) {
			r, err := decodeRecord(m.Data)
			if err != nil {
				return nil, fmt.Errorf("ledger: message %d of ENTRIES: %w", m.Sequence, err)
			}
			end = m.Sequence
			if !q.matches(r) {
				continue
			}
			if page.Records = append(page.Records, *r); len(page.Records) == limit {
				page.Next = end
				return page, nil
			}
		}
		end = from
	}
	if page.Next = end; end <= 1 {
		page.Next = 0
	}
	return page, nil
}

// window are the messages of ENTRIES from one number to before another.
func (c *Centre) window(ctx context.Context, filter string, from, end uint64) (list []*jetstream.RawStreamMsg, err error) {
	for seq := from; seq < end; {
		m, err := c.st.entries.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(filter))
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Sequence >= end {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		list = append(list, m)
		seq = m.Sequence + 1
	}
	return list, nil
}

func (q *Query) subject(at remote.Subjects) (string, error) {
	star := func(s string) string { return cmp.Or(s, "*") }
	if q.Agent != "" {
		if err := remote.CheckName(q.Agent); err != nil {
			return "", err
		}
	}
	if q.UID != "" || q.App != "" {
		c := change{Logged: purse.Logged{Found: &purse.Found{ID: purse.ID{1}, CardApp: purse.CardApp{UID: cmp.Or(q.UID, "04"), App: cmp.Or(q.App, "x")}, Outcome: purse.Outcome{Decision: purse.InDoubt}}}}
		if why := c.wrong(); why != "" {
			return "", fmt.Errorf("ledger: %s: want hexadecimal in capitals, and an application as it prints itself", why)
		}
	}
	if q.ID != "" {
		var id purse.ID
		if err := id.UnmarshalText([]byte(q.ID)); err != nil {
			return "", fmt.Errorf("ledger: %w", err)
		}
	}
	return at.Entry(star(q.Agent), star(q.UID), star(appHex(q.App)), star(q.ID)), nil
}

func (q *Query) matches(r *Record) bool {
	state := purse.InDoubt
	if o := r.Outcome(); o != nil {
		state = o.Decision
	}
	return (q.State == 0 || q.State == state) && (q.Since.IsZero() || !r.Received.Before(q.Since)) && (q.Until.IsZero() || r.Received.Before(q.Until))
}

// wait waits until the centre is ready.
func (c *Centre) wait(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Entry is what is known of one transaction; nil if nothing is.
func (c *Centre) Entry(ctx context.Context, id purse.ID) (*Record, error) {
	p, err := c.Query(ctx, Query{ID: id.String(), Limit: 1})
	for err == nil && len(p.Records) == 0 && p.Next > 0 {
		p, err = c.Query(ctx, Query{ID: id.String(), Limit: 1, Before: p.Next})
	}
	if err != nil || len(p.Records) == 0 {
		return nil, err
	}
	return &p.Records[0], nil
}

// Books are those of an application on a card, as they were last judged; nil if nothing was reported of it.
func (c *Centre) Books(ctx context.Context, card purse.CardApp) (*Books, error) {
	if err := c.wait(ctx); err != nil {
		return nil, err
	}
	v, err := c.st.cards.Get(ctx, cardKey(card))
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("ledger: %w", err)
	}
	b := new(Books)
	if err := json.Unmarshal(v.Value(), b); err != nil {
		return nil, fmt.Errorf("ledger: the books of card %s: %w", card.UID, err)
	}
	return b, nil
}

// Alarms are the last ones, the newest first: of an agent, or of all if that is empty, before a number that the
// call before returned as next; 0: from the newest on.
func (c *Centre) Alarms(ctx context.Context, agent string, before uint64, limit int) (list []Alarm, next uint64, err error) {
	if err := c.wait(ctx); err != nil {
		return nil, 0, err
	}
	err = c.backwards(ctx, c.st.alarms, c.at.Alarm(cmp.Or(agent, "*"), "*"), &before, limit, func(data []byte) error {
		var a Alarm
		_, err := remote.Decode(data, &a)
		a.Over = err == nil && c.isOver(&a)
		list = append(list, a)
		return err
	})
	return list, before, err
}

// Corrections are decisions that are others than what stands in the ledger, as Alarms lists.
func (c *Centre) Corrections(ctx context.Context, before uint64, limit int) (list []Correction, next uint64, err error) {
	if err := c.wait(ctx); err != nil {
		return nil, 0, err
	}
	err = c.backwards(ctx, c.st.fixes, c.at.Correction("*", "*"), &before, limit, func(data []byte) error {
		var x Correction
		_, err := remote.Decode(data, &x)
		list = append(list, x)
		return err
	})
	return list, before, err
}

// backwards reads messages from before a number on, which becomes that of the last one read, 0 at the end.
func (c *Centre) backwards(ctx context.Context, s jetstream.Stream, filter string, before *uint64, limit int, each func(data []byte) error) error {
	limit = min(cmp.Or(max(limit, 0), 50), 500)
	if *before == 0 {
		i, err := s.Info(ctx)
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		*before = i.State.LastSeq + 1
	}
	for n := 0; n < limit && *before > 1; *before-- {
		m, err := s.GetMsg(ctx, *before-1)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		if !covers(filter, m.Subject) {
			continue
		}
		if err := each(m.Data); err != nil {
			return fmt.Errorf("ledger: message %d: %w", m.Sequence, err)
		}
		n++
	}
	if *before <= 1 {
		*before = 0
	}
	return nil
}

// covers reports whether a subject is one of those that a filter of as many parts names.
func covers(filter, subject string) bool {
	f, s := strings.Split(filter, "."), strings.Split(subject, ".")
	if len(f) != len(s) {
		return false
	}
	for i := range f {
		if f[i] != "*" && f[i] != s[i] {
			return false
		}
	}
	return true
}
