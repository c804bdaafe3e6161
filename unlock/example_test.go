package unlock_test

import (
	"context"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// A badge whose file is read with key 1 or key 3 lies on the reader.
func badge() desfire.Source {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	access := wire.AccessRights{Read: 1, Write: 2, ReadWrite: 3, Change: 0}
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xF48121, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 4)}),
		card.SelectApplication(ctx, 0xF48121),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Option: wire.OptionFull, Access: access, Size: 4}),
	} {
		if err != nil {
			log.Fatal(err)
		}
	}
	return simreader.New("desk", picc)
}

// A program says what it does, and the ring has the key for it.
func Example() {
	ctx := context.Background()
	campus := wire.Place{AID: 0xF48121}
	ring := keystore.Map{
		{Place: campus, Key: keystore.Number(2)}: {Key: key.Zero(key.TypeAES), Source: "writers.key"},
		{Place: campus, Key: keystore.Number(3)}: {Key: key.Zero(key.TypeAES), Source: "readers.key"},
	}
	opener := &unlock.Opener{Store: ring, OnChoice: func(c unlock.Choice) { fmt.Println(c) }}
	for card, err := range desfire.Cards(ctx, badge(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		settings, err := opener.File(ctx, card, campus, 1, inspect.ActRead)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(settings.Size, "bytes, read with", settings.Access.Read)
		data, err := card.ReadData(ctx, 1, 0, 0)
		fmt.Println(data, err)
		break
	}
	// Output:
	// key 3 of F48121 (AES version 00 check 66E94B readers.key) to read file 1 of F48121
	// 4 bytes, read with key 1
	// [0 0 0 0] <nil>
}

// Where no key of the ring will do, the error names those that would.
func ExampleNoKeyError() {
	ctx := context.Background()
	opener := &unlock.Opener{Store: unlock.One(2, key.Zero(key.TypeAES), "@my.key")}
	for card, err := range desfire.Cards(ctx, badge(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		_, err := opener.File(ctx, card, wire.Place{AID: 0xF48121}, 1, inspect.ActRead)
		fmt.Println(err)
		break
	}
	// Output:
	// unlock: file 1 of F48121 is read with key 1 or key 3, and the ring has neither
}

// Place opens a session for work on an application or the card.
func ExampleOpener_Place() {
	ctx := context.Background()
	master := unlock.One(0, key.Zero(key.Type2K3DES), "as delivered", wire.Place{})
	opener := &unlock.Opener{Store: master, OnChoice: func(c unlock.Choice) { fmt.Println(c) }}
	for card, err := range desfire.Cards(ctx, badge(), nil) {
		if err != nil {
			log.Fatal(err)
		}
		if err := opener.Place(ctx, card, wire.Place{}, unlock.Delete); err != nil {
			log.Fatal(err)
		}
		fmt.Println(card.DeleteApplication(ctx, 0xF48121))
		break
	}
	// Output:
	// key 0 of the card (DES version unknown check 8CA64D as delivered) to delete an application on the card; the version was not compared
	// <nil>
}
