package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// reportFlags are the flags of report.
type reportFlags struct {
	out, from, format string
	redact            bool
}

const (
	reportHTML = "html"
	reportJSON = "json"
)

func (a *app) reportCommand() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Show a whole card on one page: HTML to look at, or JSON",
		Long: `Write all that can be read of a card into one HTML page: what it is and how sure
that is, how full, applications and files with their rights, what they hold, NDEF
and secure dynamic messages, transaction MACs, what could not be read, and what
should worry its owner. The page loads nothing and holds no script. --format json,
or --json, writes the same as JSON.

A keyring (--keys) opens what its keys open; --key is one key of the card itself,
or of the application of a DESFire Light or NTAG 424 DNA. --from makes the report
of a file instead of a card: any that desfire dump show reads.

--redact makes a report that can be given away: UID, batch, signature, names,
contents, values and counters are left out, and the report says so. AIDs, sizes,
rights and key versions stay.

A file with secure dynamic messaging that is read without a key counts that.`,
		Args: wants(),
		Example: `  desfire report --out card.html
  desfire report --keys keys.yaml --redact --out card.html
  desfire report --from badge.json --out card.html
  desfire report --json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.makeReport(cmd, &f) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.out, "out", "o", "", "`FILE` to write; stdout if it is not given")
	fl.StringVar(&f.from, "from", "", "make it of this `FILE` instead of a card; - for standard input")
	fl.StringVar(&f.format, "format", reportHTML, "`FORMAT` of the report: html, json")
	fl.BoolVar(&f.redact, "redact", false, "leave out UID, batch, names, contents, values and counters")
	_ = cmd.MarkFlagFilename("out", "html", "json")
	_ = cmd.MarkFlagFilename("from")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{reportHTML, reportJSON}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// reportResult is what report --out prints with --json.
type reportResult struct {
	Output       string `json:"output"` // the file that was written
	Title        string `json:"title"`
	Applications int    `json:"applications"`
	Files        int    `json:"files"`
	Worries      int    `json:"worries"`
	Missing      int    `json:"missing"` // parts that could not be read
	Redacted     bool   `json:"redacted"`
}

func (a *app) makeReport(cmd *cobra.Command, f *reportFlags) error {
	chosen := cmd.Flags().Changed("format")
	switch {
	case f.format != reportHTML && f.format != reportJSON:
		return &usageError{cmd, fmt.Errorf("--format %q: want html or json", f.format)}
	case a.json && f.out == "" && chosen && f.format == reportHTML:
		return &usageError{cmd, errors.New("--json and --format html: want one of them, or --out for the page")}
	case a.json && f.out == "":
		f.format = reportJSON
	}
	if f.out == "" && f.format == reportHTML && screen.Terminal(a.stdout) {
		return &usageError{cmd, errors.New("a page is for a browser: --out card.html writes it into a file")}
	}
	if err := a.mayWrite(f.out); err != nil {
		return err
	}
	conf := &report.Config{By: "desfire " + toolVersion(), Redact: f.redact}
	if f.from != "" {
		if err := noCard(cmd, "from"); err != nil {
			return err
		}
		d, err := a.readDump(cmd.Context(), f.from)
		if err != nil {
			return err
		}
		conf.Source = report.Source{Kind: "file", File: f.from, Format: d.Format.Words(), By: d.By, Notes: d.Notes}
		if !d.Written.IsZero() {
			conf.Source.Written = d.Written.UTC().Format(time.RFC3339)
		}
		return a.writeReport(report.New(d.Card, conf), f)
	}
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		c, err := a.inspect(ctx, card, &inspect.Config{Ask: inspect.Everything})
		if err != nil {
			return err
		}
		switch conf.Extra, err = report.Ask(ctx, card); {
		case ctx.Err() != nil:
			return err
		case err != nil: // what was read before is worth a page
			conf.Extra.Unread = append(conf.Extra.Unread, "the card did not answer any more")
			a.log.Warn("what EV2 and later tell beside: " + oneLine(err))
		}
		return a.writeReport(report.New(c, conf), f)
	})
}

// writeReport writes a report where it belongs.
func (a *app) writeReport(r *report.Report, f *reportFlags) error {
	var b bytes.Buffer
	var err error
	if f.format == reportJSON {
		var text []byte
		text, err = r.JSON()
		b.Write(text)
	} else {
		err = r.HTML(&b)
	}
	switch {
	case err != nil:
		return err
	case f.out != "":
		if err := a.writeOut(f.out, b.Bytes(), 0o600); err != nil {
			return err
		}
	case f.format == reportJSON:
		return a.emit(json.RawMessage(b.Bytes()))
	default:
		_, err := a.stdout.Write(b.Bytes())
		return cannotPrint(err)
	}
	x := reportResult{
		Output: f.out, Title: r.Title, Applications: len(r.Applications), Worries: len(r.Worries), Missing: len(r.Missing), Redacted: r.Redacted != nil,
	}
	for i := range r.Applications {
		x.Files += len(r.Applications[i].Files)
	}
	if a.json {
		return a.emit(x)
	}
	a.printf("%s: %s, %s, %s; %s\n", a.out.Name.Render(f.out), a.out.Title.Render(r.Title), count(x.Applications, "application"), count(x.Files, "file"), count(x.Worries, "remark"))
	if f.from == "" {
		a.sayMissing(r.Missing)
	}
	return nil
}

// noCard is the error of flags about a card beside one that takes a file instead.
func noCard(cmd *cobra.Command, instead string) (err error) {
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		switch flagUses[f.Name] {
		case usesCard, usesTrace, usesSecrets, usesKeys, usesRing:
			if f.Changed && err == nil {
				err = &usageError{cmd, fmt.Errorf("--%s does not go with --%s: it needs no card", f.Name, instead)}
			}
		}
	})
	return err
}
