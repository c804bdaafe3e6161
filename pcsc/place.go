package pcsc

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/place"
)

// Scheme is the places "pcsc", every reader, and "pcsc:PART-OF-A-NAME". config
// may be nil; its Reader is not used.
func Scheme(config *Config) place.Scheme {
	return place.Scheme{
		Name:  "pcsc",
		Forms: []string{"pcsc", "pcsc:PART-OF-A-NAME"},
		Open: func(part string) (*place.Place, error) {
			var c Config
			if config != nil {
				c = *config
			}
			c.Reader = part
			r, err := Open(&c)
			if err != nil {
				return nil, err
			}
			return r.place(), nil
		},
	}
}

func (r *Readers) place() *place.Place {
	p := &place.Place{Source: r, Name: "any PC/SC reader", Ready: r.ready, List: r.now, Control: r.Control}
	if r.config.Reader != "" {
		p.Name = fmt.Sprintf("a PC/SC reader named %q", r.config.Reader)
	}
	return p
}

func (r *Readers) now(ctx context.Context) ([]place.Reader, error) {
	list, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	var readers []place.Reader
	for _, i := range list {
		readers = append(readers, place.Reader{Name: i.Name, State: i.State.String(), Card: i.State&StatePresent != 0, ATR: i.ATR, Ignored: i.Ignored})
	}
	return readers, nil
}

// ready tells why there is no one card.
func (r *Readers) ready(ctx context.Context) error {
	list, err := r.List(ctx)
	if err != nil {
		return err
	}
	several := new(place.SeveralError)
	for _, i := range list {
		if i.Ignored == "" && i.State&StatePresent != 0 {
			several.Cards = append(several.Cards, place.Seen{Reader: i.Name})
		}
	}
	if len(several.Cards) > 1 {
		return several
	}
	return nil
}
