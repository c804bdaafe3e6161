package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) keyCheckCommand() *cobra.Command {
	var dictionary, typ string
	var budget int
	cmd := &cobra.Command{
		Use:   "check APP KEYNO",
		Short: "Prove that a key is the card's, or find it in a list",
		Long: `Prove that a key is the card's by authenticating with it: --key, or the key of the
keyring. Type and version are compared before, so that a key that cannot be it is
not tried, unless --force.

With --dictionary it tries the keys of a file, one a line: digits alone, or
TYPE:DIGITS, and comments after #. Keys of another type than the card tells cost
nothing; those of its version are tried first. At most --budget attempts may
fail: 1 on DESFire EV3, DESFire Light and NTAG 424 DNA, which can count them, and
all on others. The key that fits is not printed: its line is.

` + helpLevel,
		Args: wants("APP", "KEYNO"),
		Example: `  desfire key check F48121 1 --keys keys.yaml
  desfire key check 121314 0 --dictionary defaults.dic
  desfire key check 121314 0 --dictionary defaults.dic --budget 20`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, no, err := keyPlace(cmd, args)
			if err != nil {
				return err
			}
			if dictionary == "" {
				return a.keyCheck(cmd, l, no)
			}
			d := dictionaryCheck{place: l, no: no, file: dictionary, budget: budget}
			switch {
			case a.key != nil:
				return &usageError{cmd, errors.New("--key does not go with --dictionary: the file has the keys")}
			case cmd.Flags().Changed("budget") && budget < 1:
				return &usageError{cmd, fmt.Errorf("--budget %d: want 1 or more", budget)}
			case typ != "":
				t, err := key.ParseType(typ)
				if err != nil {
					return &usageError{cmd, fmt.Errorf("--type %q: want aes, des, 2k3des or 3k3des", keystore.Hide(typ))}
				}
				d.typ = &t
			}
			if d.lines, err = a.readDictionary(cmd.Context(), dictionary); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return d.run(ctx, a, card)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&dictionary, "dictionary", "", "try the keys of `FILE`")
	f.IntVar(&budget, "budget", 0, "how many attempts may fail (default 1 where the card can count them, else all)")
	f.StringVar(&typ, "type", "", "`TYPE` of the key, where the card does not tell it: aes, des, 2k3des, 3k3des")
	return cmd
}

// keyCheckResult is what key check prints with --json.
type keyCheckResult struct {
	cardOf
	Application wire.Place     `json:"application"`
	Key         wire.KeyNo     `json:"key"`
	Facts       keystore.Facts `json:"facts"`
	Line        int            `json:"line,omitempty"` // of the dictionary
	Failed      int            `json:"failed"`         // attempts
	Method      string         `json:"method"`
}

// keyCheck proves one key.
func (a *app) keyCheck(cmd *cobra.Command, l wire.Place, no wire.KeyNo) error {
	if !a.keyed() {
		return &usageError{cmd, errors.New("the key to check is missing: --key @FILE, --keys FILE or --dictionary FILE")}
	}
	if err := noAuthFlag(cmd); err != nil {
		return err
	}
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		if err := checkKeys(card, l); err != nil {
			return err
		}
		a.keyNo = uint8(no) // whatever N= said, it is KEYNO
		facts := a.keyFacts
		err := a.withUID(ctx, card, l, func(o *unlock.Opener) error {
			if a.key == nil {
				o.OnChoice = func(c unlock.Choice) { facts = c.Facts }
			}
			return o.Key(ctx, card, l, no)
		})
		if err != nil {
			return a.entered(ctx, card, l, err)
		}
		return a.checked(card, &keyCheckResult{Application: l, Key: no, Facts: facts})
	})
}

// checked prints which key the card has proved.
func (a *app) checked(card *desfire.Card, r *keyCheckResult) error {
	r.cardOf = a.saw(card)
	if s, ok := card.Session(); ok {
		r.Method = s.Method.String()
	}
	if a.json {
		return a.emit(r)
	}
	p := a.out
	a.printf("%s Key %d of %s on %s is %s\n", p.Good.Render("+"), r.Key, r.Application.Words(), p.Title.Render(a.cardName()), screen.Sprintf("%v", r.Facts))
	return nil
}
