package batch

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/go-desfire/desfire/rekey"
)

// journals is the journal of key changes of all cards, as each card needs it: one at a time
// writes, and reads what is open of one card, without the whole file for each.
type journals struct {
	mu     sync.Mutex
	under  rekey.Journal
	open   map[string][]rekey.Entry // by card
	failed error
}

func newJournals(ctx context.Context, under rekey.Journal) (*journals, error) {
	j := &journals{under: under, open: map[string][]rekey.Entry{}}
	h, ok := under.(rekey.History)
	if !ok {
		return j, nil
	}
	entries, err := h.Entries(ctx)
	if err != nil {
		return nil, fmt.Errorf("the journal of key changes: %w", err)
	}
	for i, open := range rekey.OpenEntries(entries) {
		if open {
			j.open[entries[i].Card] = append(j.open[entries[i].Card], entries[i])
		}
	}
	return j, nil
}

// of is the journal of one card; nil where there is none.
func (j *journals) of(card string) rekey.Journal {
	if j.under == nil {
		return nil
	}
	return &cardJournal{j, card}
}

// err is why an entry could not be written.
func (j *journals) err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}

type cardJournal struct {
	all  *journals
	card string
}

// Record implements rekey.Journal.
func (c *cardJournal) Record(ctx context.Context, e rekey.Entry) error {
	j := c.all
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.under.Record(ctx, e); err != nil {
		if ctx.Err() == nil {
			j.failed = fmt.Errorf("the journal of key changes: %w", err)
		}
		return err
	}
	if e.Card == "" {
		return nil // nobody could ask for it
	}
	list := slices.DeleteFunc(j.open[e.Card], func(x rekey.Entry) bool { return x.SameKey(&e) })
	if e.State.Open() {
		list = append(list, e)
	}
	if len(list) == 0 {
		delete(j.open, e.Card)
	} else {
		j.open[e.Card] = list
	}
	return nil
}

// Entries implements rekey.History: what is open of the card.
func (c *cardJournal) Entries(context.Context) ([]rekey.Entry, error) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	return slices.Clone(c.all.open[c.card]), nil
}
