package perso_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A card is given an application with a file and its keys, and is compared
// afterwards. Had it been lifted in between, the same call would go on.
func Example() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3})
	if err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	settings := wire.SettDefault
	place := wire.Place{AID: 0xF48121}
	layout := &perso.Layout{Applications: []perso.Application{{
		Place: place, KeySettings: &settings, KeyType: wire.KeyAES, KeyCount: 2,
		Files: []perso.File{{
			No: 1,
			Settings: wire.FileSettings{
				Type: wire.FileStandard, Option: wire.OptionFull, Size: 32,
				Access: wire.AccessRights{Read: 1, Write: 0, ReadWrite: wire.Never, Change: 0},
			},
			Data: []byte("4711"),
		}},
	}}}
	master, err := key.NewAES([]byte("a secret of ours"), 1)
	if err != nil {
		log.Fatal(err)
	}
	reader, err := key.NewAES([]byte("another of ours!"), 1)
	if err != nil {
		log.Fatal(err)
	}
	conf := &perso.Config{
		Want: keystore.Map{
			{Place: place, Key: keystore.Number(0)}: {Key: master, Source: "master"},
			{Place: place, Key: keystore.Number(1)}: {Key: reader, Source: "reader"},
		},
		Journal: new(memJournal), // see rekey.FileJournal
	}

	plan, err := perso.NewPlan(ctx, card, layout, conf)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range plan.Steps {
		fmt.Println(s.Words)
	}
	if err := plan.Apply(ctx, card, conf); err != nil {
		log.Fatal(err)
	}
	differences, err := perso.Verify(ctx, card, layout, conf)
	fmt.Println(len(differences), "differences", err)
	// Output:
	// create application F48121 with 2 AES keys
	// change key 1 of application F48121 to AES, version 01
	// change key 0 of application F48121 to AES, version 01
	// create file 1 of application F48121: standard, 32 bytes, mode full
	// write 4 bytes at 0 into file 1 of application F48121
	// 0 differences <nil>
}

// A dump is a layout with contents. The notes say what it does not have.
func ExampleFromCard() {
	file := inspect.NewFile(1, &wire.FileSettings{
		Type: wire.FileStandard, Size: 4, Access: wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0},
	})
	file.Data = inspect.Hex("4711")
	card := &inspect.Card{ // as package dump reads it
		Generation:  wire.D40,
		KeySettings: inspect.NewKeySettings(&wire.KeySettings{KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)}, true),
		Applications: []inspect.Application{{
			Place:       wire.Place{AID: 0xF48121},
			KeySettings: inspect.NewKeySettings(&wire.KeySettings{KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)}, false),
			Files:       []inspect.File{file},
		}},
	}
	layout, notes := perso.FromCard(card)
	for _, n := range notes {
		fmt.Println(n)
	}
	fmt.Printf("%v: %s\n", layout.Applications[0].Place, layout.Applications[0].Files[0].Data)
	// Output:
	// the card: its identifier, batch and dates of production belong to this chip
	// the card: keys are told by no card: they become those of the key store, or stay the default ones
	// F48121: 4711
}
