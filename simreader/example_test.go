package simreader_test

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// A program that waits for cards, tested without hardware.
func Example() {
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		panic(err)
	}
	reader := simreader.New("desk", picc)
	presented := 0
	for card, err := range desfire.Cards(context.Background(), reader, nil) {
		if err != nil {
			panic(err)
		}
		fmt.Println(card, "on", card.Reader())
		if presented++; presented == 2 {
			break
		}
		reader.Lift()
		reader.Return()
	}
	// Output:
	// MIFARE DESFire EV2 04010203040506 on desk
	// MIFARE DESFire EV2 04010203040506 on desk
}
