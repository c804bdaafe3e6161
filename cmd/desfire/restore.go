package main

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) restoreCommand() *cobra.Command {
	v := &restoreVerb{making: making{app: a}}
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
	cmd.Flags().BoolVar(&v.values, "values", false, "restore values and records, too")
	keyJournalFlag(cmd, &v.journal)
	return cmd
}

// restoreVerb is one run of restore.
type restoreVerb struct {
	making
	path, journal string
	values        bool

	from  *dump.Dump
	never []perso.Note // what of the dump the layout does not have
}

func (v *restoreVerb) run() error {
	var err error
	if v.from, err = v.readDump(v.cmd.Context(), v.path); err != nil {
		return err
	}
	v.card = cardOf{} // it is not the one on the reader
	v.sayNotes(v.from)
	layout, never := perso.FromCard(v.from.Card)
	if layout == nil || v.from.Card.Generation == wire.UnknownGeneration {
		return withCode(exitInput, fmt.Errorf("%s does not say what card it is of", v.path))
	}
	v.never = never
	if v.force {
		layout.Generations = nil
	}
	v.find = func(context.Context, *desfire.Card) (*perso.Layout, error) { return layout, nil }
	v.show, v.making.result = v.shown, v.result
	v.doing, v.again = "restoring", "desfire restore "+v.path
	v.conf = &perso.Config{Values: v.values, Irreversible: perso.Irreversible()}
	switch {
	case v.key != nil:
		at := wire.Place{Fixed: v.from.Card.Generation.FixedName() != nil}
		v.conf.Have = unlock.One(wire.KeyNo(v.keyNo), v.key, keystore.SourceOf(v.keySpec), at)
	case v.ring != nil:
		v.conf.Have, v.conf.Want = v.ring, v.ring
	}
	if v.conf.Want != nil {
		journal, done, err := v.keyJournal(v.journal)
		if err != nil {
			return err
		}
		defer done()
		v.conf.Journal = journal
	}
	return v.making.run()
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

// shown prints the plan, and refuses what is impossible.
func (v *restoreVerb) shown(card *desfire.Card) error {
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
	words := planWords{extra: "On the card, and not in the dump: left alone", left: "Not restored", leftOver: v.never}
	if !v.values && v.hasValues() {
		words.hint = "--values restores values and records"
	}
	v.remarks().plan(plan, words)
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
