package simreader

import (
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
)

// Scheme is the places "sim:" and "sim:FILE", a simulated card on a reader of
// that name. load gives the card of a file, and a fresh one if it is empty.
func Scheme(load func(file string) (*sim.Card, error)) place.Scheme {
	return place.Scheme{
		Name:  "sim",
		Forms: []string{"sim:", "sim:FILE"},
		Open: func(file string) (*place.Place, error) {
			card, err := load(file)
			if err != nil {
				return nil, err
			}
			name := "sim:" + file
			return &place.Place{Source: New(name, card), Name: name, Fixed: true}, nil
		},
	}
}
