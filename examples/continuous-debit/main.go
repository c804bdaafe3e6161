// Command continuous-debit holds on to a card on any PC/SC reader and debits
// one unit a second from a value file until its credit is gone, wherever the
// card goes in between.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/wire"
)

const (
	farebox wire.AID    = 0x121314
	purse   wire.FileNo = 1
	fare                = 1
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	readers, err := pcsc.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("Present the card; Ctrl-C ends.")
	if err := drain(ctx, readers, time.Second); err != nil {
		log.Fatal(err)
	}
}

// drain debits the card that is presented first until nothing is left.
func drain(ctx context.Context, readers desfire.Source, every time.Duration) error {
	var before *int32 // value before a commit that was not answered

	step := func(ctx context.Context, card *desfire.Card) (done bool, err error) {
		if err := card.SelectApplication(ctx, farebox); err != nil {
			return false, err
		}
		value, err := card.Value(ctx, purse)
		if err != nil {
			return false, err
		}
		if before != nil { // the card is back: did it happen?
			log.Printf("value was %d and is %d: the debit was made: %t", *before, value, value == *before-fare)
			before = nil
		}
		if value < fare {
			log.Printf("no credit left: %d", value)
			return true, nil
		}
		_, err = card.Transact(ctx, func() error { return card.Debit(ctx, purse, fare) })
		var unknown *desfire.OutcomeUnknownError
		switch {
		case errors.As(err, &unknown): // the commit's answer was lost
			before = &value
		case err == nil:
			log.Printf("debited %d, left %d", fare, value-fare)
		}
		return false, err // Keep waits for the card where that helps
	}

	return desfire.Keep(ctx, readers, &desfire.KeepConfig{
		Every: every,
		Accept: func(ctx context.Context, card *desfire.Card) error {
			return card.SelectApplication(ctx, farebox) // leave other cards alone
		},
		OnChange: func(c desfire.KeepChange) { log.Print(c.State, " ", c.ID) },
	}, step)
}
