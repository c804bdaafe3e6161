package phone

import (
	"context"
	"iter"

	"github.com/go-desfire/desfire"
)

// oneCard is a source with one card that stays.
type oneCard struct{ t desfire.Transport }

func (o oneCard) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		if yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: "one"}, nil) &&
			yield(desfire.Event{Kind: desfire.CardInserted, Reader: "one", Open: func(context.Context) (desfire.Transport, error) { return o.t, nil }}, nil) {
			<-ctx.Done()
		}
	}
}
