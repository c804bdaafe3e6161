package tcp

import (
	"context"
	"fmt"
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
	dial := func(ctx context.Context) (*Transport, error) {
		t, err := Dial(ctx, s.addr, &s.cfg)
		if err != nil {
			return nil, fmt.Errorf("%w: is a card served there? desfire sim serve --listen %s", err, s.addr)
		}
		return t, nil
	}
	return &place.Place{
		Source: s,
		Name:   s.String(),
		Fixed:  true,
		Ready: func(ctx context.Context) error {
			var d net.Dialer
			c, err := d.DialContext(ctx, "tcp", s.addr)
			if err != nil {
				err = unreachable(s.addr, err)
				return fmt.Errorf("%w: is a card served there? desfire sim serve --listen %s", err, s.addr)
			}
			return c.Close()
		},
		Dial: func(ctx context.Context) (desfire.Transport, error) {
			t, err := dial(ctx)
			if err != nil {
				return nil, err
			}
			return t, nil
		},
		List: func(ctx context.Context) ([]place.Reader, error) {
			t, err := dial(ctx)
			if err != nil { // nobody serves a card: an empty reader
				return []place.Reader{{Name: s.String(), State: "empty"}}, ctx.Err()
			}
			return []place.Reader{{Name: s.String(), State: "card present", Card: true, ATR: t.ATR()}}, t.Close()
		},
	}
}
