package desfire

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/wire"
)

// Originality is the originality signature of a card.
type Originality struct {
	UID       []byte // that was signed, 7 bytes
	Signature [originality.SignatureSize]byte
	Key       originality.PublicKey // that made it; zero if none is known
}

// Originality reads the signature that NXP puts on its chips (EV2 on) and checks
// it: two exchanges, or less where the UID is known. A signature by no known key
// is originality.ErrNotSigned, and comes with what was read. A right one tells
// that NXP made a chip with this UID, not that this is it.
//
// A card with a random identifier tells its UID in a session only.
func (c *Card) Originality(ctx context.Context) (*Originality, error) {
	o := new(Originality)
	if o.UID = append(o.UID, c.UID()...); len(o.UID) == 0 {
		uid, err := c.askUID(ctx)
		if err != nil {
			return nil, err
		}
		o.UID = uid
	}
	s, err := Do(ctx, c, &wire.ReadSignature{})
	if err != nil {
		return nil, err
	}
	o.Signature = s.Signature
	o.Key, err = originality.Check(o.UID, s.Signature[:])
	return o, err
}

// askUID finds out the UID of a card that has not told it.
func (c *Card) askUID(ctx context.Context) ([]byte, error) {
	if err := c.acquire(); err != nil {
		return nil, err
	}
	session, told := c.state.channel != nil, c.version != nil
	c.release()
	if session {
		return c.CardUID(ctx)
	}
	if !told {
		if _, err := c.Version(ctx); err != nil {
			return nil, err
		}
	}
	if uid := c.UID(); uid != nil {
		return append([]byte(nil), uid...), nil
	}
	return nil, &ArgumentError{"Originality", errors.New("the card has a random identifier and tells the one that is signed in a session only: call Authenticate first")}
}
