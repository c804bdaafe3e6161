package inspect_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A report of a card: everything that anybody may see, and of its application
// what key 1 may see.
func ExampleRead() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.Light})
	if err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer card.Close()
	c, err := inspect.Read(ctx, card, &inspect.Config{
		Ask: inspect.Everything,
		Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
			if err := card.Select(ctx, p); err != nil || p.IsCard() {
				return err
			}
			return card.Authenticate(ctx, 1, key.Zero(key.TypeAES))
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Product, c.StorageWords())
	for _, app := range c.Applications {
		for _, f := range app.Files {
			if f.Value != nil {
				fmt.Printf("%v: file %d is a %s file, %s: %s; it holds %d\n", app.Place, f.No, f.Type, f.SizeWords(), f.Words, *f.Value)
			}
		}
	}
	// Output:
	// MIFARE DESFire Light 640 bytes
	// app: file 3 is a value file, 0 to 2147483647: get free; debit key 1 or 2 or 3; limited credit key 2 or 3; credit key 3; change key 0; it holds 0
}
