package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/evidence"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/trace"
	"github.com/spf13/cobra"
)

// evidenceFlags are those of evidence add.
type evidenceFlags struct {
	opt  evidence.Options
	keys sessionKeys
	to   string
}

func (a *app) evidenceAddCommand() *cobra.Command {
	var f evidenceFlags
	cmd := &cobra.Command{
		Use:   "add FILE...",
		Short: "File a recording of a card, or a report of selftest, as evidence",
		Long: `Check what somebody sent, take out what need not be known, and file it below testdata of
the source tree: recordings of any format that trace show reads, and reports of
selftest --report.

A recording is verified as trace verify does, with the same keys. Left out of what is
filed are keys, random numbers, what would tell a new key, notes, and the UID of the chip
unless a MAC or signature depends on it; what is personal and stays is said, and which
cells of docs/evidence.md the recording moves. Without its keys nobody can verify a
recording any more, so that what is protected in it counts for nothing: with --with-keys
the keys that it needs are filed with it, whole key changes too. Do that with test keys
only: they are public from then on.

Not filed are recordings that are altered or forged, that the source tree has already,
that do not say where they come from, or that are of the simulated card, which proves
nothing; --force files those below testdata/simulated, where they count for nothing.

A report is compared with what the simulated card of the same generation does.

Exit code 6: something is forged, altered or simulated; 9: it cannot be read, or is not
fit to be filed for another reason.`,
		Example: `  desfire evidence add --dry-run --default-keys session.json
  desfire evidence add --source https://example.org/7 --to . proxmark.log
  desfire evidence add --source 'own card' --with-keys --to . pcscd.log`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if f.opt.Verify.Keys, err = f.keys.read(cmd); err != nil {
				return err
			}
			f.opt.Verify.DefaultKeys = f.keys.defaults
			return a.evidenceAdd(cmd, args, &f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.opt.Source, "source", "", "where it comes from: an address, or who has the card")
	fl.StringVar(&f.opt.Card, "card", "", "what the card is, as EV2; default what it says itself")
	f.keys.flags(fl)
	fl.BoolVar(&f.opt.WithKeys, "with-keys", false, "file the keys that verifying needs: test keys only")
	fl.BoolVar(&f.opt.KeepUID, "keep-uid", false, "leave the UID of the chip in it")
	fl.StringVar(&f.to, "to", "", "the `DIR` to file in (default below testdata of the source tree that this is)")
	return cmd
}

func (a *app) evidenceAdd(cmd *cobra.Command, names []string, f *evidenceFlags) error {
	f.opt.Simulate = a.force
	where := "."
	if f.to != "" {
		where = f.to
	}
	root, ok := evidence.Root(where)
	if !ok && f.to != "" {
		root, ok = evidence.Root(".")
	}
	if !ok && f.to == "" && !a.dryRun {
		return advise(withCode(exitInput, errors.New("this is no source tree of this project: there is no testdata/traces here or above")), "--to DIR says where to file, --dry-run files nothing.")
	}
	var codes []int
	for _, name := range names {
		var tree *evidence.Evidence
		if ok {
			var err error
			if tree, err = evidence.Load(root); err != nil {
				return withCode(exitInput, err)
			}
		}
		added, err := a.judgeSent(cmd, name, f, tree)
		switch {
		case errors.Is(err, errInterrupted):
			return err
		case err != nil:
			codes = append(codes, exitInput)
			added = &evidence.Addition{Kind: "unread", Refused: &evidence.Refusal{Reason: "unreadable", Why: oneLine(err)}, Moves: []evidence.Move{}, Redacted: []string{}, Remains: []string{}, Notes: []string{}}
		case added.Refused != nil && (added.Refused.Reason == evidence.Forged || added.Refused.Reason == evidence.OfSim):
			codes = append(codes, exitNotGenuine)
		case added.Refused != nil:
			codes = append(codes, exitInput)
		case !a.dryRun:
			if err := a.fileSent(added, root, f.to); err != nil {
				return err
			}
		}
		added.File = name
		if a.json {
			if err := a.emit(added); err != nil {
				return err
			}
			continue
		}
		a.printAddition(added, tree != nil)
	}
	if n := len(codes); n > 0 {
		return withCode(worst(codes...), fmt.Errorf("%d of %s not filed", n, count(len(names), "file")))
	}
	return nil
}

// maxSent bounds what is read of a file.
const maxSent = 64 << 20

// judgeSent reads a file and finds out what it is.
func (a *app) judgeSent(cmd *cobra.Command, name string, f *evidenceFlags, tree *evidence.Evidence) (*evidence.Addition, error) {
	data, err := a.readUpTo(cmd.Context(), name, maxSent+1)
	switch {
	case err != nil:
		return nil, err
	case len(data) > maxSent:
		return nil, fmt.Errorf("%s: larger than %d MiB", name, maxSent>>20)
	}
	var head struct{ Format string }
	if json.Unmarshal(data, &head) == nil && head.Format == selftest.Format {
		r, err := selftest.ReadReport(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return evidence.AddReport(cmd.Context(), r, &f.opt, tree)
	}
	rec, format, err := trace.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if format != trace.FormatJSON {
		rec.Source = "" // there it is the name of the format
	}
	return evidence.AddRecording(rec, &f.opt, tree), nil
}

// fileSent writes what is to be filed.
func (a *app) fileSent(added *evidence.Addition, root, to string) error {
	added.Written = filepath.Join(root, "testdata", filepath.FromSlash(added.Name))
	if to != "" {
		added.Written = filepath.Join(to, filepath.Base(filepath.FromSlash(added.Name)))
	} else if err := os.MkdirAll(filepath.Dir(added.Written), 0o777); err != nil {
		return err
	}
	return a.writeOut(added.Written, added.Data, 0o666)
}

func (a *app) printAddition(x *evidence.Addition, compared bool) {
	p := a.out
	style := p.Warn
	if r := x.Recording; r != nil {
		switch r.Result {
		case trace.Verified:
			style = p.Good
		case trace.Failed:
			style = p.Bad
		}
		a.printWrapped("", screen.Sprintf("%s: %s, %s, %s, %s", x.File, style.Render(r.Result.String()),
			count(r.Authentications, "authentication"), count(r.MACs, "MAC"), count(r.CRCs, "CRC")))
	} else if r := x.Report; r != nil {
		a.printWrapped("", screen.Sprintf("%s: report of %s: %d passed, %d failed, %d skipped; %s as the simulated card, %d otherwise", x.File,
			r.Report.Card.Product, r.Passed, r.Failed, r.Skipped, count(r.Alike, "step"), len(r.Different)))
		for _, s := range r.Report.Steps {
			if s.Result == selftest.Fail {
				a.printWrapped("  ", screen.Sprintf("%s %s: %s", p.Bad.Render("failed"), s.ID, s.Reason))
			}
		}
		for _, d := range r.Different {
			a.printWrapped("  ", screen.Sprintf("%s: %s: %s; simulated: %s", d.Step, d.What, d.Card, d.Simulated))
		}
	} else {
		a.printWrapped("", screen.Sprintf("%s: %s", x.File, x.Kind))
	}
	for _, s := range x.Notes {
		a.printWrapped("  ", screen.Visible(s))
	}
	if x.Refused != nil {
		a.printWrapped("  ", p.Bad.Render("not filed: ")+screen.Visible(x.Refused.Why))
		return
	}
	for _, l := range []struct {
		head string
		list []string
	}{{"taken out: ", x.Redacted}, {"still in it: ", x.Remains}} {
		if len(l.list) > 0 {
			a.printWrapped("  ", screen.Visible(l.head+strings.Join(l.list, "; ")))
		}
	}
	a.printMoves(x, compared)
	if x.Written == "" {
		a.printf("  would be filed as testdata/%s\n", x.Name)
		return
	}
	a.printf("  filed as %s\n", x.Written)
}

// printMoves lists the cells that move, those of one command in one line.
func (a *app) printMoves(x *evidence.Addition, compared bool) {
	switch {
	case x.Recording == nil:
		return
	case !compared:
		a.printf("  cells of docs/evidence.md: not compared, there is no source tree\n")
		return
	case len(x.Moves) == 0:
		a.printf("  cells of docs/evidence.md: none moves\n")
		return
	}
	a.printf("  cells of docs/evidence.md: %s\n", count(len(x.Moves), "move"))
	for i, m := range x.Moves {
		same := func(o evidence.Move) bool { return o.Command == m.Command && o.Column == m.Column }
		if i > 0 && same(x.Moves[i-1]) {
			continue
		}
		var halves []string
		for _, o := range x.Moves {
			if same(o) {
				halves = append(halves, fmt.Sprintf("%s %v -> %v", o.Half, o.From, o.To))
			}
		}
		a.printWrapped("    ", screen.Visible(m.Command+", "+m.Column+": "+strings.Join(halves, ", ")))
	}
}
