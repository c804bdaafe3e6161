package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// keyChangeVerb is one run of key change or key find.
type keyChangeVerb struct {
	l              wire.Place
	no             wire.KeyNo
	old, new, with keySpec
	withNo         wire.KeyNo
	journal        string
	budget         int

	withText string
	finds    bool // key find
}

func (v *keyChangeVerb) register(cmd *cobra.Command) {
	v.old.flag, v.new.flag, v.with.flag = "old", "new", "with-key"
	f := cmd.Flags()
	f.StringVar(&v.old.spec, "old", "", "`KEY` that the card holds now, as @FILE or env:NAME")
	f.StringVar(&v.new.spec, "new", "", "`KEY` that it shall hold")
	f.StringVar(&v.journal, "journal", "", "`FILE` for the journal (default key-journal.jsonl in the user's configuration folder)")
	f.IntVar(&v.budget, "budget", 1, "how many failed authentications finding out may cost: 1 or 2")
}

// read reads the command line.
func (v *keyChangeVerb) read(a *app, cmd *cobra.Command, args []string, needsJournal bool) (err error) {
	if v.l, v.no, err = keyPlace(cmd, args); err != nil {
		return err
	}
	if err := a.noGlobalKey(cmd, "--old and --new, and --with-key for the key that may change it"); err != nil {
		return err
	}
	if v.budget < 1 || v.budget > 2 {
		return &usageError{cmd, fmt.Errorf("--budget %d: want 1 or 2, for two keys", v.budget)}
	}
	keys := []*keySpec{&v.old, &v.new}
	switch {
	case v.with.spec != "":
		keys = append(keys, &v.with)
		if v.withNo, err = parseAuthKeyNo(cmd, v.withText); err != nil {
			return fmt.Errorf("--with: %w", err)
		}
	case cmd.Flags().Changed("with"):
		return &usageError{cmd, errors.New("--with says which key of the card --with-key is: --with-key is missing")}
	}
	if v.journal == "" {
		if v.journal, err = defaultJournal(); err != nil && needsJournal && !a.dryRun {
			return err
		}
	}
	if a.ring != nil {
		keys = slices.DeleteFunc(keys, func(k *keySpec) bool { return k.spec == "" })
	}
	return a.readKeys(cmd, keys...)
}

// change is what the library does.
func (v *keyChangeVerb) change(a *app, j rekey.Journal) *rekey.Change {
	ch := &rekey.Change{
		Place: v.l, No: v.no, Old: v.old.key, New: v.new.key, OldSource: v.old.ref(), NewSource: v.new.ref(),
		Journal: j, Budget: v.budget, DryRun: a.dryRun, Force: a.force,
	}
	if v.with.key != nil {
		ch.With, ch.WithNo = v.with.key, v.withNo
	}
	return ch
}

func (a *app) keyChangeCommand() *cobra.Command {
	var v keyChangeVerb
	cmd := &cobra.Command{
		Use:   "change APP KEYNO",
		Short: "Change a key, and know at every moment which one the card holds",
		Long: `Change a key so that at every moment it can be found out which one the card
holds: it shows what it will do and asks, proves the old key, writes the journal,
changes, and proves the new key. If the card is lost in the middle, present it
again: "desfire key find" tells which key it holds, and repeating the change goes
on from there.

` + helpLevel + `
Where the settings say that another key changes keys, often key 0, give it with
--with and --with-key.

With a keyring (--keys) no key needs to be named: the new one is the newest that
it has for this key, the old one that whose version the card tells, and the one
that may change it is found by the key settings. Type and version are compared
before anything is tried.

` + helpKeySpec + `

What would lock somebody out is refused unless --force. The journal holds where
keys are kept, versions and check values, never keys.`,
		Args: wants("APP", "KEYNO"),
		Example: `  desfire key change card 0 --old @factory.key --new @mine.key --dry-run
  desfire key change 121314 1 --old @old.key --new env:NEW \
    --with 0 --with-key @master.key
  desfire key change F48121 1 --keys keys.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := v.read(a, cmd, args, true); err != nil {
				return err
			}
			return v.run(a, cmd)
		},
	}
	v.register(cmd)
	f := cmd.Flags()
	f.StringVar(&v.withText, "with", "0", "`KEYNO` of the key that may change it, if it is another one")
	f.StringVar(&v.with.spec, "with-key", "", "that `KEY`")
	return cmd
}

// keyChangeResult is what key change prints with --json.
type keyChangeResult struct {
	cardOf
	Application wire.Place     `json:"application"`
	Key         wire.KeyNo     `json:"key"`
	Outcome     rekey.Outcome  `json:"outcome"` // changed, already, unchanged, unknown; of a dry run possible or already
	Old         keystore.Facts `json:"old"`
	New         keystore.Facts `json:"new"`
	Journal     string         `json:"journal,omitempty"`
	Steps       []string       `json:"steps"`
}

func (v *keyChangeVerb) run(a *app, cmd *cobra.Command) error {
	var journal *rekey.FileJournal
	if !a.dryRun {
		var err error
		if journal, err = openJournal(v.journal); err != nil {
			return fmt.Errorf("the journal cannot be written, so no key is changed: %w", err)
		}
		defer journal.Close()
	}
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		var j rekey.Journal
		if journal != nil {
			j = journal
		}
		if err := v.fromRing(ctx, a, card, true); err != nil {
			return err
		}
		ch := v.change(a, j)
		if err := v.ask(ctx, a, cmd, card, ch); err != nil {
			return err
		}
		r := &keyChangeResult{cardOf: a.saw(card), Application: v.l, Key: v.no, Old: v.old.facts(), New: v.new.facts(), Steps: []string{}}
		ch.OnStep = func(s rekey.Step) {
			r.Steps = append(r.Steps, s.String())
			if !a.json {
				a.log.Info(s.String())
			}
		}
		var err error
		r.Outcome, err = rekey.Run(ctx, card, ch)
		if journal != nil {
			r.Journal = v.journal
		}
		err = v.explain(err, r.Outcome)
		if a.json && r.Outcome != rekey.Untouched {
			return errors.Join(err, a.emit(r))
		}
		if err == nil {
			v.print(a, r)
		}
		return err
	})
}

func (v *keyChangeVerb) print(a *app, r *keyChangeResult) {
	p := a.out
	what := fmt.Sprintf("Key %d of %s on %s", v.no, v.l.Words(), p.Title.Render(a.cardName()))
	switch r.Outcome {
	case rekey.Already:
		a.printf("%s is %s already\n", what, describeKey(p, r.New))
	case rekey.Possible:
		a.printf("%s would become %s: nothing stands in the way, nothing was changed\n", what, describeKey(p, r.New))
	default:
		a.printf("%s is now %s\n", what, describeKey(p, r.New))
	}
}

// describeKey is a key without its bytes.
func describeKey(p screen.Palette, f keystore.Facts) screen.Text {
	s := screen.Sprintf("%s version %s check %s", f.Type, p.Number.Render(fmt.Sprintf("%02X", f.Version)), p.Number.Render(f.Check.String()))
	if f.Source != "" {
		s += " " + p.Name.Render(f.Source)
	}
	return s
}

// ask shows what will happen to which card, refuses what is risky, and asks.
func (v *keyChangeVerb) ask(ctx context.Context, a *app, cmd *cobra.Command, c *desfire.Card, ch *rekey.Change) error {
	if err := checkKeys(c, v.l); err != nil {
		return err
	}
	risks, err := rekey.Risks(ctx, c, ch)
	switch {
	case errors.Is(err, wire.StatusApplicationNotFound):
		return &noApplicationError{place: v.l, err: err}
	case err != nil:
		return err
	case len(risks) > 0 && !a.force:
		return v.explain(&rekey.RiskError{Risks: risks}, rekey.Untouched)
	}
	says := "does not tell its version"
	version, err := c.KeyVersion(ctx, v.no)
	switch {
	case err == nil:
		says = fmt.Sprintf("says that it has version %02X", version)
		switch version {
		case v.old.key.Version():
		case v.new.key.Version():
			says += ", the new key's"
		default:
			says += ", which is neither key's"
		}
	case errors.Is(err, wire.StatusNoSuchKey):
		return fmt.Errorf("%s has no key %d: %w", v.l.Words(), v.no, err)
	case !inspect.Refused(err):
		return err
	}
	if err := v.unlike(ctx, a, c, version, err == nil); err != nil {
		return err
	}
	if a.json && (a.yes || a.dryRun) {
		return nil
	}
	p := a.err
	show := func(name string, text any) { a.sayf("  %s%s%s\n", p.Dim.Render(name), screen.Pad(name, 9), text) }
	a.sayf("Key %d of %s on %s (%s)\n", v.no, v.l.Words(), p.Title.Render(c.String()), a.at)
	show("from", describeKey(p, v.old.facts()))
	show("to", describeKey(p, v.new.facts()))
	if v.with.key != nil {
		show("by", fmt.Sprintf("key %d, %s", v.withNo, describeKey(p, v.with.facts())))
	} else {
		show("by", "itself")
	}
	show("the card", says)
	if !a.dryRun {
		show("journal", v.journal)
	}
	for _, r := range risks {
		show("risk", p.Warn.Render(r))
	}
	if a.yes || a.dryRun {
		return nil
	}
	return a.confirm(cmd, "Change this key?")
}

// explain adds to an error what to do about it.
func (v *keyChangeVerb) explain(err error, outcome rekey.Outcome) error {
	var refused *desfire.CommandError
	find := v.findCommand()
	var risk *rekey.RiskError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &risk):
		return v.explainRisk(risk)
	case outcome == rekey.InDoubt:
		return fmt.Errorf("%w: the card holds the old or the new key: present it again, and %s tells which", err, find)
	case errors.As(err, new(*rekey.BudgetError)):
		return fmt.Errorf("%w: --budget 2 tries it", err)
	case errors.As(err, &refused) && refused.Command == "ChangeKey" && refused.Status == wire.StatusIntegrityError:
		return fmt.Errorf("%w; the version in the old key is perhaps not the one on the card: say it with /VV after the digits", err)
	case errors.As(err, &refused) && refused.Command == "ChangeKey" && v.with.key == nil:
		return fmt.Errorf("%w; perhaps another key changes this one: --with 0 --with-key KEY", err)
	case errors.Is(err, wire.StatusAuthenticationError):
		return advise(err, "desfire auth diagnose %s %d looks for the reason.", v.l.String(), v.no)
	}
	return err
}

// explainRisk says why a change was not made, and what to do instead.
func (v *keyChangeVerb) explainRisk(risk *rekey.RiskError) error {
	old, next := v.old.key, v.new.key
	text, advice := strings.Join(risk.Risks, "; "), "--force changes it all the same."
	switch {
	case old.Version() == next.Version() && old.Type() == next.Type() && old.CheckValue() != next.CheckValue():
		if len(risk.Risks) == 1 {
			text = fmt.Sprintf("old and new key both have version %02X, so after a lost card nobody could tell them apart", next.Version())
		}
		other := next.Version() + 1
		advice = fmt.Sprintf("Give the new key another: write it as %s:.../%02X, or desfire kdf --version %02X. ", strings.ToLower(next.Type().String()), other, other) + advice
	case strings.Contains(text, " is changed with key "):
		advice = "Say with which: --with N --with-key KEY. " + advice
	}
	return advise(withCode(exitRefused, fmt.Errorf("not changed: %s", text)), "%s", advice)
}

// findCommand tells which key the card holds.
func (v *keyChangeVerb) findCommand() string {
	s := fmt.Sprintf("desfire key find %s %d", v.l.String(), v.no)
	if v.old.source == "" {
		s += " --old " + v.old.arg()
	}
	if v.new.source == "" {
		s += " --new " + v.new.arg()
	}
	if v.old.source != "" || v.new.source != "" {
		s += " --keys FILE"
	}
	return s
}
