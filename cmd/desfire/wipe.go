package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) wipeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "wipe",
		Short: "Make a card as empty as it lets itself be made",
		Long: `Make a card as empty as it lets itself be made: it formats it, or where that is
refused deletes the applications one by one, with the master key of the card, or
with their own where a keyring has them. Then the settings of the card and the
key of new applications become those of the factory. It shows what will go and
asks, since none of it can be undone.

The master key of the card stays, and what was made for ever; it says what stays.
The exit code is 5 if applications do.`,
		Args: wants(),
		Example: `  desfire wipe --key @picc.key --dry-run
  desfire wipe --keys keys.yaml --yes`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !a.keyed() {
				return &usageError{cmd, errors.New("wiping needs the master key of the card: --key @FILE, --key env:NAME or --keys FILE")}
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				w := wiper{app: a, card: card}
				return w.run(ctx, cmd)
			})
		},
	}
}

// wipeResult is what wipe prints with --json.
type wipeResult struct {
	cardOf
	Deleted []wire.AID `json:"deleted"`
	Stays   []wire.AID `json:"stays"` // applications
	Kept    []string   `json:"kept"`  // what else stays, in words
	DryRun  bool       `json:"dry_run,omitempty"`
}

// wiper is one run of wipe.
type wiper struct {
	*app
	card   *desfire.Card
	master bool // the master key of the card is there
}

func (w *wiper) run(ctx context.Context, cmd *cobra.Command) error {
	if !w.card.Generation().Has(wire.FeatureApplications) {
		return withCode(exitImpossible, fmt.Errorf("%v comes with its application and files, and nothing deletes them", w.card))
	}
	err := w.enter(ctx, w.card, wire.Place{}, unlock.Master)
	if w.master = err == nil; err != nil && (w.ring == nil || !errors.As(err, new(*unlock.NoKeyError))) {
		return err
	}
	if !w.master {
		if err := selectPlace(ctx, w.card, wire.Place{}); err != nil {
			return err
		}
	}
	aids, err := w.card.Applications(ctx)
	if err != nil {
		return err
	}
	r := wipeResult{cardOf: w.app.card, Deleted: []wire.AID{}, Stays: []wire.AID{}, Kept: []string{"the master key of the card"}, DryRun: w.dryRun}
	if !w.json || !w.yes && !w.dryRun {
		w.sayf("It has %s\n", strings.TrimSpace(count(len(aids), "application")+" "+aidList(aids)))
	}
	if w.dryRun {
		r.Deleted = append(r.Deleted, aids...)
		return w.print(&r)
	}
	if err := w.confirm(cmd, "Delete everything on it, for ever?"); err != nil {
		return err
	}
	if err := w.empty(ctx, aids, &r); err != nil {
		if len(r.Deleted) > 0 {
			err = fmt.Errorf("%w; deleted before it: %s", err, aidList(r.Deleted))
		}
		return err
	}
	if err := w.reset(ctx, &r); err != nil {
		return err
	}
	if err := w.print(&r); err != nil {
		return err
	}
	if len(r.Stays) > 0 {
		return withCode(exitRight, fmt.Errorf("%s on the card: %s", count(len(r.Stays), "application")+" stayed", aidList(r.Stays)))
	}
	return nil
}

// aidList is AIDs in a sentence.
func aidList(aids []wire.AID) string {
	names := make([]string, len(aids))
	for i, aid := range aids {
		names[i] = aid.String()
	}
	return strings.Join(names, " ")
}

// empty formats the card, or deletes its applications one by one.
func (w *wiper) empty(ctx context.Context, aids []wire.AID, r *wipeResult) error {
	if w.master {
		err := w.card.Format(ctx)
		switch {
		case err == nil:
			r.Deleted = append(r.Deleted, aids...)
			return nil
		case desfire.Refusal(err) == nil:
			return mayHaveHappened(err)
		}
		r.Kept = append(r.Kept, "the memory of what was deleted: the card refuses to be formatted")
	}
	for _, aid := range aids {
		deleted, err := w.delete(ctx, aid)
		switch {
		case err != nil:
			return fmt.Errorf("application %v: %w", aid, err)
		case deleted:
			r.Deleted = append(r.Deleted, aid)
		default:
			r.Stays = append(r.Stays, aid)
		}
	}
	return nil
}

// delete deletes an application with the master key of the card, or else with its
// own.
func (w *wiper) delete(ctx context.Context, aid wire.AID) (bool, error) {
	for _, p := range []wire.Place{{}, {AID: aid}} {
		if p.IsCard() && !w.master || !p.IsCard() && w.ring == nil {
			continue
		}
		if err := w.enter(ctx, w.card, p, unlock.Master); err != nil {
			if errors.As(err, new(*unlock.NoKeyError)) || errors.As(err, new(*unlock.MismatchError)) || errors.As(err, new(*unlock.RefusedKeyError)) {
				w.log.Warn(oneLine(err))
				continue
			}
			return false, err
		}
		err := w.card.DeleteApplication(ctx, aid)
		switch {
		case err == nil:
			return true, nil
		case desfire.Refusal(err) == nil:
			return false, mayHaveHappened(err)
		}
	}
	return false, nil
}

// reset makes the settings of the card those of the factory.
func (w *wiper) reset(ctx context.Context, r *wipeResult) error {
	if !w.master {
		r.Kept = append(r.Kept, "the settings of the card")
		return nil
	}
	if err := w.enter(ctx, w.card, wire.Place{}, unlock.Master); err != nil {
		return err
	}
	ks, err := w.card.KeySettings(ctx)
	if err != nil {
		return err
	}
	const factory = wire.SettMasterChangeable | wire.SettFreeDirectory | wire.SettFreeCreate | wire.SettChangeable
	if next := ks.KS1&wire.SettMasterChangeable | factory&^wire.SettMasterChangeable; ks.KS1 != next {
		if err := w.card.ChangeKeySettings(ctx, next); desfire.Refusal(err) != nil {
			r.Kept = append(r.Kept, "the key settings of the card, which are frozen")
			if err := w.enter(ctx, w.card, wire.Place{}, unlock.Master); err != nil {
				return err
			}
		} else if err != nil {
			return mayHaveHappened(err)
		}
	}
	if !w.card.Generation().Has(wire.FeatureCardUID) {
		return nil
	}
	if err := w.card.SetConfiguration(ctx, &wire.DefaultKey{Key: wire.NewSecret(make([]byte, wire.DefaultKeySize))}); desfire.Refusal(err) != nil {
		r.Kept = append(r.Kept, "the key of new applications")
	} else if err != nil {
		return mayHaveHappened(err)
	}
	r.Kept = append(r.Kept, "other settings: desfire config show lists them")
	if w.card.UID() == nil {
		r.Kept = append(r.Kept, "the random UID")
	}
	return nil
}

func (w *wiper) print(r *wipeResult) error {
	if w.json {
		return w.emit(*r)
	}
	did := "Deleted"
	if r.DryRun {
		did = "Would delete"
	}
	w.printf("%s %s of %s\n", did, count(len(r.Deleted), "application"), w.out.Title.Render(w.cardName()))
	if !r.DryRun {
		w.printf("It keeps %s\n", strings.Join(r.Kept, "; "))
	}
	return nil
}
