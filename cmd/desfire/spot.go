package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// spot is where the shell is: at the card, in an application, or at a file of
// one.
type spot struct {
	app  wire.Place // the card itself is the beginning
	file *wire.FileNo
}

// String is the spot as cd takes it.
func (s spot) String() string {
	switch {
	case s.app.IsCard():
		return "/"
	case s.file == nil:
		return "/" + s.app.String()
	}
	return "/" + target{s.app, *s.file}.String()
}

// helpRelative is the rule of arguments by which the functions below go.
const helpRelative = `In a verb that takes APP, APP FILE or APP/FILE, what is left out is where you
are: "read" at a file reads that, "value debit 5" debits it, "ls" lists the
application. A number alone is a file of the application, or the key where a
verb wants KEYNO. "." is where you are, ".." one above, and what begins with /
is counted from the card: "/", "/F48121/1", "../2". What stands there otherwise
means what it means everywhere: "read F48121/1", "ls F48121".`

// arguments are those of a verb with what is left out or relative to the spot.
// names are what the verb takes, as its usage line has them.
func (s spot) arguments(cmd *cobra.Command, args []string) ([]string, error) {
	names := argNames(cmd)
	if len(names) == 0 || names[0] != "APP" {
		return args, nil
	}
	least := len(names) - 1 // arguments besides APP
	for _, n := range names[1:] {
		if strings.Contains(cmd.Use, "["+n) {
			least--
		}
	}
	var err error
	if len(names) > 1 && names[1] == "FILE" {
		args, err = s.fileArguments(args, least-1)
	} else {
		args, err = s.appArguments(args, least, strings.Contains(cmd.Use, "[APP]"), worksOnCard(cmd))
	}
	if err != nil {
		return nil, &usageError{cmd, err}
	}
	return args, nil
}

// fileArguments are arguments that begin with a file, and rest more.
func (s spot) fileArguments(args []string, rest int) ([]string, error) {
	switch {
	case len(args) == rest && s.file == nil:
		if s.app.IsCard() {
			return args, nil // the verb says what is missing
		}
		return nil, fmt.Errorf("which file of %s? say its number, or cd to it", s.app.Words())
	case len(args) == rest:
		return append([]string{s.app.String(), fmt.Sprint(*s.file)}, args...), nil
	case len(args) == rest+1:
		if !s.isRelative(args[0]) {
			return args, nil
		}
		to, err := s.walk(args[0])
		if err == nil && to.file == nil {
			err = fmt.Errorf("%s is no file: want APP/FILE, or a number in an application", to)
		}
		if err != nil {
			return nil, err
		}
		return append([]string{to.app.String(), fmt.Sprint(*to.file)}, args[1:]...), nil
	case len(args) > rest+1 && s.isRelative(args[0]) && !isNumber(args[0]):
		to, err := s.walk(args[0])
		if err != nil {
			return nil, err
		}
		return append([]string{to.app.String()}, args[1:]...), nil
	}
	return args, nil
}

// appArguments are arguments that begin with an application, and rest more.
func (s spot) appArguments(args []string, rest int, optional, card bool) ([]string, error) {
	to := s
	switch {
	case len(args) == rest || len(args) > 0 && isNumber(args[0]):
	case s.isRelative(args[0]):
		var err error
		if to, err = s.walk(args[0]); err != nil {
			return nil, err
		}
		args = args[1:]
	default:
		return args, nil
	}
	switch {
	case !to.app.IsCard():
		return append([]string{to.app.String()}, args...), nil
	case card && !optional:
		return append([]string{to.app.String()}, args...), nil
	}
	return args, nil
}

// isNumber reports whether a word is a small number, which no application is.
func isNumber(word string) bool {
	n, err := parseUint(word, 8)
	return err == nil && n <= maxSpecialKey && (len(word) <= 2 || word[1] == 'x' || word[1] == 'X')
}

// isRelative reports whether a word is not what names an application or file
// everywhere.
func (s spot) isRelative(word string) bool {
	first, _, _ := strings.Cut(word, "/")
	return first == "" || first == "." || first == ".." || isNumber(word)
}

// walk is the spot to which a path leads from this one.
func (s spot) walk(path string) (spot, error) {
	if p, err := parsePlace(nil, path); err == nil && !isNumber(path) {
		return spot{app: p}, nil
	}
	at := s
	if strings.HasPrefix(path, "/") {
		at = spot{}
	}
	for i, step := range slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" }) {
		switch {
		case step == ".":
		case step == ".." && at.file != nil:
			at.file = nil
		case step == "..":
			at = spot{}
		case isNumber(step) && !at.app.IsCard():
			no, err := parseFile(nil, step)
			if err != nil {
				return s, err
			}
			at.file = &no
		case isNumber(step):
			return s, fmt.Errorf("%s: the card itself has no files: want an application before it", path)
		case !at.app.IsCard() && (i > 0 || strings.HasPrefix(path, "/")):
			return s, fmt.Errorf("%s: %s is no file: want a number, 0 to %d", path, step, maxFile)
		default:
			p, err := parsePlace(nil, step)
			if err != nil {
				return s, err
			}
			at = spot{app: p}
		}
	}
	return at, nil
}

// relative lets the verbs of a root take arguments from the spot.
func (s *shell) relative(a *app, cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		s.relative(a, c)
	}
	if names := argNames(cmd); len(names) == 0 || names[0] != "APP" || cmd.RunE == nil {
		return
	}
	check, run := cmd.Args, cmd.RunE
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		args, err := s.spotNow().arguments(cmd, args)
		if err != nil || check == nil {
			return err
		}
		return check(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		args, err := s.spotNow().arguments(cmd, args)
		if err != nil {
			return err
		}
		return run(cmd, args)
	}
	if complete := cmd.ValidArgsFunction; complete != nil {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			found, directive := complete(cmd, args, typed)
			return append(s.completeHere(a, cmd, args, typed), found...), directive
		}
	}
}

// completeHere completes what stands where a verb wants APP, and is relative to
// the spot.
func (s *shell) completeHere(a *app, cmd *cobra.Command, args []string, typed string) (found []cobra.Completion) {
	names, at := argNames(cmd), s.spotNow()
	if len(args) > 0 || len(names) < 2 || at.app.IsCard() || typed != "" && !isNumber(typed) {
		return nil
	}
	switch names[1] {
	case "FILE":
		found, _ = a.completeFile(cmd, at.app.String(), "", typed)
	case "KEYNO", "KEYNO...":
		found, _ = a.completeKeyNo(cmd, at.app.String(), typed)
	}
	return found
}
