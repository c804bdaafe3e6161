package boltjournal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/go-desfire/desfire/purse"
)

// exported is one line of Export: one of its fields is set.
type exported struct {
	Generation *Generation      `json:"generation,omitempty"`
	Entry      *purse.Entry     `json:"entry,omitempty"`
	State      *purse.CardState `json:"state,omitempty"`
}

// Export writes the journal as lines of JSON, each an object with one field: generation
// for each generation, entry for each entry in the order of Begin, state for each card and
// application. It sees a state between two calls of other methods, but for states
// that change meanwhile.
func (j *Journal) Export(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriter(w)
	to := json.NewEncoder(out)
	generations, err := j.Generations()
	if err != nil {
		return err
	}
	for i := range generations {
		if err := to.Encode(exported{Generation: &generations[i]}); err != nil {
			return err
		}
	}
	for e, err := range j.Entries(ctx) {
		if err == nil {
			err = to.Encode(exported{Entry: e})
		}
		if err != nil {
			return err
		}
	}
	keys, err := j.cards(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		s, err := j.state(ctx, key)
		if err == nil {
			err = to.Encode(exported{State: s})
		}
		if err != nil {
			return err
		}
	}
	return out.Flush()
}

// cards are the keys of all states, in their order.
func (j *Journal) cards(ctx context.Context) ([]string, error) {
	defer j.mu.Unlock()
	if err := j.reading(ctx); err != nil {
		return nil, err
	}
	var keys []string
	err := j.db.view(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte(bucketStates))
		if b == nil {
			return errors.New("the bucket of states is missing")
		}
		return b.ForEach(func(k, _ []byte) error {
			keys = append(keys, string(k))
			return nil
		})
	})
	if err != nil {
		return nil, j.db.damaged(err)
	}
	for key := range j.pending.puts[bucketStates] {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}
