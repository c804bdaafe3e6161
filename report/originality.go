package report

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/wire"
)

// Originality is what the signature of NXP says.
type Originality struct {
	State OriginalityState `json:"state"`
	Key   string           `json:"key,omitempty"` // the products whose key made it
	Words string           `json:"words"`
}

// OriginalityState is what is known of the signature.
type OriginalityState string

// States of the signature. The words are stable.
const (
	Signed    OriginalityState = "signed"     // one of NXP's known keys signed the UID
	NotSigned OriginalityState = "not signed" // none of them did
	Unchecked OriginalityState = "unchecked"
)

func originalityOf(c *inspect.Card) Originality {
	missing := c.MissingPart(inspect.PartSignature)
	switch {
	case c.Generation != wire.UnknownGeneration && !c.Generation.Has(wire.FeatureSignature):
		return Originality{State: Unchecked, Words: fmt.Sprintf("A card of type %v has no signature that could be checked.", c.Generation)}
	case len(c.Signature) == 0 && missing != nil:
		return Originality{State: Unchecked, Words: "Not checked: the card did not tell the signature."}
	case len(c.Signature) == 0:
		return Originality{State: Unchecked, Words: "Not checked: the signature was not read."}
	case len(c.UID) != 7:
		return Originality{State: Unchecked, Words: "Not checked: the signature is of the UID, which the card tells in a session only."}
	}
	k, err := originality.Check(c.UID, c.Signature)
	switch {
	case err == nil:
		return Originality{State: Signed, Key: k.Products, Words: "The UID is signed by NXP, with the key of " + k.Products + ". A chip with this UID was made by NXP; a copy of it can answer the same."}
	case errors.Is(err, originality.ErrNotSigned):
		return Originality{State: NotSigned, Words: "The signature is by none of NXP's known keys: no chip of NXP, a simulated card, or one of a later key."}
	}
	return Originality{State: Unchecked, Words: "Not checked: " + err.Error()}
}
