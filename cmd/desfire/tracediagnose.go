package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) traceDiagnoseCommand() *cobra.Command {
	var keys sessionKeys
	var files []string
	cfg := diagnose.Config{Files: map[wire.FileNo]wire.CommMode{}}
	cmd := &cobra.Command{
		Use:   "diagnose FILE...",
		Short: "Find out why a recorded session failed",
		Long: `Find out why the card refused what it refused, from a recording or log alone. Each
finding names the exchange, says how sure it is and what to do next:

  proved    computed from the bytes with the keys, or a rule without exception
  likely    the exchange points to it
  possible  the card gives this answer for this reason, among others

With the key that was used (--key, as trace verify takes it) it takes tokens, MACs, CRCs
and cryptograms apart, and tries the mistakes that readers make: IVs, rotations,
directions, counters, session keys, modes, paddings. Without it, it says what lengths,
the order of commands and the card's answers tell. Key bytes are never printed. With
--json, one object for each file. The exit code is 9 if a file could not be read.`,
		Example: `  desfire trace diagnose --default-keys session.json
  desfire trace diagnose --key 121314:1=aes:@key1.txt pcscd.log
  desfire trace diagnose --file 6=full --json pcscd.log`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if cfg.Keys, err = keys.read(cmd); err != nil {
				return err
			}
			cfg.DefaultKeys = keys.defaults
			for _, s := range files {
				if err := fileMode(s, cfg.Files); err != nil {
					return &usageError{cmd, fmt.Errorf("--file: %w", err)}
				}
			}
			return a.traceDiagnose(cmd.Context(), args, &cfg)
		},
	}
	f := cmd.Flags()
	keys.flags(f)
	f.StringArrayVar(&files, "file", nil, "the mode of a file that the recording does not tell, `N=MODE`: plain, mac or full")
	return cmd
}

// fileMode reads what --file says: 6=full.
func fileMode(s string, modes map[wire.FileNo]wire.CommMode) error {
	no, name, ok := strings.Cut(s, "=")
	n, err := strconv.ParseUint(no, 10, 8)
	if !ok || err != nil || n > 31 {
		return fmt.Errorf("%q: want the number of a file, 0 to 31, and its mode, for example 6=full", s)
	}
	mode, err := wire.ParseCommMode(name)
	if err != nil {
		return err
	}
	modes[wire.FileNo(n)] = mode
	return nil
}

// diagnosedFile is what trace diagnose prints with --json.
type diagnosedFile struct {
	File    string          `json:"file"`
	Summary string          `json:"summary"`
	Unread  string          `json:"unread,omitempty"` // why the file could not be read
	Skipped []trace.Skipped `json:"skipped"`          // lines of a log that may be traffic and were not taken
	*diagnose.Report
}

func (a *app) traceDiagnose(ctx context.Context, names []string, cfg *diagnose.Config) error {
	var failed error
	for _, name := range names {
		rec, err := readRecording(ctx, name)
		switch {
		case errors.Is(err, errInterrupted):
			return err
		case err == nil:
			err = a.printDiagnosed(name, diagnose.Recording(rec, cfg), rec.Missed())
		case a.json:
			none := diagnosedFile{File: name, Unread: oneLine(err), Skipped: []trace.Skipped{}, Report: &diagnose.Report{Findings: []diagnose.Finding{}}}
			err = errors.Join(err, a.emit(none))
		}
		if err != nil {
			failed = a.nextFile(failed, err)
		}
	}
	return failed
}

func (a *app) printDiagnosed(name string, r *diagnose.Report, skipped []trace.Skipped) error {
	if a.json {
		return a.emit(diagnosedFile{File: name, Summary: r.Summary(), Skipped: skipped, Report: r})
	}
	a.printWrapped("", screen.Sprintf("%s: %s", a.out.Title.Render(name), r.Summary()))
	for i := range r.Findings {
		a.printFinding(&r.Findings[i], i == 0 || r.Findings[i-1].Exchange != r.Findings[i].Exchange)
	}
	for _, s := range skipped {
		a.printWrapped("  ", screen.Visible("not taken: "+s.String()))
	}
	return nil
}

// printFinding prints a finding, below the command it is about.
func (a *app) printFinding(f *diagnose.Finding, first bool) {
	p := a.out
	if first {
		a.printf("%s\n", p.Name.Render(fmt.Sprintf("exchange %d, %s", f.Exchange, f.Command)))
	}
	style := p.Dim
	switch f.Sure {
	case diagnose.Proved:
		style = p.Bad
	case diagnose.Likely:
		style = p.Warn
	}
	lines := screen.Wrap(screen.Visible(f.Text), traceColumns(a.stdout)-12)
	for i, l := range lines {
		label := screen.Text("        ")
		if i == 0 {
			label = screen.Sprintf("%s%s", style.Render(f.Sure), screen.Pad(f.Sure.String(), 8))
		}
		a.printf("  %s  %s\n", label, l)
	}
	for _, l := range screen.Wrap(screen.Visible(f.Next), traceColumns(a.stdout)-12) {
		a.printf("            %s\n", p.Good.Render(l))
	}
}
