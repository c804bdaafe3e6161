package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) keyListCommand() *cobra.Command {
	var withCard bool
	cmd := &cobra.Command{
		Use:   "list --keys FILE",
		Short: "List the keys of a keyring, and which of them a card has",
		Long: `List the keys of a keyring: which key of which card, type, version, check value,
and where it comes from. It asks nobody and runs no program: what is not known
without that is not said.

With --card it compares the versions with those that the card tells, which is no
proof: desfire key check proves a key.`,
		Args: wants(),
		Example: `  desfire key list --keys keys.yaml
  desfire key list --keys keys.yaml --card`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if a.ring == nil {
				return &usageError{cmd, errors.New("--keys missing: the keyring, or DESFIRE_KEYS in the environment")}
			}
			if isFar(a.keysFile) {
				return &usageError{cmd, errors.New("--keys nats: the centre of a fleet tells nobody which keys it has: desfire key list is for keyrings")}
			}
			if !withCard {
				return a.listKeys(cmd.Context(), nil)
			}
			return a.withCard(cmd, a.listKeys)
		},
	}
	cmd.Flags().BoolVar(&withCard, "card", false, "compare with the card")
	return cmd
}

// keyListResult is a key of the keyring in what key list prints with --json.
// Without a card, its members are empty.
type keyListResult struct {
	cardOf
	Ref         keystore.Ref   `json:"ref"`
	Slot        int            `json:"slot"` // 0 is the newest
	Facts       keystore.Facts `json:"facts"`
	CardVersion *byte          `json:"card_version"` // null where it is not known
	Matches     bool           `json:"matches"`      // the card tells this version
}

// listKeys lists the keyring; card is nil without one.
func (a *app) listKeys(ctx context.Context, card *desfire.Card) error {
	refs := a.ring.Refs()
	if len(refs) == 0 && !a.json {
		a.printf("No keys in %s\n", a.keysFile)
	}
	var versions map[keystore.Ref]byte
	if card != nil {
		var err error
		if versions, err = cardVersions(ctx, card, refs); err != nil {
			return err
		}
	}
	for _, ref := range refs {
		asked := ref
		if card != nil && ref.UID == "" {
			asked.UID = keystore.UID(card.UID())
		}
		slots, err := a.ring.Slots(ctx, asked)
		if err != nil {
			return err
		}
		if version, told := versions[ref]; !told {
			err = a.printKeys(ref, slots, nil)
		} else {
			err = a.printKeys(ref, slots, &version)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cardVersions are the versions that a card tells of the keys that refs name.
func cardVersions(ctx context.Context, card *desfire.Card, refs []keystore.Ref) (map[keystore.Ref]byte, error) {
	versions := map[keystore.Ref]byte{}
	entered := map[wire.Place]error{}
	var at *wire.Place
	for _, ref := range refs {
		set, no, ok := ref.Key.Number()
		if !ok || set != 0 || ref.UID != "" && ref.UID != keystore.UID(card.UID()) {
			continue
		}
		if at == nil || *at != ref.Place {
			err, known := entered[ref.Place]
			if !known || err == nil {
				err = checkPlace(card, ref.Place)
				if err == nil {
					err = card.Select(ctx, ref.Place)
				}
				entered[ref.Place], at = err, &ref.Place
			}
			if err != nil {
				at = nil
				if desfire.Refusal(err) == nil && ctx.Err() != nil {
					return nil, err
				}
				continue // the card has no such place
			}
		}
		v, err := card.KeyVersion(ctx, no)
		switch {
		case err == nil:
			versions[ref] = v
		case !inspect.Refused(err) && desfire.Refusal(err) == nil:
			return nil, err
		}
	}
	return versions, nil
}

// printKeys prints the keys of a ref, the newest first.
func (a *app) printKeys(ref keystore.Ref, slots []keystore.Slot, version *byte) error {
	p := a.out
	for i, s := range slots {
		matches := version != nil && !s.Facts.NoVersion && s.Facts.Version == *version
		if a.json {
			r := keyListResult{Ref: ref, Slot: i, Facts: s.Facts, CardVersion: version, Matches: matches}
			r.cardOf = a.card
			if err := a.emit(r); err != nil {
				return err
			}
			continue
		}
		name := ref.String()
		if i > 0 {
			name = ""
		}
		end := screen.Text("")
		if matches {
			end = "  " + p.Good.Render("the card's version")
		}
		a.printf("%s%s  %s%s\n", p.Name.Render(name), screen.Pad(name, refWidth), s.Facts, end)
	}
	if !a.json && version != nil && !anyMatches(slots, *version) {
		a.printf("%s  %s\n", screen.Pad("", refWidth), p.Warn.Render(fmt.Sprintf("the card tells version %02X", *version)))
	}
	return nil
}

func anyMatches(slots []keystore.Slot, version byte) bool {
	for _, s := range slots {
		if !s.Facts.NoVersion && s.Facts.Version == version {
			return true
		}
	}
	return false
}

// refWidth is how wide the names of keys in a list mostly are.
const refWidth = len("04112233445566/F48121/0")
