package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitDone        = 0
	exitFailed      = 1 // the card refused, or could not be reached
	exitUsage       = 2
	exitUnknown     = 7 // it may have happened, or in part: look at the card
	exitInterrupted = 130
)

// usageError is a command line that cannot be understood.
type usageError struct {
	cmd *cobra.Command
	err error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// errInterrupted ends a verb that Ctrl-C has ended after it said what it had
// to say.
var errInterrupted = errors.New("interrupted")

// report prints the error in one line and gives the exit code.
func (a *app) report(ctx context.Context, err error) int {
	if a.tracer != nil {
		a.tracer.summary()
	}
	if a.recorder != nil {
		err = errors.Join(err, a.recorder.WriteFile(a.traceTo))
	}
	err = errors.Join(err, a.unwritten)
	if err == nil {
		return exitDone
	}
	var usage *usageError
	interrupted := errors.Is(err, errInterrupted) || ctx.Err() != nil && errors.Is(err, context.Canceled)
	switch {
	case interrupted:
		a.complain("interrupted")
		return exitInterrupted
	case errors.As(err, &usage):
		a.complain(oneLine(err))
		if usage.cmd != nil {
			fmt.Fprintf(a.stderr, "See '%s --help'.\n", usage.cmd.CommandPath())
		}
		return exitUsage
	}
	a.complain(oneLine(err))
	if inDoubt(err) {
		return exitUnknown
	}
	return exitFailed
}

func (a *app) complain(text string) {
	fmt.Fprintf(a.stderr, "%s %s\n", a.err.bad.Render("desfire:"), text)
}

// prefixes say which package an error is from; the tool prints its own name.
var prefixes = strings.NewReplacer("\n", "; ", "desfire: ", "", "rekey: ", "", "keystore: ", "")

// oneLine is the text of an error without line breaks and prefixes.
func oneLine(err error) string { return prefixes.Replace(toolWords(err)) }

// subcommand rejects what is not a verb of a command that only groups others.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		text += ": did you mean " + strings.Join(s, " or ") + "?"
	}
	return &usageError{cmd, errors.New(text)}
}

// wants checks the number of arguments; names are as in the usage line.
func wants(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return &usageError{cmd, fmt.Errorf("%s: %s missing: want %s", cmd.CommandPath(), strings.Join(names[len(args):], " and "), strings.Join(names, " "))}
		case len(args) > len(names) && len(names) == 0:
			return &usageError{cmd, fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0])}
		case len(args) > len(names):
			return &usageError{cmd, fmt.Errorf("%s: one argument too many, %q: want %s", cmd.CommandPath(), args[len(names)], strings.Join(names, " "))}
		}
		return nil
	}
}
