package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/perso/batch"
	"github.com/spf13/cobra"
)

func (a *app) rotateCommand() *cobra.Command {
	v := &rotateVerb{issuing: issuing{app: a}}
	cmd := &cobra.Command{
		Use:   "rotate LAYOUT --to VERSION",
		Short: "Change the keys of cards to a version, as they come by",
		Long: `Change the keys of cards to a version of their layout, as they come by, until
Ctrl-C. The layout lists the versions of a key, newest first; keys that do not have
the version become their newest. Where an application has key sets the new keys go
into another set, which is then made the active one.

Nothing but keys is changed. Each is changed by a journal, so that no card ends with
keys that nobody knows. A book remembers which cards are done: they are named and
left alone. --reader may be repeated.

` + helpLayoutKeys,
		Example: `  desfire rotate visitor-2.yaml --to 2 --keys keys.yaml
  desfire rotate visitor-2.yaml --to 2 --count 1 --json --keys keys.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(cmd, args[0]) },
	}
	cmd.Flags().StringVar(&v.to, "to", "", "`VERSION` that the keys shall have, decimal or 0x")
	v.issuing.register(cmd, "LAYOUT")
	return wantsLayout(cmd)
}

type rotateVerb struct {
	issuing
	to string
}

func (v *rotateVerb) run(cmd *cobra.Command, path string) error {
	n, err := parseUint(v.to, 8)
	switch {
	case v.to == "":
		return &usageError{cmd, errors.New("--to missing: the version that the keys shall have")}
	case err != nil:
		return &usageError{cmd, fmt.Errorf("--to %q: want a version, 0 to 255%s", v.to, zeroed(err))}
	}
	to := byte(n)
	l, err := v.readLayout(cmd.Context(), path)
	if err != nil {
		return err
	}
	if versions := l.doc.Versions(); !slices.Contains(versions, to) {
		return &usageError{cmd, fmt.Errorf("--to %d: no key of %s has that version: they have %s", to, path, list(versions))}
	}
	if err := v.withKeys(cmd.Context(), l); err != nil {
		return err
	}
	v.file, v.from, v.doing = l, path, "Changing keys of card"
	v.conf.Layouts, v.conf.Rotate = l.doc, &batch.Rotation{To: to}
	v.conf.Perso.Have, v.conf.Perso.Want = l.keys.Have(), l.keys.At(to)
	return v.with(cmd, func() error {
		return v.issuing.run(cmd, fmt.Sprintf("Change the keys of each card that is presented to version %d of %s?", to, path))
	})
}

func list(versions []byte) string {
	if len(versions) == 0 {
		return "none"
	}
	words := make([]string, len(versions))
	for i, v := range versions {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}
