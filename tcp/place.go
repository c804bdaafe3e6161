package tcp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
)

// Scheme is the places "tcp:HOST:PORT"; without a host it is this machine.
// config may be nil.
func Scheme(config *Config) place.Scheme {
	return place.Scheme{
		Name:  "tcp",
		Forms: []string{"tcp:HOST:PORT"},
		Open: func(address string) (*place.Place, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil || port == "" {
				return nil, place.ErrAddress
			}
			if host == "" {
				address = net.JoinHostPort("localhost", port)
			}
			return at(NewSource(address, config)), nil
		},
	}
}

func at(s *Source) *place.Place {
	return &place.Place{
		Source: s,
		Name:   s.String(),
		Fixed:  true,
		Ready: func(ctx context.Context) error {
			c, err := connect(ctx, s.addr, &s.cfg)
			if err != nil {
				return s.advise(unreachable(s.addr, err))
			}
			c.end(ErrClosed)
			return nil
		},
		Await: func(ctx context.Context, why func(error)) iter.Seq2[desfire.Event, error] {
			return s.events(ctx, func(err error) bool {
				why(s.advise(errors.Unwrap(err))) // the place's name is known
				return !final(err)
			})
		},
		List: func(ctx context.Context) ([]place.Reader, error) {
			c, err := ask(ctx, s.addr, &s.cfg, nil)
			switch {
			case errors.Is(err, errSilent):
				return []place.Reader{{Name: s.String(), State: "in use by another client, as it seems", Card: true}}, nil
			case err != nil: // nobody serves a card: an empty reader
				return []place.Reader{{Name: s.String(), State: "empty"}}, ctx.Err()
			}
			c.end(ErrClosed)
			return []place.Reader{{Name: s.String(), State: "card present", Card: true, ATR: c.atr}}, nil
		},
	}
}

// advise says what to do where nobody listens.
func (s *Source) advise(err error) error {
	if errors.Is(err, ErrNoCard) || errors.Is(err, ErrInUse) || final(err) {
		return err
	}
	return fmt.Errorf("%w: is a card served there? desfire sim serve --listen %s", err, s.addr)
}
