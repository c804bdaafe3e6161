package desfire

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Keys of the card for delegated applications (EV2, EV3).
const (
	KeyDAMAuth = wire.KeyDAMAuth
	KeyDAMMAC  = wire.KeyDAMMAC
	KeyDAMEnc  = wire.KeyDAMEnc
)

// CreateDelegatedApplication creates an application in a slot of the card's
// memory that its issuer gave away: cmd as the issuer's dam.Signer completed it,
// and the DAM authentication key. It leaves the card at PICC level with a
// session of that key.
//
// wire.StatusIntegrityError means that DAMMAC does not fit the command or the
// card, wire.StatusPermissionDenied that the slot is taken or was given away
// with another quota, or that the DAM keys of the card are not set.
func (c *Card) CreateDelegatedApplication(ctx context.Context, auth key.Key, cmd *wire.CreateDelegatedApplication) error {
	if cmd.EncK.IsZero() || cmd.DAMMAC == [8]byte{} {
		return &ArgumentError{"CreateDelegatedApplication", errors.New("EncK and DAMMAC are missing: the issuer's dam.Signer computes them")}
	}
	if err := c.enterDAM(ctx, cmd.Spec(), auth); err != nil {
		return err
	}
	_, err := Do(ctx, c, cmd)
	return err
}

// DeleteDelegatedApplication deletes a delegated application from outside, with
// the DAMMAC that dam.DeleteMAC makes. The slot keeps its memory.
func (c *Card) DeleteDelegatedApplication(ctx context.Context, auth key.Key, aid AID, damMAC [8]byte) error {
	cmd := &wire.DeleteApplication{AID: aid, DAMMAC: damMAC[:]}
	if err := c.enterDAM(ctx, (*wire.CreateDelegatedApplication)(nil).Spec(), auth); err != nil {
		return err
	}
	_, err := Do(ctx, c, cmd)
	return err
}

// enterDAM opens a session with the DAM authentication key. needs is a command
// that only cards with delegated applications know.
func (c *Card) enterDAM(ctx context.Context, needs *wire.Spec, auth key.Key) error {
	switch {
	case auth == nil || auth.Type() != key.TypeAES:
		return &ArgumentError{needs.Name, errors.New("the DAM authentication key must be an AES key")}
	case c.gen != wire.UnknownGeneration && !needs.In(c.gen):
		return &UnsupportedError{needs.Name, c.gen, "it lacks " + needs.Needs.String()}
	}
	if err := c.SelectApplication(ctx, wire.PICC); err != nil {
		return err
	}
	return c.Authenticate(ctx, KeyDAMAuth, auth)
}

// DelegatedInfo tells what a slot holds. It needs no authentication. An unused
// slot is wire.StatusApplicationNotFound.
func (c *Card) DelegatedInfo(ctx context.Context, slot uint16) (*wire.DelegatedInfo, error) {
	return Do(ctx, c, &wire.GetDelegatedInfo{Slot: slot})
}
