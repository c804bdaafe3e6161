package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) traceVerifyCommand() *cobra.Command {
	var keys sessionKeys
	var cfg trace.VerifyConfig
	var quiet bool
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Check every MAC, CMAC and CRC of a session, and decipher it",
		Long: `Find the authentications in a recorded session, recover the random numbers with the
keys that fit, derive the session keys, check every MAC, CMAC and CRC in both
directions, and print the content deciphered. Keys that the session changes are followed.
Key bytes are never printed.

A key is TYPE:DIGITS, or from elsewhere TYPE:@FILE, TYPE:env:NAME; with a place in front
AID:NUMBER=, NUMBER= or AID=. Keys that stand in the recording are used as well.

The result of a file is verified, failed (a check fails under keys that fit, also where
the mistake is the reader's and the card refused it), or unverifiable (something that is
protected could not be checked: an authentication is by an unknown key, or what follows
an answer that was lost or cut). What failed is named: the exchange, what is wrong, and
in brackets the check; so is each line of a log that may be traffic and was not taken.
With --json, one object for each file and no content. The exit code is 6 if a file
failed, and 9 if one could not be read.`,
		Example: `  desfire trace verify --key aes:env:MASTER_KEY session.json
  desfire trace verify --key 123456:1=aes:@key1.txt pcscd.log
  desfire trace verify --default-keys --json *.json`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if cfg.Keys, err = keys.read(cmd); err != nil {
				return err
			}
			cfg.DefaultKeys = keys.defaults
			return a.traceVerify(cmd.Context(), args, &cfg, quiet)
		},
	}
	f := cmd.Flags()
	keys.flags(f)
	f.BoolVarP(&quiet, "quiet", "q", false, "print the result of each file only")
	return cmd
}

func (a *app) traceVerify(ctx context.Context, names []string, cfg *trace.VerifyConfig, quiet bool) error {
	failed, unread := 0, 0
	for _, name := range names {
		rec, err := readRecording(ctx, name)
		if errors.Is(err, errInterrupted) {
			return err
		}
		var r *trace.Result
		if err != nil {
			unread++
			r = &trace.Result{Failures: []trace.Failure{{Exchange: -1, Check: trace.CheckReadable, What: oneLine(err)}}, Cut: []trace.Failure{}, Skipped: []trace.Skipped{}}
		} else {
			r = trace.Verify(rec, cfg)
		}
		r.File = name
		if r.Verdict == trace.Failed {
			failed++
		}
		if a.json {
			if err := a.emit(r); err != nil {
				return err
			}
			continue
		}
		a.printVerified(r, quiet)
	}
	switch {
	case failed > 0:
		return withCode(exitNotGenuine, fmt.Errorf("%d of %s failed", failed, count(len(names), "recording")))
	case unread > 0:
		return withCode(exitInput, fmt.Errorf("%d of %s could not be read", unread, count(len(names), "file")))
	}
	return nil
}

func (a *app) printVerified(r *trace.Result, quiet bool) {
	p := a.out
	if !quiet {
		for i := range r.Messages {
			a.printOpened(&r.Messages[i])
		}
	}
	style := p.Warn
	switch r.Verdict {
	case trace.Verified:
		style = p.Good
	case trace.Failed:
		style = p.Bad
	}
	verdict := screen.Sprintf("%s: %s, %s, %s, %s", r.File, style.Render(r.Verdict.String()),
		count(r.Authentications, "authentication"), count(r.MACs, "MAC"), count(r.CRCs, "CRC"))
	if n := len(r.Skipped); n > 0 {
		verdict += screen.Sprintf(", %s not taken", count(n, "line"))
	}
	a.printWrapped("", verdict)
	for _, f := range slices.Concat(r.Cut, r.Failures) {
		a.printWrapped("  ", screen.Visible(f.String()))
	}
	for _, s := range r.Skipped {
		a.printWrapped("  ", screen.Visible("not taken: "+s.String()))
	}
}

// printWrapped prints running text, indented, and more so from its second line
// on.
func (a *app) printWrapped(indent screen.Text, text screen.Text) {
	for i, l := range screen.Wrap(text, traceColumns(a.stdout)-4) {
		if i == 1 {
			indent += "  "
		}
		a.printf("%s%s\n", indent, l)
	}
}

// printOpened prints a message with its protection taken off, folded.
func (a *app) printOpened(o *trace.Opened) {
	p, width := a.out, traceColumns(a.stdout)-len(showIndent)
	fields := func(list []wire.Field) (words []screen.Text) {
		for _, f := range list {
			words = append(words, wholeField(f))
		}
		return words
	}
	command := fields(o.Fields)
	if o.Scheme != wire.SchemeNone {
		command = append(command, screen.Sprintf("%v %v", o.Scheme, o.Mode))
	}
	a.printShown(o.First, "->", traceLines(p, p.Name.Render(o.Name), command, nil, width))
	status, answer := p.Bad.Render(o.Words), fields(o.Answer)
	if o.OK() {
		status = p.Good.Render(o.Words)
	}
	if o.Note != "" {
		answer = append(answer, "["+screen.Visible(o.Note)+"]")
	}
	a.printShown(-1, "<-", traceLines(p, status, answer, nil, width))
}
