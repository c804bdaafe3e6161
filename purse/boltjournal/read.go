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
		no, _, _, err := j.pending.number(id)
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
		for no := uint64(0); ; {
			e, next, err := j.entryAfter(ctx, no, entries, revision)
			if e == nil && err == nil {
				return
			}
			if !yield(e, err) || err != nil {
				return
			}
			no = next
		}
	}
}

// entryAfter returns the entry with the next number that there is, up to last; nil if
// there is none.
func (j *Journal) entryAfter(ctx context.Context, no, last, revision uint64) (e *purse.Entry, next uint64, err error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return nil, 0, err
	}
	if next, err = j.pending.next(no); err != nil || next == 0 || next > last {
		return nil, 0, err
	}
	e, err = j.pending.entry(next, revision)
	return e, next, err
}
