package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/wholefile"
	"github.com/go-desfire/desfire/perso"
	"github.com/spf13/cobra"
)

func (a *app) layoutApplyCommand() *cobra.Command {
	v := &applyVerb{making: making{app: a}}
	cmd := &cobra.Command{
		Use:   "apply LAYOUT",
		Short: "Make the card what a layout says, and verify it",

		SuggestFor: []string{"make", "run", "create"},
		Long: `Make the card on the reader what a layout says, and verify it. It shows the plan
first, and asks.

` + helpPlan + ` Then nothing is done; --force does the rest.

With --plan a plan that was saved is carried out: it holds for that card, as it was
then, and for the same layout. Its file notes that it was begun, then that
it is done: the same command goes on with it, and nobody does it twice.

If the card leaves in the middle, present it again (within --wait), and it goes on;
so does the same command later. Each key is changed by a journal (--journal), so
that no card ends with keys that nobody knows. At the end it reads back, compares,
and authenticates with each key.

` + helpLayoutKeys + `

` + helpRow,
		Example: `  desfire layout apply visitor.yaml --keys keys.yaml --csv visitor.csv --row 1
  desfire layout apply visitor.yaml --keys keys.yaml --csv visitor.csv --row 1 \
    --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v.cmd = cmd
			return v.run(args[0])
		},
	}
	v.register(cmd)
	cmd.Flags().StringVar(&v.saved, "plan", "", "do what this `FILE` of layout plan -o says, to that card only")
	_ = cmd.MarkFlagFilename("plan", "json")
	keyJournalFlag(cmd, &v.journal)
	return wantsLayout(cmd)
}

type applyVerb struct {
	making
	makeFlags
	saved, journal string
	file           *layoutFile
}

func (v *applyVerb) run(path string) error {
	var err error
	if v.file, err = v.layoutFor(v.cmd, path, &v.rowFlags, true); err != nil {
		return err
	}
	layout, err := v.file.layout()
	if err != nil {
		return err
	}
	v.making.conf = v.makeConfig(v.file)
	if err := v.conf.Check(); err != nil {
		return err
	}
	if v.saved != "" {
		if v.given, err = v.readPlan(layout); err != nil {
			return err
		}
	}
	v.find = func(context.Context, *desfire.Card) (*perso.Layout, error) { return layout, nil }
	v.show, v.making.result = v.shown, v.result
	v.doing, v.again = "making the card", "desfire layout apply "+path
	journal, done, err := v.keyJournal(v.journal)
	if err != nil {
		return err
	}
	defer done()
	v.conf.Journal = journal
	err = v.making.run()
	var moved *perso.WrongCardError
	if v.given != nil && v.done == 0 && errors.As(err, &moved) && moved.Want == moved.Is {
		return withCode(exitInput, fmt.Errorf("%s: %w", v.saved, err))
	}
	return err
}

// readPlan reads the plan of --plan, and makes its choices.
func (v *applyVerb) readPlan(layout *perso.Layout) (*perso.Plan, error) {
	if v.prune || len(v.irreversible) > 0 {
		return nil, &usageError{v.cmd, errors.New("--plan says already what is pruned and what can never be undone: leave out --prune and --irreversible")}
	}
	text, err := v.readInput(v.cmd.Context(), v.saved)
	if err != nil {
		return nil, err
	}
	plan, err := perso.ReadPlan(text)
	if err != nil {
		return nil, withCode(exitInput, fmt.Errorf("%s: %w", v.saved, err))
	}
	if err := plan.Bind(layout, v.file.hash()); err != nil {
		return nil, withCode(exitInput, fmt.Errorf("%s: %w", v.saved, err))
	}
	plan.Choose(v.conf)
	if v.saved != "-" {
		v.conf.Save = v.savePlan
	}
	return plan, nil
}

// savePlan notes in the file of a plan that it was begun, so that the same command goes
// on if this one is killed, and that it is done.
func (v *applyVerb) savePlan(plan *perso.Plan) error {
	text, err := plan.Encode()
	if err != nil {
		return err
	}
	return wholefile.Write(v.saved, ".plan-", bytesOf(text))
}

// shown prints the plan, and refuses what is impossible.
func (v *applyVerb) shown(card *desfire.Card) error {
	if v.json {
		if err := v.emit(v.planResult(v.file, v.plan)); err != nil {
			return err
		}
	} else {
		v.announce(card)
		v.remarks().plan(v.plan, layoutPlanWords)
	}
	if v.force {
		return nil
	}
	return impossible(v.file, v.plan, true)
}

// layoutResult is what layout apply and verify print at the end with --json.
type layoutResult struct {
	cardOf
	Layout      string             `json:"layout"`
	Done        int                `json:"done"` // steps
	Differences []perso.Difference `json:"differences"`
	Unproven    []perso.Difference `json:"unproven"` // nobody could compare or prove them
	Held        []perso.Note       `json:"held"`     // of apply: it can never be undone, and was not asked for by name
}

// result says how the card compares with the layout.
func (v *applyVerb) result(list []perso.Difference) error {
	r := layoutResult{cardOf: v.card, Layout: v.file.path, Done: v.done, Held: append([]perso.Note{}, v.plan.Held...)}
	r.Differences, r.Unproven = perso.Parted(list)
	did := "Made in " + count(v.done, "step")
	if v.done == 0 {
		did = "Nothing was to do"
	}
	return v.verified(&r, did)
}

// verified says how a card compares with a layout.
func (a *app) verified(r *layoutResult, did string) error {
	var err error
	switch {
	case a.json:
		err = a.emit(r)
	default:
		a.printMade(r, did)
	}
	if n := len(r.Differences); n > 0 {
		why := ""
		if len(r.Held) > 0 {
			why = "; what --irreversible did not ask for may be among them"
		}
		err = errors.Join(err, withCode(exitDiffers, fmt.Errorf("the card is not what %s says: %s%s", r.Layout, count(n, "difference"), why)))
	}
	return err
}

func (a *app) printMade(r *layoutResult, did string) {
	p := a.results()
	for _, d := range r.Differences {
		p.printf("%s\n", p.Bad.Render(d.String()))
	}
	a.remarks().unproven("Not proved", r.Unproven)
	if len(r.Differences) > 0 {
		return
	}
	p.printf("%s: %s is what %s says", p.Good.Render(did), a.cardName(), r.Layout)
	if n := len(r.Unproven); n > 0 {
		p.printf(", but for what nobody can prove (%d)", n)
	}
	if n := len(r.Held); n > 0 {
		p.printf(", but for %s that can never be undone", count(n, "thing"))
	}
	p.printf("\n")
}
