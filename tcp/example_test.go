package tcp_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// A simulated card on a port of this machine, and a reader that finds it there.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		log.Fatal(err)
	}
	l, err := tcp.Listen(ctx, ":0") // any free port of the loopback interface
	if err != nil {
		log.Fatal(err)
	}
	go tcp.Serve(ctx, l, func(context.Context) (tcp.Card, error) { return card.Present(), nil })

	reader := tcp.NewSource(l.Addr().String(), nil)
	for card, err := range desfire.Cards(ctx, reader, nil) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v %X\n", card.Generation(), card.UID())
		break
	}
	// Output: EV2 04010203040506
}

// One connection, without waiting for a card to come.
func ExampleDial() {
	ctx := context.Background()
	t, err := tcp.Dial(ctx, "127.0.0.1:9000", nil)
	if err != nil {
		fmt.Println("no card there")
		return
	}
	defer t.Close()
	card, err := desfire.Connect(ctx, t, nil)
	fmt.Println(card, err)
}
