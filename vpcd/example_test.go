package vpcd_test

import (
	"context"
	"log"
	"os/signal"
	"syscall"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/vpcd"
)

// A simulated card for every PC/SC program of this machine, until Ctrl-C.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT)
	defer stop()
	card, err := sim.New(nil)
	if err != nil {
		log.Fatal(err)
	}
	present := func(context.Context) (vpcd.Card, error) { return card.Present(), nil }
	client := vpcd.New(vpcd.Slot0, present, &vpcd.Config{
		Observe: func(e vpcd.Event) { log.Print(e.Kind, " ", e.Err) },
	})
	if err := client.Run(ctx); err != nil {
		log.Fatal(err)
	}
}
