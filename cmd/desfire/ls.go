package main

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) lsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls [APP]",
		Short: "Show applications and files, with sizes and rights in words",
		Long: `Show applications and files, with sizes and rights in words. What a key protects
from being listed is said so.

AIDs are six hexadecimal digits, most significant first; "sent as" are the bytes
on the wire. Programs that print AIDs in wire order show the same application
the other way round.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return wants("APP")(cmd, args)
			}
			return nil
		},
		Example: "  desfire ls\n  desfire ls 121314 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			var only []wire.AID
			if len(args) > 0 {
				aid, err := parseApp(cmd, args[0])
				if err != nil {
					return err
				}
				only = append(only, aid)
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				t, err := a.listCard(ctx, card, only)
				if err != nil {
					return err
				}
				if a.json {
					return a.emit(t)
				}
				a.printTree(t)
				return nil
			})
		},
	}
}

// listCard lists what the card lets anybody see; only restricts it to some
// applications.
func (a *app) listCard(ctx context.Context, card *desfire.Card, only []wire.AID) (*cardTree, error) {
	t := &cardTree{Card: card.String(), Generation: card.Generation(), UID: card.UID(), Applications: []appTree{}}
	if card.Generation().Has(wire.FeatureEV1Commands) {
		if n, err := card.FreeMemory(ctx); err == nil {
			free := int(n)
			t.FreeMemory = &free
		} else if !refusal(err) {
			return nil, err
		}
	}
	aids := only
	names := make(map[wire.AID]wire.DFName)
	if only == nil {
		err := a.enterCard(ctx, card)
		if err != nil {
			return nil, err
		}
		if aids, err = card.Applications(ctx); err != nil {
			return nil, err
		}
		if len(aids) > 0 && card.Generation().Has(wire.FeatureEV1Commands) {
			df, err := desfire.Do(ctx, card, &wire.GetDFNames{})
			if err != nil && !refusal(err) {
				return nil, err
			}
			for _, n := range df.Applications {
				names[n.AID] = n
			}
		}
	}
	for _, aid := range aids {
		app, err := a.listApp(ctx, card, aid, only != nil)
		if err != nil {
			return nil, err
		}
		if n, ok := names[aid]; ok {
			app.ISOID, app.DFName = n.FID.String(), n.Name
		}
		t.Applications = append(t.Applications, app)
	}
	return t, nil
}

// listApp lists one application. What the card refuses to show is in its
// Error, or in that of the file.
func (a *app) listApp(ctx context.Context, card *desfire.Card, aid wire.AID, auth bool) (appTree, error) {
	t := newAppTree(aid)
	if err := selectApp(ctx, card, aid); err != nil {
		return t, err
	}
	if auth {
		if err := a.authenticate(ctx, card); err != nil {
			return t, err
		}
	}
	ks, err := card.KeySettings(ctx)
	switch {
	case err == nil:
		t.setKeys(ks.KS1, ks.KS2)
	case refusal(err):
		t.Error = why(err)
	default:
		return t, err
	}
	files, err := card.Files(ctx)
	switch {
	case err == nil:
	case refusal(err):
		t.Error = why(err)
		return t, nil
	default:
		return t, err
	}
	for _, no := range files {
		fs, err := card.FileSettings(ctx, no)
		switch {
		case err == nil:
			t.Files = append(t.Files, newFileTree(no, fs))
		case refusal(err):
			t.Files = append(t.Files, fileTree{File: no, Error: why(err)})
		default:
			return t, err
		}
	}
	return t, nil
}

// refusal reports whether the card is there and said no.
func refusal(err error) bool {
	var refused *desfire.CommandError
	return errors.As(err, &refused) || errors.Is(err, errors.ErrUnsupported)
}

// why is a refusal in the fewest words.
func why(err error) string {
	if errors.Is(err, wire.StatusAuthenticationError) {
		return "needs a key to be listed"
	}
	return oneLine(err)
}
