package pcsc_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
)

// Which readers there are, and what to do where there is none.
func ExampleReaders_List() {
	readers, err := pcsc.Open(nil)
	if err != nil {
		log.Fatal(err) // the library is missing, and how to install it
	}
	infos, err := readers.List(context.Background())
	switch {
	case errors.Is(err, pcsc.ErrNoService), errors.Is(err, pcsc.ErrNoReader):
		log.Print(err) // and how to start it, or what a reader needs
	case err != nil:
		log.Fatal(err)
	}
	for _, r := range infos {
		fmt.Printf("%s: %v %X %s\n", r.Name, r.State, r.ATR, r.Ignored)
	}
}

// The serial number of every card, until Ctrl-C.
func ExampleOpen() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	readers, err := pcsc.Open(&pcsc.Config{Reader: "acr122"})
	if err != nil {
		log.Fatal(err)
	}
	for card, err := range desfire.Cards(ctx, readers, nil) {
		if err != nil {
			log.Print(err) // reader or service lost; the loop waits for it
			continue
		}
		fmt.Println(card)
	}
}

// One command without package desfire, on the first card that is presented.
func ExampleReaders_Events() {
	ctx := context.Background()
	readers, err := pcsc.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range readers.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if event.Kind != desfire.CardInserted || event.Ignored != "" {
			continue
		}
		card, err := event.Open(ctx)
		if err != nil {
			log.Print(err)
			continue
		}
		answer, err := card.Transmit(ctx, []byte{0x90, 0x60, 0x00, 0x00, 0x00})
		fmt.Printf("%X %v\n", answer, err)
		card.(*pcsc.Conn).Close()
		break
	}
}
