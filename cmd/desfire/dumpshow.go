package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/spf13/cobra"
)

func (a *app) dumpShowCommand() *cobra.Command {
	var contents bool
	return wantsFiles(func() *cobra.Command {
		cmd := &cobra.Command{
			Use:   "show FILE",
			Short: "Show the card of a dump, as ls and info show one on a reader",
			Long: `Show the card of a dump, as info and ls show one on a reader; with --contents also
what its files hold. No card is needed. FILE may be - for standard input.

Besides dumps it reads images of simulated cards, with or without their keys, files
of Flipper Zero (.nfc), dumps of Proxmark3 (hf mfdes dump), DFC credentials (.dfc,
.dfcb), and XML of FareBot and Metrodroid. A file that was cut off is read as far as
it goes, and it is said where it ends. With --json it prints any of them as a dump
of desfire.`,
			Example: `  desfire dump show badge.json
  desfire dump show badge.json --contents
  desfire dump show badge.json --json`,
			RunE: func(cmd *cobra.Command, args []string) error {
				d, err := a.readDump(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				a.sayNotes(d)
				if a.json {
					var b bytes.Buffer
					if err := dump.Write(&b, d.Card, &dump.Info{Written: d.Written, By: d.By}); err != nil {
						return err
					}
					return a.emit(json.RawMessage(b.Bytes()))
				}
				a.printDump(args[0], d, contents)
				return nil
			},
		}
		cmd.Flags().BoolVar(&contents, "contents", false, "show what files hold, too")
		return cmd
	}(), "FILE")
}

// printDump prints a dump for people.
func (a *app) printDump(path string, d *dump.Dump, contents bool) {
	p := a.out
	what := d.Format.Words()
	if !d.Written.IsZero() {
		what += ", written " + d.Written.UTC().Format(time.DateTime+"Z")
	}
	if d.By != "" {
		what += " by " + d.By
	}
	a.printf("%s: %s\n", p.Name.Render(path), what)
	a.printFacts(d.Card)
	a.printf("\n")
	a.printTree(d.Card)
	if !contents {
		return
	}
	for i := range d.Card.Applications {
		app := &d.Card.Applications[i]
		for j := range app.Files {
			f := &app.Files[j]
			a.printContent(p.Name.Render(target{app.Place, f.No}), f)
		}
	}
}

// printContent prints what a file holds.
func (a *app) printContent(name screen.Text, f *inspect.File) {
	switch {
	case f.Value != nil:
		a.printf("\n%s  %d\n", name, *f.Value)
	case f.Data != nil:
		a.printf("\n%s\n%s", name, screen.Lines(hex.Dump(f.Data)))
	case len(f.Content) > 0:
		a.printf("\n%s\n", name)
		for n, r := range f.Content {
			a.printf("%s\n%s", a.out.Dim.Render(fmt.Sprintf("record %d", len(f.Content)-1-n)), screen.Lines(hex.Dump(r)))
		}
	default:
		for _, part := range []inspect.Part{inspect.PartContent, inspect.PartSettings} {
			if m := f.MissingPart(part); m != nil {
				a.printf("\n%s  %s\n", name, a.out.Warn.Render(m.Words()))
			}
		}
	}
}

func (a *app) dumpDiffCommand() *cobra.Command {
	var known bool
	return wantsFiles(func() *cobra.Command {
		cmd := &cobra.Command{
			Use:   "diff A B",
			Short: "Compare two dumps",
			Long: `Compare the cards of two dumps, or of other files that dump show reads: settings,
applications, versions of keys, files and what they hold. The exit code is 10 if
they differ. What only one of them has read counts as a difference, since nobody
knows whether it is one; --known leaves that out.`,
			Example: `  desfire dump diff badge.json travel.json --json
  desfire dump diff badge.json badge.json`,
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.dumpDiff(cmd.Context(), args[0], args[1], known)
			},
		}
		cmd.Flags().BoolVar(&known, "known", false, "leave out what only one of them has read")
		return cmd
	}(), "A", "B")
}

// dumpDiffResult is what dump diff prints with --json. The card is that of A.
type dumpDiffResult struct {
	cardOf
	A           string            `json:"a"`
	B           string            `json:"b"`
	Differences []dump.Difference `json:"differences"`
}

func (a *app) dumpDiff(ctx context.Context, nameA, nameB string, known bool) error {
	if nameA == "-" && nameB == "-" {
		return &usageError{nil, errors.New("only one of the two can be standard input")}
	}
	y, err := a.readDump(ctx, nameB)
	if err != nil {
		return err
	}
	x, err := a.readDump(ctx, nameA)
	if err != nil {
		return err
	}
	r := dumpDiffResult{cardOf: a.card, A: nameA, B: nameB, Differences: []dump.Difference{}}
	for _, d := range dump.Diff(x.Card, y.Card) {
		if !known || !d.Unread {
			r.Differences = append(r.Differences, d)
		}
	}
	a.sayNotes(x)
	a.sayNotes(y)
	if a.json {
		err = a.emit(r)
	} else {
		for _, d := range r.Differences {
			a.printf("%s\n", d.Words())
		}
	}
	if n := len(r.Differences); n > 0 && err == nil {
		err = withCode(exitDiffers, fmt.Errorf("%s between %s and %s", count(n, "difference"), nameA, nameB))
	}
	return err
}
