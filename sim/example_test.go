package sim_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A card loses power after it has executed CommitTransaction and before it
// answers.
func Example() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, Rand: rand.NewChaCha8([32]byte{1})})
	if err != nil {
		fmt.Println(err)
		return
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer card.Close()

	const farebox, purse = 0xF21190, 1
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: farebox, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		card.SelectApplication(ctx, farebox),
		card.CreateFile(ctx, &wire.CreateValueFile{File: purse, Access: free, Upper: 1000, Value: 100}),
		card.Debit(ctx, purse, 30),
	} {
		if err != nil {
			fmt.Println(err)
			return
		}
	}

	picc.TearAfter(1)
	err = card.Commit(ctx)
	var unknown *desfire.OutcomeUnknownError
	fmt.Println("the reader does not know whether it happened:", errors.As(err, &unknown))
	fmt.Println("the card does:", picc.Image().Applications[0].Files[0].Value.Value)
	// Output:
	// the reader does not know whether it happened: true
	// the card does: 70
}

// A card that is kept in a file, without the keys for people to look at.
func ExampleImage_WithoutKeys() {
	store := sim.Memory() // or sim.File("card.json")
	if _, err := sim.New(&sim.Config{
		Generation: wire.D40, UID: []byte{0x04, 1, 2, 3, 4, 5, 0x80}, Store: store,
	}); err != nil {
		fmt.Println(err)
		return
	}
	card, err := sim.New(&sim.Config{Store: store}) // loads it
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, k := range card.Image().WithoutKeys().Keys {
		fmt.Printf("%v key %d: %s, version %d, %d bytes shown\n", k.Application, k.No, k.Type, k.Version, k.Value.Len())
	}
	// Output:
	// 000000 key 0: des, version 0, 0 bytes shown
}
