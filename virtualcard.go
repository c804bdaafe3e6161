package desfire

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// VirtualCard is what a virtual card tells of itself when it is selected.
type VirtualCard struct {
	// Data is what the card enciphered for the reader, 16 bytes: an info byte,
	// two of capabilities, the UID, zeros. nil if the card asked for no
	// authentication.
	Data []byte
}

// UID is a copy of the identifier in Data, nil if there is none.
func (v *VirtualCard) UID() []byte {
	if len(v.Data) < vcUID+7 {
		return nil
	}
	return bytes.Clone(v.Data[vcUID : vcUID+7])
}

const vcUID = 3 // after info and capabilities

// vcFCI begins the answer of a virtual card that wants the reader to
// authenticate; a challenge of 16 bytes and as many enciphered ones follow.
var vcFCI = [...]byte{0x6F, 0x22, 0x85, 0x20}

// SelectVirtualCard selects the card by its installation identifier (EV2, EV3)
// and, where the card wants it, authenticates the reader: the keys are
// KeyVCSelectMAC and KeyVCSelectEnc, nil for a card without. It ends the session
// and leaves the card at PICC level. wire.StatusISOFileNotFound says that the
// card has another identifier; EV2 answers any of NXP's with random bytes, which
// wire.StatusISOSecurityStatus or wire.StatusISOConditionsOfUse then shows.
//
// Unverified: the layout has one source, and no numbers are public.
func (c *Card) SelectVirtualCard(ctx context.Context, iid []byte, macKey, encKey key.Key) (*VirtualCard, error) {
	const name = "SelectVirtualCard"
	switch {
	case !c.gen.Has(wire.FeatureProximity):
		return nil, &UnsupportedError{name, c.gen, "it lacks virtual cards"}
	case (macKey == nil) != (encKey == nil):
		return nil, &ArgumentError{name, errors.New("both keys are needed, or none")}
	case macKey != nil && (macKey.Type() != key.TypeAES || encKey.Type() != key.TypeAES):
		return nil, &ArgumentError{name, errors.New("the keys must be AES keys")}
	}
	rsp := new(wire.Data)
	if err := c.selectISO(ctx, &wire.ISOSelect{By: wire.SelectByName, Name: iid, P2: wire.SelectFCI, Length: 256}, rsp); err != nil {
		return nil, err
	}
	if err := c.acquire(); err != nil {
		return nil, err
	}
	c.state.place = place{} // no application
	c.release()
	fci, ok := bytes.CutPrefix(rsp.Data, vcFCI[:])
	switch {
	case len(rsp.Data) == 0:
		return &VirtualCard{}, nil
	case !ok || len(fci) != 32:
		return nil, &IntegrityError{name, fmt.Errorf("an answer of %d bytes that is no challenge", len(rsp.Data)), c.hasChanged()}
	case macKey == nil:
		return nil, &ArgumentError{name, errors.New("the card wants the reader to authenticate: its keys are missing")}
	}
	challenge, data := fci[:16], make([]byte, 16)
	if err := encKey.DecryptCBC(ctx, nil, data, fci[16:]); err != nil {
		return nil, fmt.Errorf("desfire: virtual card encryption key: %w", err)
	}
	subtle.XORBytes(data, data, challenge)
	mac, err := cmac.NewHandle(ctx, macKey)
	if err != nil {
		return nil, fmt.Errorf("desfire: virtual card MAC key: %w", err)
	}
	full, err := mac.Sum(ctx, challenge, data)
	if err != nil {
		return nil, fmt.Errorf("desfire: virtual card MAC key: %w", err)
	}
	answer := cmac.Truncated(full)
	if err := c.Run(ctx, &wire.ISOExternalAuthenticateVC{Data: answer[:]}, new(wire.Empty)); err != nil {
		return nil, err
	}
	return &VirtualCard{Data: data}, nil
}
