package place_test

import (
	"context"
	"fmt"
	"log"
	"strings"

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
