package main

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
	"github.com/spf13/cobra"
)

// makeFlags say what a layout may do to a card.
type makeFlags struct {
	rowFlags
	prune        bool
	irreversible []string
}

func (f *makeFlags) register(cmd *cobra.Command) {
	f.rowFlags.register(cmd)
	registerMaking(cmd, &f.prune, &f.irreversible)
}

// registerMaking adds the flags that say what a layout may do to a card.
func registerMaking(cmd *cobra.Command, prune *bool, irreversible *[]string) {
	fs := cmd.Flags()
	fs.BoolVar(prune, "prune", false, "delete what is on the card and not in the layout")
	fs.StringSliceVar(irreversible, "irreversible", nil, "do `WHAT` can never be undone, by its name; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("irreversible", cobra.FixedCompletions(perso.Irreversible(), cobra.ShellCompDirectiveNoFileComp))
}

// helpPlan is what plan and apply say of plans.
const helpPlan = `What is on the card and not in the layout is left alone, unless --prune. What can
never be undone, such as a random identifier, stands in the plan and is done only
if --irreversible names it. What is impossible, as another size of a file that is
there, is an error.`

func (a *app) layoutPlanCommand() *cobra.Command {
	v := &planVerb{app: a}
	cmd := &cobra.Command{
		Use:   "plan LAYOUT",
		Short: "Say what would make the card what a layout says",
		Long: `Say what would make the card on the reader what a layout says, and change nothing:
steps, exchanges, and memory that comes back only when the whole card is erased.

` + helpPlan + `

With -o the plan is saved. "desfire layout apply --plan FILE" does what it says, to
that card only, and refuses if the card was changed in between.

` + helpLayoutKeys + `

` + helpRow,
		Example: `  desfire layout plan visitor.yaml --keys keys.yaml --csv visitor.csv --row 1
  desfire layout plan visitor.yaml --keys keys.yaml --csv visitor.csv --row 1 \
    -o plan.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.mayWrite(v.out); err != nil {
				return err
			}
			l, err := a.layoutFor(cmd, args[0], &v.rowFlags, true)
			if err != nil {
				return err
			}
			layout, err := l.layout()
			if err != nil {
				return err
			}
			conf := v.makeConfig(l)
			if err := conf.Check(); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				plan, err := perso.NewPlan(ctx, card, layout, conf)
				if err != nil {
					return err
				}
				return v.tell(card, plan, l)
			})
		},
	}
	v.register(cmd)
	cmd.Flags().StringVarP(&v.out, "output", "o", "", "`FILE` to save the plan in")
	_ = cmd.MarkFlagFilename("output", "json")
	return wantsLayout(cmd)
}

type planVerb struct {
	*app
	makeFlags
	out string
}

// layoutFor reads a layout, its columns and its keys.
func (a *app) layoutFor(cmd *cobra.Command, path string, row *rowFlags, must bool) (*layoutFile, error) {
	l, err := a.readLayout(cmd.Context(), path)
	if err != nil {
		return nil, err
	}
	if err := a.fill(cmd, l, row, must); err != nil {
		return nil, err
	}
	return l, a.withKeys(cmd.Context(), l)
}

// makeConfig is what a layout may do to a card, with its keys.
func (f *makeFlags) makeConfig(l *layoutFile) *perso.Config {
	have, want := l.stores()
	return &perso.Config{Have: have, Want: want, Prune: f.prune, Irreversible: f.irreversible, Journal: noJournal{}}
}

// layoutPlan is what layout plan and apply print of a plan with --json.
type layoutPlan struct {
	cardOf
	Layout     string       `json:"layout"`
	Hash       string       `json:"hash"`      // of the layout with what fills its columns
	Structure  string       `json:"structure"` // hash of places, settings and key versions of the card
	Steps      []perso.Step `json:"steps"`
	Exchanges  int          `json:"exchanges"` // about
	Bytes      int          `json:"bytes"`     // of memory that comes back only when the card is erased, about
	Kept       []perso.Note `json:"kept"`      // so already
	Extra      []perso.Note `json:"extra"`     // on the card, not in the layout: left alone
	Impossible []perso.Note `json:"impossible"`
	Held       []perso.Note `json:"held"` // can never be undone, and was not asked for by name
	Warnings   []perso.Note `json:"warnings"`
	Saved      string       `json:"saved"` // the file that the plan was written to
}

func (a *app) planResult(l *layoutFile, p *perso.Plan) layoutPlan {
	return layoutPlan{
		cardOf: a.card, Layout: l.path, Hash: l.hash(), Structure: p.Structure, Steps: p.Steps, Exchanges: p.Exchanges(), Bytes: p.Bytes(),
		Kept: p.Keep, Extra: p.Extra, Impossible: p.Impossible, Held: p.Held, Warnings: p.Warnings,
	}
}

// layoutPlanWords are what is said of the plan of a layout.
var layoutPlanWords = planWords{extra: "On the card, and not in the layout: left alone"}

// tell saves and prints a plan.
func (v *planVerb) tell(card *desfire.Card, plan *perso.Plan, l *layoutFile) error {
	v.identified(plan)
	var err error
	if v.out != "" {
		if err := v.savePlan(plan, l); err != nil {
			return err
		}
	}
	if v.json {
		r := v.planResult(l, plan)
		r.Saved = v.out
		err = v.emit(r)
	} else {
		p := v.results()
		p.printf("%s %s\n", p.Title.Render(card), p.Dim.Render("on "+v.at))
		words := layoutPlanWords
		words.kept = true
		p.plan(plan, words)
		if v.out != "" {
			v.sayf("%s: the plan, for this card as it is now\n", v.out)
		}
	}
	if err == nil {
		err = impossible(l, plan, false)
	}
	return err
}

// impossible is the error of a plan that does not lead to the layout.
func impossible(l *layoutFile, plan *perso.Plan, apply bool) error {
	n := len(plan.Impossible)
	if n == 0 {
		return nil
	}
	did := ""
	if apply {
		did = ": nothing was done"
	}
	err := withCode(exitImpossible, fmt.Errorf("%s of %s cannot be made on this card (%v)%s", count(n, "part"), l.path, plan.Impossible[0], did))
	if apply {
		return advise(err, "--force makes the rest.")
	}
	return err
}

// savePlan writes a plan, bound to its card and layout.
func (v *planVerb) savePlan(plan *perso.Plan, l *layoutFile) error {
	plan.Layout = l.hash()
	text, err := plan.Encode()
	if err != nil {
		return err
	}
	return v.writeOut(v.out, text, 0o600)
}
