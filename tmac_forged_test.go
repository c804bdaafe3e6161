package desfire_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// Where there is a transaction MAC file, reading is a transaction, and naming
// the reader as well: a forged "no changes" does not make either nothing.
func TestForgedRefusalOfATransactionOfReads(t *testing.T) {
	ctx := context.Background()
	for i, x := range tmacCards {
		for _, status := range []string{"910C", "919D", "9000"} {
			for name, body := range map[string]func(card *desfire.Card) error{
				"read":  func(card *desfire.Card) error { _, err := card.ReadData(ctx, x.data, 0, 8); return err },
				"value": func(card *desfire.Card) error { _, err := card.Value(ctx, x.fund); return err },
			} {
				picc, err := sim.New(&sim.Config{Generation: x.g})
				if err != nil {
					t.Fatal(err)
				}
				air := &tamper{Activation: picc.Present()}
				card, err := desfire.Connect(ctx, air, nil)
				if err != nil {
					t.Fatal(err)
				}
				tmacApp(t, card, i)
				if err := card.Authenticate(ctx, x.key, key.Zero(key.TypeAES)); err != nil {
					t.Fatal(err)
				}
				air.on(trick{ins: wire.InsCommitTransaction, answer: forged(status)})
				var done *tmac.Transaction
				done, err = card.TransactTMAC(ctx, func() error { return body(card) })
				if !as[*desfire.OutcomeUnknownError](err) || done == nil || !done.Unanswered {
					t.Errorf("%v lrp %v, %s, %s: %+v, %v", x.g, x.lrp, name, status, done, err)
				}
				if !errors.As(err, new(*desfire.CommandError)) || desfire.SafeToRetry(err) {
					t.Errorf("%v lrp %v, %s, %s: %v", x.g, x.lrp, name, status, err)
				}
			}
		}
	}
}
