package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) restoreCommand() *cobra.Command {
	v := &restoreVerb{app: a}
	cmd := wantsFiles(&cobra.Command{
		Use:   "restore FILE",
		Short: "Make a card what a dump says",

		SuggestFor: []string{"load", "import", "personalize", "personalise"},
		Long: `Make a card what a dump says: applications, files, their rights and contents, key
settings. FILE is a dump, or any file that desfire dump show reads.

It shows the plan first, and asks: what will be made and changed, what the card
has besides, and what cannot be restored. Nothing is ever deleted or made larger.
Identifier, originality signature and counters belong to one card, and the key of
a transaction MAC file is told by none. If anything else is impossible nothing is
done; --force does the rest.

Values and records are restored with --values only: what they stand for would
exist twice.

Keys become those of the keyring (--keys), which also opens what the card holds
now. Without one they stay what cards are delivered with, which everybody knows;
the plan says where. --key is the master key of the card, if it is not zeros.

If the card leaves in the middle, present it again (within --wait), and it goes
on; so does the same command later. At the end it reads back and compares.`,
		Example: `  desfire restore badge.json --reader sim: --yes
  desfire restore badge.json --reader sim: --values --dry-run`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v.cmd, v.path = cmd, args[0]
			return v.run()
		},
	}, "FILE")
	f := cmd.Flags()
	f.BoolVar(&v.values, "values", false, "restore values and records, too")
	f.StringVar(&v.journal, "journal", "", "`FILE` for the journal of key changes (default key-journal.jsonl in the user's configuration folder)")
	return cmd
}

// restoreVerb is one run of restore.
type restoreVerb struct {
	*app
	cmd           *cobra.Command
	path, journal string
	values        bool

	from   *dump.Dump
	layout *perso.Layout
	never  []perso.Note // what of the dump the layout does not have
	conf   *perso.Config
	plan   *perso.Plan // nil until it was made
	agreed bool        // to do it
	done   int         // steps that were begun
}

func (v *restoreVerb) run() error {
	var err error
	if v.from, err = v.readDump(v.cmd.Context(), v.path); err != nil {
		return err
	}
	v.card = cardOf{} // it is not the one on the reader
	v.sayNotes(v.from)
	v.layout, v.never = perso.FromCard(v.from.Card)
	if v.layout == nil || v.from.Card.Generation == wire.UnknownGeneration {
		return withCode(exitInput, fmt.Errorf("%s does not say what card it is of", v.path))
	}
	if v.force {
		v.layout.Generations = nil
	}
	v.conf = &perso.Config{Values: v.values}
	switch {
	case v.key != nil:
		at := wire.Place{Fixed: v.from.Card.Generation.FixedName() != nil}
		v.conf.Have = unlock.One(wire.KeyNo(v.keyNo), v.key, keystore.SourceOf(v.keySpec), at)
	case v.ring != nil:
		v.conf.Have, v.conf.Want = v.ring, v.ring
	}
	if v.conf.Want != nil && !v.dryRun {
		if v.journal == "" {
			if v.journal, err = defaultJournal(); err != nil {
				return err
			}
		}
		journal, err := openJournal(v.journal)
		if err != nil {
			return fmt.Errorf("the journal cannot be written, so no key is changed: %w", err)
		}
		defer journal.Close()
		v.conf.Journal = journal
	} else if v.conf.Want != nil {
		v.conf.Journal = noJournal{}
	}
	return v.hold()
}

// noJournal is the journal of a dry run.
type noJournal struct{}

// Record implements rekey.Journal.
func (noJournal) Record(context.Context, rekey.Entry) error {
	return errors.New("a dry run changes nothing")
}

// maxStalls is how often a card may fail without any progress.
const maxStalls = 5

// hold works on a card, and goes on with the same one when it is back.
func (v *restoreVerb) hold() error {
	asked := v.uid
	defer func() { v.uid = asked }()
	for stalls, before := 0, 0; ; {
		err := v.withCard(v.cmd, v.step)
		switch {
		case v.done > before:
			stalls, before = 0, v.done
		default:
			stalls++
		}
		if !desfire.Lost(err) || v.present != nil || v.cmd.Context().Err() != nil || stalls > maxStalls {
			return v.ended(err)
		}
		v.log.Warn("Lost the card: put it back", "card", v.cardName(), "err", text(err))
		if v.plan != nil && len(v.card.UID) > 0 { // else the plan knows the card in a session
			v.uid = fmt.Sprintf("%X", []byte(v.card.UID))
		}
		select {
		case <-time.After(time.Duration(stalls) * 50 * time.Millisecond):
		case <-v.cmd.Context().Done():
			return v.ended(v.cmd.Context().Err())
		}
	}
}

// ended says of an error how to go on.
func (v *restoreVerb) ended(err error) error {
	var wrong *perso.WrongCardError
	switch {
	case err == nil, v.done == 0, errors.As(err, &wrong) && wrong.Want != wrong.Is, exitCode(context.Background(), err) == exitDiffers:
		return err
	case errors.Is(err, context.Canceled) && v.cmd.Context().Err() != nil:
	case exitCode(context.Background(), err) == exitNoCard: // it is made in part
		err = withCode(exitUnknown, err)
	}
	return advise(err, "The card is made in part. Present it again, and the same command goes on: desfire restore %s.", v.path)
}

// step is one attempt: the plan first, unless there is one, then what is left of
// it.
func (v *restoreVerb) step(ctx context.Context, card *desfire.Card) error {
	if v.plan == nil {
		plan, err := perso.NewPlan(ctx, card, v.layout, v.conf)
		if err != nil {
			return err
		}
		v.plan = plan
		if len(v.card.UID) == 0 {
			v.card.UID = hexBytes(plan.UID)
		}
		if err := v.show(card); err != nil {
			return err
		}
	}
	if v.dryRun {
		return nil
	}
	if !v.agreed && len(v.plan.Steps) > 0 {
		if err := v.confirm(v.cmd, "Do this with the card?"); err != nil {
			return err
		}
	}
	v.agreed = true
	progress := v.progress("restoring")
	defer progress.End()
	v.conf.OnStep = func(p perso.Progress) {
		v.done++
		progress.At(p.N-1, p.Of)
		v.log.Debug(p.Step.Words, "step", p.N, "of", p.Of)
	}
	if err := v.plan.Apply(ctx, card, v.conf); err != nil {
		return err
	}
	progress.End()
	progress = v.progress("reading back")
	progress.At(0, 0)
	list, err := perso.Verify(ctx, card, v.layout, v.conf)
	if err != nil {
		return err
	}
	return v.result(list)
}

// restorePlan is what restore prints first with --json.
type restorePlan struct {
	cardOf
	Dump        string       `json:"dump"` // the file
	DryRun      bool         `json:"dry_run"`
	Structure   string       `json:"structure"` // hash of places, settings and key versions of the card
	Steps       []perso.Step `json:"steps"`
	Exchanges   int          `json:"exchanges"` // about
	Bytes       int          `json:"bytes"`     // of memory, about
	Kept        []perso.Note `json:"kept"`      // so already
	Extra       []perso.Note `json:"extra"`     // on the card, not in the dump: left alone
	Impossible  []perso.Note `json:"impossible"`
	NotRestored []perso.Note `json:"not_restored"` // of the dump: no card can be given it, or it is not known
	Warnings    []perso.Note `json:"warnings"`
}

// show prints the plan, and refuses what is impossible.
func (v *restoreVerb) show(card *desfire.Card) error {
	p := v.plan
	if v.json {
		err := v.emit(restorePlan{
			v.card, v.path, v.dryRun, p.Structure, p.Steps, p.Exchanges(), p.Bytes(), p.Keep, p.Extra, p.Impossible, append([]perso.Note{}, v.never...), p.Warnings,
		})
		if err != nil {
			return err
		}
	} else {
		v.print(card)
	}
	if n := len(p.Impossible); n > 0 && !v.force {
		return advise(withCode(exitImpossible, fmt.Errorf("%s of %s cannot be restored on this card (%v): nothing was done", count(n, "part"), v.path, p.Impossible[0])),
			"--force restores the rest.")
	}
	return nil
}

// print prints the plan for people.
func (v *restoreVerb) print(card *desfire.Card) {
	p, plan := v.err, v.plan
	v.announce(card)
	source := v.from.Card.Name
	if v.from.By != "" || !v.from.Written.IsZero() {
		source += ", " + v.from.Format.Words()
	}
	v.sayf("%s %s\n", p.Dim.Render("from "+v.path+":"), source)
	var steps []perso.Note
	for i := range plan.Steps {
		s := &plan.Steps[i]
		if s.Forever != "" {
			steps = append(steps, perso.Note{Where: perso.Where{Place: s.Place}, Text: s.Words + ": " + s.Forever})
		}
	}
	switch n := len(plan.Steps); n {
	case 0:
		v.sayf("%s\n", p.Title.Render("Nothing to do"))
	default:
		v.sayf("%s %s\n", p.Title.Render("To do:"), p.Dim.Render(fmt.Sprintf("%s, about %s and %s of memory", count(n, "step"), count(plan.Exchanges(), "exchange"), count(plan.Bytes(), "byte"))))
		for i := range plan.Steps {
			words := plan.Steps[i].Words
			if plan.Steps[i].Replaces {
				words += " (what it holds is lost)"
			}
			v.sayWrapped("  ", words)
		}
	}
	v.sayNotesOf(p.Bad, "Never to be undone", steps)
	v.sayNotesOf(p.Title, "On the card, and not in the dump: left alone", plan.Extra)
	v.sayNotesOf(p.Title, "Not restored", v.never)
	v.sayNotesOf(p.Warn, "Warnings", plan.Warnings)
	if !v.values && v.hasValues() {
		v.sayf("  --values restores values and records\n")
	}
	v.sayNotesOf(p.Bad, "Impossible", plan.Impossible)
}

// hasValues reports whether the dump has any values or records.
func (v *restoreVerb) hasValues() bool {
	for i := range v.layout.Applications {
		for j := range v.layout.Applications[i].Files {
			if f := &v.layout.Applications[i].Files[j]; f.Value != nil && *f.Value != 0 || len(f.Records) > 0 {
				return true
			}
		}
	}
	return false
}
