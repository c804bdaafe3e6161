package rekey_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// The answer to the change is lost. The card that comes back is asked which key
// it holds, and the journal is told.
func Example() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		log.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "rekey")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	journal, err := rekey.OpenJournal(filepath.Join(dir, "journal"))
	if err != nil {
		log.Fatal(err)
	}
	defer journal.Close()
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fresh, err := key.New2K3DES([]byte("0123456789ABCDEF"))
	if err != nil {
		log.Fatal(err)
	}
	change := &rekey.Change{
		Old: key.Zero(key.TypeDES), New: fresh.WithVersion(1), // the PICC master key
		OldSource: "as delivered", NewSource: "@master.key",
		Journal: journal, Budget: 2,
	}
	change.OnStep = func(s rekey.Step) {
		if s == rekey.Recorded { // the next exchange is the change
			picc.Inject(sim.Fault{Exchange: 1, Kind: sim.LosePowerAfter})
		}
	}
	outcome, err := rekey.Run(ctx, card, change)
	fmt.Println(outcome, err != nil)

	if err := picc.Return(); err != nil {
		log.Fatal(err)
	}
	if card, err = desfire.Connect(ctx, picc.Present(), nil); err != nil {
		log.Fatal(err)
	}
	found, settled, err := rekey.Settle(ctx, card, change)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.IsNew, settled)
	entries, err := journal.Entries(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range entries {
		fmt.Println(e.State)
	}
	// Output:
	// unknown true
	// true true
	// begun
	// unknown
	// changed
}
