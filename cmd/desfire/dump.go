package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/spf13/cobra"
)

func (a *app) dumpCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "dump",
		Short: "Write all of a card that can be read into a file",

		SuggestFor: []string{"backup", "save", "export", "clone"},
		Long: `Write all of a card that can be read into a file: version, settings, applications,
key versions, files and what they hold. What could not be read stands in the file
with the reason, and is no error.

A keyring (--keys) opens what its keys open; --key is one key of the card itself,
or of the application of a DESFire Light or NTAG 424 DNA. Keys are never in a
dump, since no card tells them. What files hold is: keep a dump as you keep the
card. Without -o it goes to stdout.

A file with secure dynamic messaging that is read without a key counts that.

desfire restore makes a card what a dump says.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{cmd, fmt.Errorf("dump takes no argument, got %q: -o FILE says where the dump goes", args[0])}
			}
			return nil
		},
		Example: `  desfire dump -o card-dump.json
  desfire dump --keys keys.yaml -o card-dump.json
  desfire dump --json`,
		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.mayWrite(out); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error { return a.dump(ctx, card, out) })
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to write; stdout if it is not given")
	_ = cmd.MarkFlagFilename("output", "json")
	cmd.AddCommand(a.dumpShowCommand(), a.dumpDiffCommand())
	return cmd
}

// dumpResult is what dump -o prints with --json.
type dumpResult struct {
	cardOf
	Output       string         `json:"output"` // the file that was written
	Applications int            `json:"applications"`
	Files        int            `json:"files"`
	Bytes        int            `json:"bytes"` // of contents
	Missing      []inspect.Lost `json:"missing"`
}

func (a *app) dump(ctx context.Context, card *desfire.Card, out string) error {
	c, err := a.inspect(ctx, card, &inspect.Config{Ask: inspect.Everything})
	if err != nil {
		return err
	}
	a.saw(card)
	if len(c.UID) > 0 { // told in a session
		a.card.UID = hexBytes(c.UID)
	}
	var b bytes.Buffer
	if err := dump.Write(&b, c, &dump.Info{By: "desfire " + toolVersion()}); err != nil {
		return err
	}
	switch {
	case out != "":
		err = a.writeOut(out, b.Bytes(), 0o600)
	case a.json:
		err = a.emit(json.RawMessage(b.Bytes()))
	default:
		_, err = a.stdout.Write(visible.JSON(b.Bytes()))
		err = cannotPrint(err)
	}
	if err != nil {
		return err
	}
	r := dumpResult{cardOf: a.card, Output: out, Applications: len(c.Applications), Missing: c.Lost()}
	for i := range c.Applications {
		for j := range c.Applications[i].Files {
			r.Files++
			r.Bytes += c.Applications[i].Files[j].Held()
		}
	}
	if a.json {
		if out != "" {
			return a.emit(r)
		}
		return nil
	}
	a.sayf("%s: %s, %s, %s of contents\n", a.err.Title.Render(a.cardName()), count(r.Applications, "application"), count(r.Files, "file"), count(r.Bytes, "byte"))
	a.sayMissing(r.Missing)
	return nil
}

// sayMissing says in one line how much is missing, and what would read it.
func (a *app) sayMissing(list []inspect.Lost) {
	if len(list) == 0 {
		return
	}
	var what, where []string
	counts := map[string]int{}
	for _, m := range list {
		name := string(m.What)
		if counts[name]++; counts[name] == 1 {
			what = append(what, name)
		}
		place := m.Application.String()
		if m.Needs != "" && !slices.Contains(where, place) {
			where = append(where, place)
		}
	}
	for i, name := range what {
		if n := counts[name]; n > 1 {
			what[i] = fmt.Sprintf("%s (%d times)", name, n)
		}
	}
	text := "Not read: " + strings.Join(what, ", ") + ". "
	switch {
	case len(where) == 0:
		text += "No key would read it."
	case len(where) > 4:
		text += fmt.Sprintf("Keys of %s and %d more would read more", strings.Join(where[:4], ", "), len(where)-4)
	default:
		text += "Keys of " + strings.Join(where, ", ") + " would read more"
	}
	switch {
	case len(where) == 0:
	case a.ring != nil:
		text += "; the keyring has none that do."
	default:
		text += ": --keys FILE."
	}
	a.sayf("%s\n", a.err.Warn.Render(text))
}

// readDump reads a file of any format that can be read as a dump.
func (a *app) readDump(ctx context.Context, path string) (*dump.Dump, error) {
	data, err := a.readInput(ctx, path)
	if err != nil {
		return nil, err
	}
	d, err := dump.Read(data)
	if err != nil {
		return nil, withCode(exitInput, fmt.Errorf("%s: %w", path, err))
	}
	if d.Card.Product == "" {
		return d, nil
	}
	a.card = cardOf{UID: hexBytes(d.Card.UID), Product: d.Card.Product, Reader: d.Card.Reader}
	return d, nil
}

// cardOrDump runs f with the card of a dump, or without one with the card on the
// reader; from is the file, empty for the reader.
func (a *app) cardOrDump(cmd *cobra.Command, dumps []string, f func(c *inspect.Card, from string) error) error {
	if len(dumps) > 0 {
		d, err := a.readDump(cmd.Context(), dumps[0])
		if err != nil {
			return err
		}
		a.sayNotes(d)
		return f(d.Card, dumps[0])
	}
	return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
		c, err := a.inspect(ctx, card, &inspect.Config{Ask: inspect.Everything})
		if err != nil {
			return err
		}
		a.saw(card)
		return f(c, "")
	})
}

// maxInput is more than any file takes that holds a card.
const maxInput = 16 << 20

// readInput reads a file that holds a card, or standard input for -.
func (a *app) readInput(ctx context.Context, path string) ([]byte, error) {
	data, err := a.readUpTo(ctx, path, maxInput+1)
	if err == nil && len(data) > maxInput {
		err = withCode(exitInput, fmt.Errorf("%s has more than %d MiB", path, maxInput>>20))
	}
	return data, err
}

// sayNotes says what was made of a file that fits no card.
func (a *app) sayNotes(d *dump.Dump) {
	for _, n := range d.Notes {
		a.sayf("%s %s\n", a.err.Warn.Render("note:"), n)
	}
}
