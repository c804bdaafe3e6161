package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wellknown"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// target is a file of an application, as APP FILE or APP/FILE name it.
type target struct {
	app  wire.Place
	file wire.FileNo
}

// String is the target as it can be typed.
func (t target) String() string { return fmt.Sprintf("%v/%d", t.app, t.file) }

// wantsFile checks arguments that begin with a file: APP FILE, or APP/FILE.
func wantsFile(more ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		return wants(append([]string{"APP", "FILE"}, more...)...)(cmd, splitTarget(args))
	}
}

// splitTarget makes two arguments of APP/FILE, if the first is that.
func splitTarget(args []string) []string {
	if len(args) == 0 {
		return args
	}
	app, file, ok := strings.Cut(strings.TrimPrefix(args[0], "/"), "/")
	if !ok || file == "" {
		return args
	}
	return append([]string{app, file}, args[1:]...)
}

// parseTarget reads the file that args begin with, and returns what follows.
func parseTarget(cmd *cobra.Command, args []string) (t target, rest []string, err error) {
	args = splitTarget(args)
	if t.app, err = parseApp(cmd, args[0]); err != nil {
		return t, nil, err
	}
	t.file, err = parseFile(cmd, args[1])
	return t, args[2:], err
}

const placeForms = `an AID of six hexadecimal digits, "card", "app" for the one application of a DESFire Light or NTAG 424 DNA, df: and a DF name in hexadecimal, or the name of a well-known application`

// parsePlace reads APP where the card itself is a place, too.
func parsePlace(cmd *cobra.Command, s string) (wire.Place, error) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "/"), "/")
	p, err := wire.ParsePlace(s)
	if err == nil {
		return p, nil
	}
	known := wellknown.Find(s)
	if len(known) == 1 {
		return wire.Place{AID: known[0].AID}, nil
	}
	text := fmt.Sprintf("%s: want %s", strconv.Quote(keystore.Hide(s)), placeForms)
	if len(known) > 1 {
		text = fmt.Sprintf("%s could be one of %d applications: say its AID, or more of its name:", strconv.Quote(s), len(known))
		for _, e := range known[:min(len(known), mostNames)] {
			text += fmt.Sprintf(" %v %s;", e.AID, e.Name)
		}
		text = strings.TrimSuffix(text, ";")
	}
	return p, &usageError{cmd, errors.New(text)}
}

// worksOnCard reports whether the card itself is an APP for a verb.
func worksOnCard(cmd *cobra.Command) bool {
	verb := verbOf(cmd)
	return strings.HasPrefix(verb, "key ") || strings.HasPrefix(verb, "auth ") || verb == "ls" || verb == "cd"
}

// mostNames is how many applications of a name an error lists.
const mostNames = 8

// parseApp reads APP where only applications are wanted.
func parseApp(cmd *cobra.Command, s string) (wire.Place, error) {
	p, err := parsePlace(cmd, s)
	if err == nil && p.IsCard() {
		err = &usageError{cmd, fmt.Errorf("%s is the card itself, which has no files: want an application", s)}
	}
	return p, err
}

// parseAID reads the AID of an application that is to be made.
func parseAID(cmd *cobra.Command, s string) (wire.AID, error) {
	aid, err := wire.ParseAID(strings.TrimPrefix(s, "/"))
	switch {
	case err != nil:
		return 0, &usageError{cmd, err}
	case aid == wire.PICC:
		return 0, &usageError{cmd, errors.New("AID 000000 is the card itself: want 000001 to FFFFFF")}
	}
	return aid, nil
}
