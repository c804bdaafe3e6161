package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// Totals are sums over all cards.
type Totals struct {
	Cards    int        `json:"cards"`
	Entries  int        `json:"entries"`
	Happened int        `json:"happened"`
	Open     int        `json:"open"` // not known what became of them
	Gaps     int        `json:"gaps"` // cards of which transactions are not reported
	Alarms   int        `json:"alarms"`
	Files    []FileSums `json:"files"`   // by application and file
	Judging  int        `json:"judging"` // cards of which something is new that does not count yet
}

// FileSums are those of a file of an application on all cards.
type FileSums struct {
	App      string      `json:"application"`
	File     wire.FileNo `json:"file"`
	Happened int64       `json:"happened"`
	InDoubt  int64       `json:"in_doubt"`
}

// totals keeps the books of all cards in mind, in short.
type totals struct {
	mu    sync.Mutex
	cards map[string]*Books
}

func (t *totals) put(key string, b *Books) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cards == nil {
		t.cards = map[string]*Books{}
	}
	short := *b // with what stands, which few cards have
	short.Gaps = nil
	if len(b.Gaps) > 0 {
		short.Gaps = b.Gaps[:1]
	}
	t.cards[key] = &short
}

func (c *Centre) loadTotals(ctx context.Context) error {
	w, err := c.st.cards.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return err
	}
	defer func() { _ = w.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e := <-w.Updates():
			if e == nil {
				return nil
			}
			b := new(Books)
			if err := json.Unmarshal(e.Value(), b); err != nil {
				return fmt.Errorf("key %s: %w", e.Key(), err)
			}
			c.totals.put(e.Key(), b)
		}
	}
}

// Totals are the sums over all cards, as far as they are judged.
func (c *Centre) Totals() Totals {
	var t Totals
	sums := map[FileSums]*FileSums{}
	c.totals.mu.Lock()
	defer c.totals.mu.Unlock()
	for _, b := range c.totals.cards {
		t.Cards++
		t.Entries += b.Entries
		t.Happened += b.Happened
		t.Open += b.Open
		t.Alarms += b.Alarms
		if len(b.Gaps) > 0 {
			t.Gaps++
		}
		for _, f := range b.Files {
			at := FileSums{App: b.App, File: f.File}
			if sums[at] == nil {
				sums[at] = &FileSums{App: b.App, File: f.File}
			}
			sums[at].Happened += f.Happened
			sums[at].InDoubt += f.InDoubt
		}
	}
	t.Files = make([]FileSums, 0, len(sums))
	for _, f := range sums {
		t.Files = append(t.Files, *f)
	}
	slices.SortFunc(t.Files, func(a, b FileSums) int {
		return cmp.Or(strings.Compare(a.App, b.App), cmp.Compare(a.File, b.File))
	})
	t.Judging = c.cards.count()
	return t
}

// Cards are the books of cards by identifier and application, after one; 1 to 500 of them, 0 is 50. They
// are as they were last judged, with the first gap only.
func (c *Centre) Cards(after purse.CardApp, limit int) []Books {
	limit = min(cmp.Or(max(limit, 0), 50), 500)
	c.totals.mu.Lock()
	defer c.totals.mu.Unlock()
	var keys []string
	for k := range c.totals.cards {
		if k > cardKey(after) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	list := make([]Books, 0, limit)
	for _, k := range keys[:min(limit, len(keys))] {
		b := *c.totals.cards[k]
		b.Files, b.Gaps, b.Standing = slices.Clone(b.Files), slices.Clone(b.Gaps), slices.Clone(b.Standing)
		list = append(list, b)
	}
	return list
}
