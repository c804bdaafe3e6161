package desfire

import (
	"context"

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
	sel, err := c.selection(p)
	if err != nil {
		return err
	}
	return c.selectBy(ctx, sel)
}
