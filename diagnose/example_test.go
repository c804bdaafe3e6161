package diagnose_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A card refuses a key: it is of another type than the card's.
func Example() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	d, err := diagnose.Card(ctx, card, diagnose.Trouble{
		Status: wire.StatusAuthenticationError, Type: key.TypeAES, Method: key.MethodEV2First,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range d.Causes[:1] {
		fmt.Println(c.Weight, c.Text)
		fmt.Println(c.Advice)
	}
	// Output:
	// 95 the keys here are of type DES/2K3DES, the key tried is AES
	// use a key of type DES/2K3DES
}
