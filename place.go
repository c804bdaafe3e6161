package desfire

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/wire"
)

// Place is where keys and files are on a card: an application by its AID, by
// its DF name, or the one of a DESFire Light or NTAG 424 DNA; zero is the card
// itself.
type Place = wire.Place

// Select selects an application or the card level, however this card wants it
// to be named. It ends the session and drops whatever is pending, with what
// SelectApplication says of relays. The error is an *ArgumentError where such a
// card cannot have the place.
func (c *Card) Select(ctx context.Context, p Place) error {
	at, err := p.On(c.gen)
	if err != nil {
		return &ArgumentError{"Select", err}
	}
	name := []byte(at.Name)
	if at.IsCard() && c.gen.FixedName() != nil {
		name = wire.PICCName[:] // these know no AIDs
	}
	if len(name) == 0 {
		return c.SelectApplication(ctx, at.AID)
	}
	_, err = Do(ctx, c, &wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectNoData})
	if errors.Is(err, wire.StatusISOLimitReached) {
		return nil // selected, with a transaction MAC counter at its limit
	}
	return err
}
