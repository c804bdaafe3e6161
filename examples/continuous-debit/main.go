// Command continuous-debit holds on to a card on any PC/SC reader and debits
// one unit a second from a value file until its credit is gone, wherever the
// card goes in between.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

const (
	farebox wire.AID    = 0x121314
	file    wire.FileNo = 1
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
	find := &purse.Discovery{
		Place: wire.Place{AID: farebox}, File: file, ValueOnly: true,
		// The file is free and has no receipt: nobody else may work on it, and
		// somebody who forges answers is not excluded.
		Policy: purse.Accidents, Others: purse.OthersNothing,
		Journal: purse.Memory(nil), // boltjournal keeps it when this program ends
	}
	d := &purse.Drain{
		Find:   find.Open,
		Amount: fare,
		OnEvent: func(e purse.Event) {
			switch e.Kind {
			case purse.EventDebited:
				log.Printf("debited %d, left %d", fare, e.Value)
			case purse.EventResolved: // the commit's answer was lost, and the card is back
				log.Printf("value was %d and is %d: the debit was made: %t", e.Before, e.Value, e.Outcome == purse.Happened)
			default:
				log.Print(e.Kind, " ", e.ID)
			}
		},
	}
	err := d.Keep(ctx, readers, &desfire.KeepConfig{Every: every})
	log.Printf("%d debits, %d unknown, end: %s; somebody who forges answers is not excluded", d.Summary.Debits, d.Summary.Unknown, d.Summary.End)
	return err
}
