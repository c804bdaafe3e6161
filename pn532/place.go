package pn532

import (
	"context"

	"github.com/go-desfire/desfire/place"
)

// Scheme is the places "pn532", the chip that is there, and "pn532:DEVICE", such as
// pn532:/dev/ttyUSB0. config may be nil.
func Scheme(config *Config) place.Scheme {
	return place.Scheme{
		Name:  "pn532",
		Forms: []string{"pn532", "pn532:DEVICE"},
		Open: func(address string) (*place.Place, error) {
			r, err := Open(address, config)
			if err != nil {
				return nil, err
			}
			return r.place(), nil
		},
	}
}

func (r *Reader) place() *place.Place {
	name := "the PN532 at " + r.at.text
	if r.at.seek != nil {
		name = "the PN532 of this machine"
	}
	return &place.Place{
		Source: r,
		Name:   name,
		Ready: func(ctx context.Context) error {
			_, err := r.await(ctx)
			return err
		},
		List: func(ctx context.Context) ([]place.Reader, error) {
			s, err := r.await(ctx)
			if err != nil {
				return nil, err
			}
			now := place.Reader{Name: r.String(), State: "empty, " + s.chip.firmware()}
			if s.card != nil {
				now.State = "card present, " + s.chip.firmware()
				now.Card, now.ATR, now.Ignored = true, s.card.atr(), s.card.ignored()
			}
			return []place.Reader{now}, nil
		},
	}
}
