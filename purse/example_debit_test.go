package purse_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// A debit with an ID is made once: the same one again tells of the first.
func ExamplePurse_Debit() {
	ctx := context.Background()
	find := &purse.Discovery{
		Place: wire.Place{AID: 0x121314}, File: 1, ValueOnly: true, Journal: purse.Memory(nil),
		Policy: purse.Accidents, Others: purse.OthersNothing, // the file is free, and nobody else works on it
	}
	for card, err := range desfire.Cards(ctx, simreader.New("gate", transitCard(ctx, 30)), nil) {
		if err != nil {
			log.Fatal(err)
		}
		p, err := find.Open(ctx, card)
		if err != nil {
			log.Fatal(err)
		}
		for range 2 {
			if err := pay(ctx, p, card); err != nil {
				log.Fatal(err)
			}
		}
		break
	}
	// Output:
	// paid, left 25
	// paid before
}

func pay(ctx context.Context, p *purse.Purse, card *desfire.Card) error {
	receipt, err := p.Debit(ctx, card, purse.Request{ID: "ticket 4711", Amount: 5})
	var not *purse.DidNotError
	var doubt *purse.InDoubtError
	switch {
	case err == nil && receipt.Stored:
		fmt.Println("paid before")
	case err == nil:
		fmt.Println("paid, left", receipt.After[0].Value)
	case errors.As(err, &not):
		fmt.Println("not paid, for certain: ask again")
	case errors.As(err, &doubt):
		fmt.Println("open: p.Settle tells when the card is back")
	}
	return err
}
