package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote/ledger"
)

// asking is how long a gate waits for what it knows to be open and has no room to keep.
const asking = time.Second

// Elsewhere is what settles, at this gate, changes that others left open on its cards: the
// Foreign of a Config. What is found goes to the centre through out.
func Elsewhere(opens *ledger.Opens, out *ledger.Outbox) func(ctx context.Context, card *desfire.Card, p *purse.Purse, at purse.CardApp) ([]*purse.Receipt, error) {
	return func(ctx context.Context, card *desfire.Card, p *purse.Purse, at purse.CardApp) (found []*purse.Receipt, err error) {
		list, missing := opens.Of(at)
		if missing > 0 {
			within, cancel := context.WithTimeout(ctx, asking)
			all, failed := opens.Ask(within, at)
			cancel()
			if failed == nil {
				list = all
			} else {
				err = fmt.Errorf("what others left open on the card is known to the centre only: %w", failed)
			}
		}
		for _, x := range list {
			if x.Entry == nil {
				continue
			}
			o, failed := p.SettleOther(ctx, card, x.Entry)
			switch {
			case failed != nil && (desfire.Lost(failed) || ctx.Err() != nil):
				return found, failed
			case failed != nil || o == nil:
				err = errors.Join(err, failed)
				continue
			}
			if failed := out.Found(ctx, x.Entry, *o); failed != nil {
				err = errors.Join(err, failed)
				continue
			}
			e := *x.Entry
			e.Outcomes = append(e.Outcomes[:len(e.Outcomes):len(e.Outcomes)], *o)
			if o.Decision != purse.InDoubt {
				opens.Settled(at, x.ID)
				found = append(found, &purse.Receipt{Entry: e})
			}
		}
		return found, err
	}
}
