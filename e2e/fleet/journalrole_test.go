package fleet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	mrand "math/rand/v2"
	"os"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/sim"
)

// debitForEver is the role "journal": it debits cards of its own with the journal args[0], the
// keys args[1] and cards like the image args[2], and prints each change of the journal as whoever ships it is told it, and
// each debit that is done.
func debitForEver(args []string) error {
	ctx := context.Background()
	j, err := boltjournal.Open(args[0], boltjournal.Options{})
	if err != nil {
		return err
	}
	conf, err := purseOf(0, args[1], j)
	if err != nil {
		return err
	}
	p, err := purse.Open(*conf)
	if err != nil {
		return err
	}
	template, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	last := uint64(0)
	ship := func() error {
		for {
			some, err := j.Changes(ctx, last, 100)
			if err != nil || len(some) == 0 {
				return err
			}
			for _, c := range some {
				last = c.Seq
				b, err := json.Marshal(c)
				if err != nil {
					return err
				}
				fmt.Printf("change %d %v %x\n", c.Seq, c.Entry.ID, sha256.Sum256(b))
			}
		}
	}
	if err := ship(); err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		img, err := sim.ReadImage(template)
		if err != nil {
			return err
		}
		_, _ = rand.Read(img.UID[1:])
		picc, err := sim.New(&sim.Config{Store: &held{img.Encode()}})
		if err != nil {
			return err
		}
		if mrand.IntN(3) == 0 {
			picc.TearAfter(3 + mrand.IntN(8)) // it stays open
		}
		for range 1 + mrand.IntN(3) {
			card, err := desfire.Connect(ctx, picc.Present(), nil)
			if err != nil {
				continue
			}
			r, err := p.Debit(ctx, card, purse.Request{Amount: 1})
			_ = card.Close()
			if err == nil {
				fmt.Println("done", r.Entry.ID)
			}
			if err := ship(); err != nil {
				return err
			}
		}
	}
}
