package batch_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/sim"
)

// Two cards are made from two rows. The first one is lifted on the way, and presented again
// after the other.
func Example() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "batch")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	people, err := batch.ReadTable("people.csv", strings.NewReader("number;name\n4711;Ann\n4712;Bob\n"), &batch.TableConfig{Name: "number"})
	if err != nil {
		log.Fatal(err)
	}
	b, err := batch.Open(ctx, batch.Config{
		Layouts: layouts(), // see package perso/yaml for layouts in files
		Table:   people,
		Perso:   perso.Config{Want: derived{1}, Journal: new(journal)}, // see rekey.FileJournal
		Book:    filepath.Join(folder, "people.book"),
		Results: filepath.Join(folder, "results.csv"),
		OnRow:   func(o batch.Offer) error { fmt.Println(o.UID, "is for", o.Values["name"]); return nil },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = b.Close() }()

	ann, err := sim.New(&sim.Config{UID: []byte{4, 1, 1, 1, 1, 1, 1}})
	if err != nil {
		log.Fatal(err)
	}
	bob, err := sim.New(&sim.Config{UID: []byte{4, 2, 2, 2, 2, 2, 2}})
	if err != nil {
		log.Fatal(err)
	}
	ann.TearAfter(60)
	for _, presented := range []*sim.Card{ann, bob, ann, bob} {
		card, err := desfire.Connect(ctx, presented.Present(), nil)
		if err != nil {
			log.Fatal(err)
		}
		result, _ := b.Card(ctx, card, "reader 1") // with HalfDone, the error says why
		fmt.Println(result.UID, result.Row, result.Outcome)
	}
	// Output:
	// 04010101010101 is for Ann
	// 04010101010101 4711 half done
	// 04020202020202 is for Bob
	// 04020202020202 4712 done
	// 04010101010101 is for Ann
	// 04010101010101 4711 done
	// 04020202020202 4712 already
}
