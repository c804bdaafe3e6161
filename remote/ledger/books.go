package ledger

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
)

// Books are those of an application on a card.
type Books struct {
	purse.CardApp
	Files    []purse.FileBooks `json:"files"` // what happened and what is in doubt, by file
	Entries  int               `json:"entries"`
	Open     int               `json:"open"`
	Happened int               `json:"happened"`
	// Gaps are transactions of the card that nobody has reported, by their numbers.
	Gaps   []purse.Gap `json:"gaps,omitempty"`
	Alarms int         `json:"alarms"`
	// Standing are those alarms as ALARMS has them, by the ends of their subjects, the first 256.
	Standing []string `json:"standing,omitempty"`
	NoKey    string   `json:"no_key,omitempty"` // why the transaction MAC key is not there
}

// maxStanding is how many alarms of a card are known to stand; of more, all that there were are taken to.
const maxStanding = 256

func booksOf(b *purse.CardBooks) *Books {
	out := &Books{CardApp: b.CardApp, Files: b.Files, Entries: len(b.Entries), Gaps: b.Gaps, Alarms: len(b.Alarms), Standing: standing(b), NoKey: b.NoKey}
	for i := range b.Entries {
		switch b.Entries[i].Outcome.Decision {
		case purse.Happened:
			out.Happened++
		case purse.InDoubt:
			out.Open++
		}
	}
	if len(out.Gaps) > 64 {
		out.Gaps = out.Gaps[:64]
	}
	return out
}

// keepBooks writes the books of a card, if they are others than before.
func (c *Centre) keepBooks(ctx context.Context, b *purse.CardBooks) error {
	books := booksOf(b)
	v, err := json.Marshal(books)
	if err != nil {
		return err
	}
	key := cardKey(b.CardApp)
	have, err := c.st.cards.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
	case err != nil:
		return err
	case string(have.Value()) == string(v):
		c.totals.put(key, books)
		return nil
	}
	if _, err := c.st.cards.Put(ctx, key, v); err != nil {
		return err
	}
	c.totals.put(key, books)
	return nil
}
