package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) originalityCommand() *cobra.Command {
	var signature string
	cmd := &cobra.Command{
		Use:   "originality",
		Short: "Check the signature that NXP puts on its chips",
		Long: `Read the originality signature of the card (EV2 and later, DESFire Light, NTAG 424
DNA) and check it against NXP's public keys. With --uid and --signature no card is
needed.

A right signature tells that NXP made a chip with this UID, not that the card at
hand is that chip: a copy can answer the same. A card with a random identifier tells
its UID with --key only. The exit code is 1 if no known key made the signature.`,
		Args: wants(),
		Example: `  desfire originality
  desfire originality --key @picc.key
  desfire originality --uid 04518DFAA96180 --signature D1940D17...`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f := cmd.Flags(); f.Changed("signature") {
				return a.originalityOffline(cmd, a.uid, signature)
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				if err := a.enterSigned(ctx, card); err != nil {
					return err
				}
				o, err := card.Originality(ctx)
				if o == nil {
					return err
				}
				return a.printOriginality(&originalityResult{cardOf: cardOf{UID: o.UID, Product: a.card.Product, Reader: a.at}, Signature: o.Signature[:], Key: o.Key.Products}, err)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&signature, "signature", "", "the signature, 56 bytes in `HEX`")
	return cmd
}

// enterSigned authenticates if there is a key, on a card without a card level in
// its application.
func (a *app) enterSigned(ctx context.Context, card *desfire.Card) error {
	if a.key == nil || card.Generation().Has(wire.FeatureApplications) {
		return a.enterCard(ctx, card, unlock.List)
	}
	return a.enterKeys(ctx, card, wire.Place{Fixed: true}, unlock.List)
}

// originalityResult is what originality prints with --json.
type originalityResult struct {
	cardOf
	Signature hexBytes `json:"signature"`
	Signed    bool     `json:"signed"`
	Key       string   `json:"key,omitempty"` // the products whose key made it
}

func (a *app) originalityOffline(cmd *cobra.Command, uid, signature string) error {
	u, err := exactHex(cmd, "uid", uid, 7)
	if err != nil {
		return err
	}
	s, err := exactHex(cmd, "signature", signature, originality.SignatureSize)
	if err != nil {
		return err
	}
	k, err := originality.Check(u, s)
	return a.printOriginality(&originalityResult{cardOf: cardOf{UID: u}, Signature: s, Key: k.Products}, err)
}

// printOriginality prints what was found. err is what the check said.
func (a *app) printOriginality(r *originalityResult, err error) error {
	if err != nil && !errors.Is(err, originality.ErrNotSigned) {
		return err
	}
	r.Signed = err == nil
	switch {
	case a.json:
		if emitted := a.emit(r); emitted != nil {
			return emitted
		}
	case r.Signed:
		a.printf("%s %X, by the key of %s\n", a.out.Good.Render("signed by NXP:"), []byte(r.UID), r.Key)
	}
	if err != nil {
		return fmt.Errorf("UID %X: %w", []byte(r.UID), err)
	}
	return nil
}

// exactHex reads the value of a flag that is n bytes in hexadecimal.
func exactHex(cmd *cobra.Command, flag, value string, n int) ([]byte, error) {
	if value == "" {
		return nil, &usageError{cmd, fmt.Errorf("--%s missing: want %d bytes in hexadecimal", flag, n)}
	}
	b, err := parseHex(value)
	if err != nil {
		return nil, &usageError{cmd, fmt.Errorf("--%s: %w", flag, err)}
	}
	if len(b) != n {
		return nil, &usageError{cmd, fmt.Errorf("--%s: %d bytes, want %d", flag, len(b), n)}
	}
	return b, nil
}
