package dump_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A card is kept in a file. Later another card is read, and compared with it.
func Example() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.NTAG424, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer card.Close()

	before, err := inspect.Read(ctx, card, &inspect.Config{Ask: inspect.Everything})
	if err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer
	if err := dump.Write(&file, before, &dump.Info{By: "example"}); err != nil {
		log.Fatal(err)
	}

	place := desfire.Place{Fixed: true}
	if err := card.Select(ctx, place); err != nil {
		log.Fatal(err)
	}
	if err := card.WriteData(ctx, 2, 0, []byte{0, 2, 0xD1, 0}); err != nil {
		log.Fatal(err)
	}

	kept, err := dump.Read(file.Bytes())
	if err != nil {
		log.Fatal(err)
	}
	now, err := inspect.Read(ctx, card, &inspect.Config{Ask: inspect.Everything})
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range dump.Diff(kept.Card, now) {
		line, _, _ := strings.Cut(d.Words(), "0000")
		fmt.Println(line)
	}
	// Output:
	// file 2 of the application: data: from byte 1
}

// A file of another program: what it knows of the card, and what it lacks.
func ExampleRead() {
	data, err := os.ReadFile("testdata/flipper-orca.nfc")
	if err != nil {
		log.Fatal(err)
	}
	d, err := dump.Read(data)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", d.Format.Words(), d.Card.Name)
	for _, a := range d.Card.Applications[1:] {
		for _, f := range a.Files[:4] {
			fmt.Printf("%v file %d: %s, %s", a.Place, f.No, f.Type, f.SizeWords())
			for _, m := range f.Missing {
				fmt.Printf("; %s", m.Words())
			}
			fmt.Println()
		}
	}
	// Output:
	// a Flipper Zero file: MIFARE DESFire D40 04153729991B80
	// F21030 file 5: backup, 32 bytes
	// F21030 file 0: backup, 160 bytes
	// F21030 file 15: standard, 416 bytes
	// F21030 file 2: cyclic, 10 of 10 records (11 slots), 48 bytes each; no content: it is not in the file
}
