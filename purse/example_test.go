package purse_test

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// The card is pulled away in the middle of a commit that has happened, and comes
// back: the debit is counted, and not made again.
func ExampleDrain() {
	ctx := context.Background()
	picc := transitCard(ctx, 3)
	reader := simreader.New("gate", picc)
	const commit = 3 + 2 + 4 // identify, find the file, then select, get, debit and commit
	picc.TearAfter(commit)   // the card commits, and its answer is lost
	find := &purse.Discovery{
		Place: wire.Place{AID: 0x121314}, File: 1, ValueOnly: true, Journal: purse.Memory(nil),
		Policy: purse.Accidents, Others: purse.OthersNothing, // the file is free, and nobody else works on it
	}
	drain := &purse.Drain{
		Find:   find.Open,
		Amount: 1,
		OnEvent: func(e purse.Event) {
			switch e.Kind {
			case purse.EventDebited:
				fmt.Println("debited, left", e.Value)
			case purse.EventResolved:
				fmt.Println("the debit without an answer:", e.Outcome)
			}
		},
	}
	if err := drain.Keep(ctx, reader, nil); err != nil {
		fmt.Println(err)
		return
	}
	s := &drain.Summary
	fmt.Printf("%d - %d = %d, %s\n", *s.Start, s.Debits, *s.Final, s.End)
	// Output:
	// the debit without an answer: happened
	// debited, left 1
	// debited, left 0
	// 3 - 3 = 0, empty
}

// transitCard has a value file that is free to all.
func transitCard(ctx context.Context, credit int32) *sim.Card {
	picc, err := sim.New(&sim.Config{Generation: wire.EV1})
	if err != nil {
		panic(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		panic(err)
	}
	defer card.Close()
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: 0x121314, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		card.SelectApplication(ctx, 0x121314),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Access: wire.AccessRightsFromUint16(0xEEEE), Upper: 100, Value: credit}),
	} {
		if err != nil {
			panic(err)
		}
	}
	return picc
}
