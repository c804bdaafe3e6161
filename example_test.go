package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

const fare = 3

func ExampleCards() {
	list := func(ctx context.Context) error {
		readers, err := pcsc.Open(nil) // every reader, now and later
		if err != nil {
			return err
		}
		for card, err := range desfire.Cards(ctx, readers, nil) {
			if err != nil {
				log.Print(err) // a reader was lost, a card was none; the loop goes on
				continue
			}
			aids, err := card.Applications(ctx)
			fmt.Println(card, aids, err)
		}
		return nil
	}
	_ = list
}

func charge(ctx context.Context, card *desfire.Card) error {
	if err := card.SelectApplication(ctx, farebox); err != nil {
		return err
	}
	_, err := card.Transact(ctx, func() error { return card.Debit(ctx, purse, fare) })
	return err
}

func ExampleOutcomeUnknownError() {
	ctx := context.Background()
	picc := exampleCard()
	card, _ := desfire.Connect(ctx, picc.Present(), nil)
	report := func() {
		err := charge(ctx, card)
		var unknown *desfire.OutcomeUnknownError
		switch {
		case err == nil:
			fmt.Println("done")
		case errors.As(err, &unknown):
			fmt.Println("the commit's answer was lost: read the value when the card is back")
		case desfire.SafeToRetry(err):
			fmt.Println("nothing happened: present the card again")
		case errors.Is(err, wire.StatusBoundaryError):
			fmt.Println("not enough credit")
		default:
			fmt.Println("the card refused:", err)
		}
	}
	report()
	picc.TearAfter(3) // select, debit, commit
	report()
	card, _ = desfire.Connect(ctx, picc.Present(), nil)
	picc.TearAfter(2)
	report()
	// Output:
	// done
	// the commit's answer was lost: read the value when the card is back
	// nothing happened: present the card again
}

func ExampleKeep() {
	drain := func(ctx context.Context, readers desfire.Source) error {
		err := desfire.Keep(ctx, readers, &desfire.KeepConfig{Every: time.Second}, func(ctx context.Context, card *desfire.Card) (done bool, err error) {
			if err := card.SelectApplication(ctx, farebox); err != nil {
				return false, err
			}
			left, err := card.Value(ctx, purse)
			if err != nil || left == 0 {
				return left == 0, err
			}
			_, err = card.Transact(ctx, func() error { return card.Debit(ctx, purse, 1) })
			return false, err
		})
		return err
	}
	_ = drain
}

func Example_withoutHardware() {
	simulate := func(ctx context.Context) error {
		picc, err := sim.New(&sim.Config{Generation: wire.EV2, Store: sim.File("badge.json")})
		if err != nil {
			return err
		}
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		if err != nil {
			return err
		}
		picc.TearAfter(3) // power is gone in the third exchange
		_, err = card.Version(ctx)
		return err
	}
	_ = simulate
}

func ExampleDo() {
	ctx := context.Background()
	card, _ := desfire.Connect(ctx, exampleCard().Present(), nil)
	if err := card.SelectApplication(ctx, farebox); err != nil {
		log.Fatal(err)
	}
	settings, err := desfire.Do(ctx, card, &wire.GetFileSettings{File: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(settings.Type, settings.Lower, settings.Upper, settings.Access)
	// Output: value 0 1000 read free, write free, read-write free, change never
}

// exampleCard is a simulated card with 10 in its purse.
func exampleCard() *sim.Card { return transitCard(exampleFatal{}, wire.EV2, 10) }
