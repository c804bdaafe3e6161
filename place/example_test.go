package place_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// A program takes the schemes it wants, those of packages and its own.
func Example() {
	schemes := place.Schemes{
		simreader.Scheme(func(string) (*sim.Card, error) {
			return sim.New(&sim.Config{Generation: wire.EV2})
		}),
		{
			Name:  "brand",
			Forms: []string{"brand:new"},
			Open: func(address string) (*place.Place, error) {
				if address != "new" {
					return nil, place.ErrAddress
				}
				card, err := sim.New(&sim.Config{Generation: wire.EV3})
				if err != nil {
					return nil, err
				}
				return &place.Place{Source: simreader.New("brand", card), Name: "a brand-new card"}, nil
			},
		},
	}
	for spec := range strings.FieldsSeq("sim: brand:new brand:old usb") {
		p, err := place.Parse(spec, schemes)
		if err != nil {
			fmt.Println(err)
			continue
		}
		for card, err := range desfire.Cards(context.Background(), p, nil) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(p.Name, "is of generation", card.Generation())
			break
		}
	}
	// Output:
	// sim: is of generation EV2
	// a brand-new card is of generation EV3
	// brand:old: want brand:new
	// usb: want sim:, sim:FILE or brand:new
}

// A program that wants one certain card waits for it and leaves others alone.
func ExamplePlace_Open() {
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		log.Fatal(err)
	}
	desk := &place.Place{Source: simreader.New("desk", picc), Name: "the desk"}
	want := ""
	wait := &place.Wait{
		Limit: 200 * time.Millisecond,
		Identify: func(ctx context.Context, t desfire.Transport, reader string) (string, bool, error) {
			card, err := desfire.Connect(ctx, t, nil)
			if err != nil {
				return "", false, err
			}
			defer card.Close()
			return card.String(), fmt.Sprintf("%X", card.UID()) == want, nil
		},
	}
	for _, want = range []string{"04AABBCCDDEEFF", "04010203040506"} {
		t, reader, err := desk.Open(context.Background(), wait)
		if err != nil {
			fmt.Println(err)
			continue
		}
		card, err := desfire.Connect(context.Background(), t, nil)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("found on", reader, card)
		card.Close()
	}
	// Output:
	// no such card was presented to the desk within 200ms; seen: desk: MIFARE DESFire EV2 04010203040506
	// found on desk MIFARE DESFire EV2 04010203040506
}
