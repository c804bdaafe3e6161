// Command list-applications waits for cards on any PC/SC reader and lists the
// applications of each.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	readers, err := pcsc.Open(nil) // every reader, now and later
	if err != nil {
		log.Fatal(err)
	}
	log.Print("Present a DESFire card to any reader; Ctrl-C ends.")
	list(ctx, readers, os.Stdout)
}

// list prints the applications of every card that is presented until ctx ends.
func list(ctx context.Context, readers desfire.Source, w io.Writer) {
	for card, err := range desfire.Cards(ctx, readers, nil) {
		if err != nil {
			log.Print(err) // a reader was unplugged, no DESFire card, ...: the loop goes on
			continue
		}
		fmt.Fprintf(w, "+ %v on %s\n", card, card.Reader())
		aids, err := card.Applications(ctx)
		if err != nil {
			log.Print(err)
			continue
		}
		for _, aid := range aids {
			fmt.Fprintf(w, "  application %v\n", aid)
		}
		if len(aids) == 0 {
			fmt.Fprintln(w, "  no applications on the card")
		}
	}
}
