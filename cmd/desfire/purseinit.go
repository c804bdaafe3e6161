package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// purseInit are the flags of purse init.
type purseInit struct {
	slot, record     string
	policy, others   string
	terminal         string
	diversified      bool
	credit           bool
	slotNo, recordNo *wire.FileNo
	number           int
}

func (a *app) purseInitCommand() *cobra.Command {
	var f purseInit
	cmd := &cobra.Command{
		Use:   "init JOURNAL APP/FILE",
		Short: "Make a purse of what a card says, and its journal",
		Long: `Look at a card that is known to be right, make a purse of what it says of its files,
and begin a journal: JOURNAL, and its layout beside it in JOURNAL.json, which the
other verbs of desfire purse read. No key is written there.

FILE is the value file. A transaction MAC file is found. What else shall prove
changes has to be named, since all terminals have to agree on it: --slot, a part
of a backup file that is this terminal's alone, or --record. What could prove
nothing is refused. It is said how certain this layout makes changes; docs/purse.md
compares them.

The session takes the key that moves the value, names the reader to the
transaction MAC file and writes receipts: with a keyring it is found by its
rights to debit, or with --credit to credit as well. Where the card gives
another key the right to name the reader, both are needed.

` + helpApp,
		Args: func(cmd *cobra.Command, args []string) error {
			rest := args
			if len(args) > 0 {
				rest = append(args[:1:1], splitTarget(args[1:])...)
			}
			return wants("JOURNAL", "APP", "FILE")(cmd, rest)
		},
		Example: `  desfire purse init new.db F48121/1 --keys purse.keys.yaml --slot 2:0
  desfire purse init new.db 121314/1 --policy accidents --others exclusive \
    --plain`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, _, err := parseTarget(cmd, args[1:])
			if err != nil {
				return err
			}
			if err := f.read(cmd); err != nil {
				return err
			}
			if !a.dryRun {
				if err := unused(args[0]); err != nil {
					return err
				}
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.purseInit(ctx, cmd, card, args[0], t, &f)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.slot, "slot", "", "`FILE:NUMBER` of a backup file: 16 bytes of it that no other terminal uses")
	fl.StringVar(&f.record, "record", "", "record `FILE` to which each change of each terminal adds a record")
	fl.StringVar(&f.policy, "policy", string(ledger.Hostile), "what may stand between reader and card: `hostile` or accidents")
	fl.StringVar(&f.others, "others", "any", "what others can do to the value: `any`, debit, or exclusive for nothing")
	fl.StringVar(&f.terminal, "terminal", terminalName(), "`NAME` of this terminal, for those who read the journal")
	fl.BoolVar(&f.credit, "credit", false, "take a key that has the right to credit as well")
	fl.BoolVar(&f.diversified, "diversified", false, "keys are derived from UID and AID, so that a session proves which card it is")
	_ = cmd.RegisterFlagCompletionFunc("policy", cobra.FixedCompletions([]string{"hostile", "accidents"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("others", cobra.FixedCompletions([]string{"any", "debit", "exclusive"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// read checks the flags.
func (f *purseInit) read(cmd *cobra.Command) error {
	usage := func(format string, v ...any) error { return &usageError{cmd, fmt.Errorf(format, v...)} }
	if f.slot != "" {
		file, number, ok := strings.Cut(f.slot, ":")
		no, err := parseFile(cmd, file)
		n, err2 := parseUint(number, 16)
		if !ok || err != nil || err2 != nil {
			return usage("--slot %q: want FILE:NUMBER, for example 2:0", f.slot)
		}
		f.slotNo, f.number = &no, int(n)
	}
	if f.record != "" {
		no, err := parseFile(cmd, f.record)
		if err != nil {
			return usage("--record %q: want the number of a file", f.record)
		}
		f.recordNo = &no
	}
	switch {
	case f.policy != string(ledger.Hostile) && f.policy != string(ledger.Accidents):
		return usage("--policy %q: want %s or %s", f.policy, ledger.Hostile, ledger.Accidents)
	case f.others != "any" && f.others != string(ledger.OthersDebit) && f.others != string(ledger.OthersNothing):
		return usage("--others %q: want any, %s or %s", f.others, ledger.OthersDebit, ledger.OthersNothing)
	case f.terminal == "":
		return usage("--terminal is empty: want a name")
	}
	return nil
}

// unused refuses a journal that is there.
func unused(path string) error {
	for _, name := range []string{path, layoutName(path)} {
		switch _, err := os.Lstat(name); {
		case err == nil:
			return withCode(exitInput, fmt.Errorf("%s exists already: a journal is never overwritten; take another name", name))
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return nil
}

// purseInitResult is what purse init prints with --json.
type purseInitResult struct {
	cardOf
	Journal   string             `json:"journal"` // empty with --dry-run
	Layout    *ledger.Layout     `json:"layout"`
	Certainty ledger.Certainty   `json:"certainty"`
	Slots     []ledger.Candidate `json:"slots"`   // files that could hold slots
	Records   []ledger.Candidate `json:"records"` // and records
	DryRun    bool               `json:"dry_run,omitempty"`
}

func (a *app) purseInit(ctx context.Context, cmd *cobra.Command, card *desfire.Card, path string, t target, f *purseInit) error {
	var err error
	if a.ring == nil || a.key != nil {
		err = a.enter(ctx, card, t.app, unlock.List)
	} else {
		acts := []inspect.Act{inspect.ActGetValue, inspect.ActDebit}
		if f.credit {
			acts = append(acts, inspect.ActCredit)
		}
		_, err = a.enterFile(ctx, card, t, acts...)
	}
	if err != nil {
		return err
	}
	d := &ledger.Discovery{
		Place: t.app, File: t.file, Policy: ledger.Policy(f.policy), Slot: f.slotNo, SlotNumber: f.number, Record: f.recordNo, Terminal: f.terminal,
	}
	if f.others != "any" {
		d.Others = ledger.Others(f.others)
	}
	if _, ok := card.Session(); ok {
		d.Keys = a.purseKeys(card)
	}
	conf, err := d.Here(ctx, card)
	if err != nil {
		return err
	}
	if conf.NoKey {
		if err := free(t, &conf.Values[0].Settings, []inspect.Act{inspect.ActGetValue, inspect.ActDebit}); err != nil {
			return err
		}
	}
	conf.Diversified = f.diversified
	if err := hasReaderKey(ctx, conf, card); err != nil {
		return err
	}
	out := purseInitResult{cardOf: a.saw(card), Certainty: conf.Certainty(hasTMKey(ctx, conf, card)), DryRun: a.dryRun}
	if out.Slots, out.Records, err = d.Candidates(ctx, card, conf); err != nil {
		return err
	}
	if err := a.checkPurse(conf, &out); err != nil {
		return err
	}
	if out.Layout, err = ledger.LayoutOf(conf); err != nil {
		return err
	}
	if !a.dryRun {
		if err := makePurse(cmd, path, out.Layout); err != nil {
			return err
		}
		out.Journal = path
	}
	return a.tellInit(conf, &out)
}

// checkPurse refuses what could prove nothing, and says which files would help.
func (a *app) checkPurse(conf *ledger.Config, out *purseInitResult) error {
	try := *conf
	try.Journal = ledger.Memory(nil)
	_, err := ledger.Open(try)
	var bad *ledger.ConfigError
	if !errors.As(err, &bad) {
		return err
	}
	if bad.Field == "Others" {
		for _, c := range out.Slots {
			if c.Why == "" {
				return advise(err, "File %d has room for slots 0 to %d: --slot %d:NUMBER takes one, a number of its own for each terminal. Or: --others exclusive, if nobody else, with any key, moves the value.", c.File, c.Slots-1, c.File)
			}
		}
		for _, c := range out.Records {
			if c.Why == "" {
				return advise(err, "--record %d takes that file, if all terminals do. Or: --others exclusive, if nobody else, with any key, moves the value.", c.File)
			}
		}
	}
	return refusedConfig(err)
}

// hasReaderKey finds out that the key is missing that names the reader, where that is
// not the key of the session.
func hasReaderKey(ctx context.Context, conf *ledger.Config, card *desfire.Card) error {
	if conf.TMAC == nil || conf.TMAC.Reader == nil {
		return nil
	}
	r := keystore.Ref{UID: keystore.UID(card.UID()), Place: conf.Place, Key: keystore.Number(*conf.TMAC.Reader)}
	if _, ok, err := conf.Keys.Has(ctx, r); ok || err != nil {
		return err
	}
	_, err := conf.Keys.Key(ctx, r) // says what it lacks
	if err == nil {
		return nil
	}
	return advise(err, "On this card key %d names the reader to transaction MAC file %d, and the session is one of key %d: give a keyring that has both.", *conf.TMAC.Reader, conf.TMAC.No, conf.KeyNo)
}

// hasTMKey reports whether the transaction MAC key is at hand.
func hasTMKey(ctx context.Context, conf *ledger.Config, card *desfire.Card) bool {
	if conf.Keys == nil {
		return false
	}
	_, ok, err := conf.Keys.Has(ctx, keystore.Ref{UID: keystore.UID(card.UID()), Place: conf.Place, Key: keystore.RoleTransactionMAC.ID()})
	return ok && err == nil
}

// makePurse begins a journal and writes its layout. The layout comes last: with it
// the purse is complete.
func makePurse(cmd *cobra.Command, path string, layout *ledger.Layout) error {
	text, err := json.MarshalIndent(layout, "", "  ")
	if err != nil {
		return err
	}
	j, err := boltjournal.Open(path, boltjournal.Options{Program: cmd.CommandPath()})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return withCode(exitInput, fmt.Errorf("the journal %s cannot be made: %w", path, err))
	case err != nil:
		return badJournal(path, err)
	}
	if err := j.Close(); err != nil {
		return withCode(exitInput, err)
	}
	return writeLayout(path, append(text, '\n'))
}

func (a *app) tellInit(conf *ledger.Config, out *purseInitResult) error {
	if a.json {
		return a.emit(out)
	}
	p := a.out
	name := "Purse"
	if out.Journal != "" {
		name = out.Journal
	}
	a.printf("%s: %s, value file %d\n", p.Title.Render(name), conf.Place.Words(), conf.Values[0].No)
	const w = 8
	session := "none: the files are free"
	if !conf.NoKey {
		session = fmt.Sprintf("key %d", conf.KeyNo)
	}
	a.row(w, "session", session)
	if x := conf.TMAC; x != nil {
		by := "which names no reader"
		if x.NamesReader {
			by = "each change names its id to it"
		}
		if x.Reader != nil {
			by = fmt.Sprintf("each change names its id to it with key %d", *x.Reader)
		}
		a.row(w, "counter", fmt.Sprintf("transaction MAC file %d, %s", x.No, by))
	}
	if x := conf.Slot; x != nil {
		a.row(w, "slot", fmt.Sprintf("%d of backup file %d, for this terminal alone", x.Number, x.No))
	}
	if x := conf.Record; x != nil {
		a.row(w, "record", fmt.Sprintf("in file %d, with each change of each terminal", x.No))
	}
	a.row(w, "others", map[ledger.Others]string{ledger.OthersAny: "may credit and debit", ledger.OthersDebit: "may debit only", ledger.OthersNothing: "move nothing"}[conf.Others])
	for i, words := range out.Certainty.Words {
		label := ""
		if i == 0 {
			label = "proof"
		}
		a.fold(w, label, words)
	}
	for _, c := range append(out.Slots, out.Records...) {
		switch {
		case conf.Slot != nil && conf.Slot.No == c.File, conf.Record != nil && conf.Record.No == c.File:
		case c.Why != "":
			a.fold(w, "unused", fmt.Sprintf("file %d: %s", c.File, c.Why))
		case c.Slots > 0:
			a.fold(w, "unused", fmt.Sprintf("file %d has room for slots 0 to %d (--slot %d:NUMBER)", c.File, c.Slots-1, c.File))
		default:
			a.fold(w, "unused", fmt.Sprintf("file %d could hold records (--record %d)", c.File, c.File))
		}
	}
	if out.Journal != "" {
		at, err := filepath.Abs(out.Journal)
		if err != nil {
			at = out.Journal
		}
		a.sayf("%s\n", a.err.Dim.Render("Next: export DESFIRE_PURSE="+at))
	}
	return nil
}
