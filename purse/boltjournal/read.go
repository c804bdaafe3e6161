package boltjournal

import (
	"context"
	"iter"

	"github.com/go-desfire/desfire/purse"
)

// look returns the entry whose number find finds; nil if that is 0.
func (j *Journal) look(ctx context.Context, find func() (uint64, error)) (*purse.Entry, error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return nil, err
	}
	no, err := find()
	if err != nil || no == 0 {
		return nil, err
	}
	return j.pending.entry(no, j.pending.head.Revision)
}

// Entry implements purse.Journal.
func (j *Journal) Entry(ctx context.Context, id purse.ID) (*purse.Entry, error) {
	return j.look(ctx, func() (uint64, error) {
		no, _, err := j.pending.number(id)
		return no, err
	})
}

// Request implements purse.Journal.
func (j *Journal) Request(ctx context.Context, request string) (*purse.Entry, error) {
	return j.look(ctx, func() (uint64, error) {
		if request == "" {
			return 0, nil
		}
		no, _, err := j.pending.request(request)
		return no, err
	})
}

// Open implements purse.Journal.
func (j *Journal) Open(ctx context.Context, card purse.CardApp) (*purse.Entry, error) {
	return j.look(ctx, func() (uint64, error) {
		no, _, err := j.pending.open(card)
		return no, err
	})
}

// State implements purse.Journal.
func (j *Journal) State(ctx context.Context, card purse.CardApp) (*purse.CardState, error) {
	return j.state(ctx, cardKey(card))
}

func (j *Journal) state(ctx context.Context, cardKey string) (*purse.CardState, error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return nil, err
	}
	return j.pending.state(cardKey)
}

// Entries implements purse.Journal.
func (j *Journal) Entries(ctx context.Context) iter.Seq2[*purse.Entry, error] {
	return func(yield func(*purse.Entry, error) bool) {
		err := j.reading(ctx)
		entries, revision := j.pending.head.Entries, j.pending.head.Revision
		j.mu.Unlock()
		if err != nil {
			yield(nil, err)
			return
		}
		for no := uint64(1); no <= entries; no++ {
			e, err := j.entryAt(ctx, no, revision)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (j *Journal) entryAt(ctx context.Context, no, revision uint64) (*purse.Entry, error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return nil, err
	}
	return j.pending.entry(no, revision)
}
