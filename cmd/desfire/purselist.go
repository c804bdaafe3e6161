package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/spf13/cobra"
)

// noKeys is a key store without keys, for what takes none.
type noKeys struct{}

func (noKeys) Has(context.Context, keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.Facts{}, false, nil
}

func (noKeys) Key(_ context.Context, r keystore.Ref) (key.Key, error) {
	return nil, &keystore.NotFoundError{Ref: r}
}

// pursePick says which entries of a journal are wanted.
type pursePick struct {
	card, id string
	open     bool
}

func (p *pursePick) wants(e *ledger.Entry) bool {
	return (!p.open || e.IsOpen()) && strings.HasPrefix(e.UID, p.card) && (p.id == "" || e.Request == p.id || e.ID.String() == strings.ToLower(p.id))
}

func (a *app) purseJournalCommand() *cobra.Command {
	var path string
	var pick pursePick
	var report bool
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "List the changes of a journal",
		Long: `List the changes that a journal has, in the order in which they were begun. Those that
are open come with what would decide them.

With --json, one object a line, as the other verbs print a change. With --report
the journal becomes a report for the centre, which desfire purse reconcile
reads: one JSON text with everything that a decision may need, and no keys.`,
		Args: wants(),
		Example: `  desfire purse journal --journal gate.db
  desfire purse journal --journal gate.db --report`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			pick.card = strings.ToUpper(strings.NewReplacer(" ", "", ":", "", "-", "").Replace(pick.card))
			if report && (pick.open || pick.card != "" || pick.id != "") {
				return &usageError{cmd, fmt.Errorf("--report has the whole journal: it does not go with --open, --card and --id")}
			}
			file, err := a.openPurse(cmd, path, true)
			if err != nil {
				return err
			}
			if report {
				return file.close(a.report1(cmd.Context(), file))
			}
			return file.close(a.listPurse(cmd.Context(), file, &pick))
		},
	}
	journalFlag(cmd, &path)
	f := cmd.Flags()
	f.StringVar(&pick.card, "card", "", "only changes on this card, `UID` or the beginning of it")
	f.StringVar(&pick.id, "id", "", "only the change with this `ID`, or this --id")
	f.BoolVar(&pick.open, "open", false, "only changes that are open")
	f.BoolVar(&report, "report", false, "print the journal as a report for the centre")
	return cmd
}

// report1 prints the journal as one report.
func (a *app) report1(ctx context.Context, file *purseFile) error {
	r, err := ledger.ReportOf(ctx, file.journal, file.conf.Terminal, ledger.At(time.Now()))
	if err != nil {
		return err
	}
	return a.emit(purseReport{r})
}

// purseReport is what purse journal --report prints.
type purseReport struct{ *ledger.Report }

// MarshalJSON writes the report.
func (r purseReport) MarshalJSON() ([]byte, error) { return json.Marshal(r.Report) }

func (a *app) listPurse(ctx context.Context, file *purseFile, pick *pursePick) error {
	n := 0
	for e, err := range file.journal.Entries(ctx) {
		if err != nil {
			return err
		}
		if !pick.wants(e) {
			continue
		}
		if a.json {
			if err := a.emit(a.receiptOf(&ledger.Receipt{Entry: *e})); err != nil {
				return err
			}
			continue
		}
		if n == 0 {
			a.printf("%s\n", a.out.Dim.Render(fmt.Sprintf("%-20s  %-14s  %-17s  %-9s %s", "BEGUN", "CARD", "CHANGE", "DECISION", "RULE")))
		}
		n++
		a.printEntryOf(e)
	}
	if n == 0 && !a.json {
		what := "No changes"
		if pick.open {
			what = "No open changes"
		}
		a.printf("%s in %s\n", what, file.path)
	}
	return nil
}

func (a *app) printEntryOf(e *ledger.Entry) {
	p := a.out
	r := ledger.Receipt{Entry: *e}
	style := map[ledger.Decision]screen.Style{ledger.Happened: p.Good, ledger.DidNot: p.Dim, ledger.InDoubt: p.Bad}[r.Decision()]
	for i, m := range e.Moves {
		change := fmt.Sprintf("%s %d", strings.Replace(m.Kind.Words(), "limited credit", "limited", 1), m.Amount)
		if i > 0 {
			a.printf("%38s  %-17s\n", "", change)
			continue
		}
		uid := e.UID
		if len(uid) > 14 {
			uid = uid[:14]
		}
		decision := r.Decision().String()
		a.printf("%s  %-14s  %-17s  %s%s %s\n", e.Began.UTC().Format(time.DateTime+"Z"), uid, change, style.Render(decision), screen.Pad(decision, 9), string(r.Rule()))
	}
	if e.Request != "" {
		a.printf("  %s %s\n", p.Dim.Render("request"), e.Request)
	}
	if !e.IsOpen() {
		return
	}
	a.printf("  %s %v\n", p.Warn.Render("open:"), e.ID)
	if o := e.Outcome(); o != nil {
		a.fold(6, "why", o.Why)
		for _, n := range o.Needs {
			a.fold(6, "needs", n)
		}
	}
}

func (a *app) purseStatusCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a journal has, what is open and which cards are blocked",
		Long: `Show what a journal has: how many changes and what became of them, those that are
open, the cards that are blocked and why, and its generation, which is new after
a copy or a restored backup.`,
		Args:    wants(),
		Example: "  desfire purse status --journal gate.db\n  desfire purse status --journal gate.db --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := a.openPurse(cmd, path, true)
			if err != nil {
				return err
			}
			return file.close(a.purseStatus(cmd.Context(), file))
		},
	}
	journalFlag(cmd, &path)
	return cmd
}

// purseStatusResult is what purse status prints with --json.
type purseStatusResult struct {
	Journal     string                   `json:"journal"`
	Application string                   `json:"application"`
	Terminal    string                   `json:"terminal"`
	Policy      ledger.Policy            `json:"policy"`
	Generations []boltjournal.Generation `json:"generations"` // the last one is in use
	Renewed     string                   `json:"renewed"`     // why the next opening will begin a new generation; empty if it will not
	Entries     int                      `json:"entries"`
	Happened    int                      `json:"happened"`
	DidNot      int                      `json:"did_not"`
	Open        []purseReceipt           `json:"open"`
	Cards       int                      `json:"cards"`
	Blocked     []purseBlocked           `json:"blocked"`
	Certainty   ledger.Certainty         `json:"certainty"` // without the transaction MAC key
}

// purseBlocked is a card from which nothing is taken.
type purseBlocked struct {
	Card string `json:"uid"`
	Why  string `json:"why"`
}

func (a *app) purseStatus(ctx context.Context, file *purseFile) error {
	s := purseStatusResult{
		Journal: file.path, Application: file.conf.Place.String(), Terminal: file.conf.Terminal, Policy: file.conf.Policy,
		Renewed: file.journal.Renewed(), Certainty: file.conf.Certainty(false),
	}
	var err error
	if s.Generations, err = file.journal.Generations(); err != nil {
		return err
	}
	seen := map[ledger.CardApp]bool{}
	for e, err := range file.journal.Entries(ctx) {
		if err != nil {
			return err
		}
		s.Entries++
		r := &ledger.Receipt{Entry: *e}
		switch {
		case e.IsOpen():
			s.Open = append(s.Open, a.receiptOf(r))
		case r.Decision() == ledger.Happened:
			s.Happened++
		default:
			s.DidNot++
		}
		if seen[e.CardApp] {
			continue
		}
		seen[e.CardApp] = true
		s.Cards++
		state, err := file.journal.State(ctx, e.CardApp)
		if err != nil {
			return err
		}
		if state != nil && state.Blocked != "" {
			s.Blocked = append(s.Blocked, purseBlocked{e.UID, state.Blocked})
		}
	}
	if a.json {
		return a.emit(s)
	}
	p := a.out
	a.printf("%s: %s, value file %d, terminal %s\n", p.Title.Render(s.Journal), file.conf.Place.Words(), file.conf.Values[0].No, s.Terminal)
	const w = 10
	last := s.Generations[len(s.Generations)-1]
	gen := fmt.Sprintf("%v since %s", last.Generation, last.Since.UTC().Format(time.DateTime+"Z"))
	if n := len(s.Generations); n > 1 {
		gen += fmt.Sprintf(", number %d: %s", n, last.Why)
	}
	a.fold(w, "generation", gen)
	a.row(w, "changes", fmt.Sprintf("%d on %s: %d happened, %d did not, %d open", s.Entries, count(s.Cards, "card"), s.Happened, s.DidNot, len(s.Open)))
	for _, o := range s.Open {
		a.fold(w, "open", fmt.Sprintf("%s of %d on card %s, id %v, begun %s", o.Moves[0].Kind, o.Moves[0].Amount, o.Card, o.ID, o.Began.UTC().Format(time.DateTime+"Z")))
	}
	for _, b := range s.Blocked {
		a.fold(w, "blocked", fmt.Sprintf("card %s: %s", b.Card, b.Why))
	}
	for i, words := range s.Certainty.Words {
		label := ""
		if i == 0 {
			label = "proof"
		}
		a.fold(w, label, words)
	}
	return nil
}
