package report

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Extra is what cards of type EV2 and later tell beside what inspect reads.
type Extra struct {
	Special   []inspect.KeyVersion `json:"special_keys,omitempty"` // keys of the card for delegation and virtual cards
	Delegated []Slot               `json:"delegated,omitempty"`    // slots in use, of those that were asked for
	SlotsRead int                  `json:"slots_read,omitempty"`   // how many were asked for, from 0
	Proximity *Proximity           `json:"proximity,omitempty"`
	Unread    []string             `json:"unread,omitempty"` // what was refused, in words
}

// Slot is a slot of a delegated application.
type Slot struct {
	Slot    int      `json:"slot"`
	Version byte     `json:"version"`
	Quota   int      `json:"quota"` // bytes
	Free    int      `json:"free"`  // bytes
	AID     wire.AID `json:"aid"`   // 000000 if the application was deleted
}

// Proximity is what the card tells when a proximity check is prepared.
type Proximity struct {
	Answer int `json:"answer_us"` // microseconds that the card says it needs
}

// Names of the keys for special purposes.
var special = []struct {
	no   wire.KeyNo
	name string
	need wire.Feature
}{
	{wire.KeyDAMAuth, "delegation: authenticates", wire.FeatureDelegated},
	{wire.KeyDAMMAC, "delegation: makes the MAC", wire.FeatureDelegated},
	{wire.KeyDAMEnc, "delegation: enciphers keys", wire.FeatureDelegated},
	{wire.KeyVCConfig, "virtual card: configuration", wire.FeatureProximity},
	{wire.KeyVCProximity, "proximity check", wire.FeatureProximity},
	{wire.KeyVCSelectMAC, "virtual card: MAC of the selection", wire.FeatureProximity},
	{wire.KeyVCSelectEnc, "virtual card: enciphers the selection", wire.FeatureProximity},
}

// maxSlots is how many slots of delegated applications Ask looks at: only the
// issuer of the card knows their numbers, and most begin at 0.
const maxSlots = 8

// Ask asks the card itself what inspect does not: versions of the keys for
// special purposes, slots of delegated applications, the proximity check. It
// needs no key, and ends a session. What the card refuses stands in the result;
// an error is that of a card that does not answer any more.
func Ask(ctx context.Context, card *desfire.Card) (*Extra, error) {
	x := new(Extra)
	g := card.Generation()
	if !g.Has(wire.FeatureDelegated) && !g.Has(wire.FeatureProximity) {
		return x, nil
	}
	if err := card.SelectApplication(ctx, wire.PICC); err != nil {
		return x, x.refused("the card itself", err)
	}
	for _, k := range special {
		if !g.Has(k.need) {
			continue
		}
		v, err := card.KeyVersion(ctx, k.no)
		var no *desfire.CommandError
		switch {
		case errors.As(err, &no) && (no.Status == wire.StatusNoSuchKey || no.Status == wire.StatusParameterError):
			continue // the card has none
		case err != nil:
			if err := x.refused("version of the key for "+k.name, err); err != nil {
				return x, err
			}
			continue
		}
		x.Special = append(x.Special, inspect.KeyVersion{Key: int(k.no), Version: v})
	}
	if g.Has(wire.FeatureDelegated) {
		if err := x.slots(ctx, card); err != nil {
			return x, err
		}
	}
	if g.Has(wire.FeatureProximity) {
		t, err := desfire.Do(ctx, card, &wire.PreparePC{})
		var no *desfire.CommandError
		switch {
		case errors.As(err, &no) && no.Status == wire.StatusStateError:
			x.Unread = append(x.Unread, "proximity check: the card has no key for it")
			return x, nil
		case err != nil:
			return x, x.refused("proximity check", err)
		}
		x.Proximity = &Proximity{int(t.PubRespTime)}
	}
	return x, nil
}

func (x *Extra) slots(ctx context.Context, card *desfire.Card) error {
	for n := range maxSlots {
		d, err := card.DelegatedInfo(ctx, uint16(n))
		var no *desfire.CommandError
		switch {
		case errors.As(err, &no) && no.Status == wire.StatusApplicationNotFound:
			x.SlotsRead++
			continue
		case err != nil:
			return x.refused("slots of delegated applications", err)
		}
		x.SlotsRead++
		x.Delegated = append(x.Delegated, Slot{n, d.SlotVersion, int(d.Quota) * 32, int(d.Free) * 32, d.AID})
	}
	return nil
}

// refused keeps a refusal; any other error is returned.
func (x *Extra) refused(what string, err error) error {
	var no *desfire.CommandError
	switch {
	case errors.As(err, &no):
		x.Unread = append(x.Unread, fmt.Sprintf("%s: the card answered %v", what, no.Status))
		return nil
	case inspect.Refused(err):
		x.Unread = append(x.Unread, what+": this card cannot tell it")
		return nil
	}
	return err
}
