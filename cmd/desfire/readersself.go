package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/pcsc/acr122"
	"github.com/go-desfire/desfire/place"
	"github.com/spf13/cobra"
)

// helpItself is about verbs that have a reader do something.
const helpItself = `Only an ACS ACR122U takes this; other readers are left alone. It needs no card where
the driver lets escape commands through (docs/readers.md says how), and one on the
reader where it does not. Verified against the bytes of its manual only.`

// readerItself is the one reader of a place, as one that takes commands itself.
func readerItself(ctx context.Context, p *place.Place) (name string, r *acr122.Reader, err error) {
	if p.Control == nil {
		return "", nil, withCode(exitImpossible, advise(fmt.Errorf("%s is no reader that takes commands", p.Name), "This is for readers on PC/SC: --reader pcsc:PART."))
	}
	list, err := p.Readers(ctx)
	if err != nil {
		return "", nil, err
	}
	var names []string
	for _, i := range list {
		if i.Ignored == "" {
			names = append(names, i.Name)
		}
	}
	switch len(names) {
	case 0:
		return "", nil, withCode(exitNoCard, errors.New("no reader, but slots that take no part"))
	case 1:
	default:
		return "", nil, withCode(exitNoCard, advise(errors.New("several readers: "+strings.Join(names, ", ")), "--reader pcsc:PART says which, PART being in its name."))
	}
	name = names[0]
	return name, acr122.New(func(ctx context.Context, command []byte) ([]byte, error) { return p.Control(ctx, name, command) }), nil
}

// withReader runs do with the reader that --reader names.
func (a *app) withReader(cmd *cobra.Command, do func(ctx context.Context, name string, r *acr122.Reader) error) error {
	p, err := a.place(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	name, r, err := readerItself(ctx, p)
	if err != nil {
		return err
	}
	if err = do(ctx, name, r); errors.Is(err, errors.ErrUnsupported) {
		return withCode(exitImpossible, err)
	}
	return err
}

// oneOf checks an argument that may be missing, and completes it.
func oneOf(cmd *cobra.Command, what string, words ...string) {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 1:
			return wants(what)(cmd, args)
		case len(args) == 1 && !slices.Contains(words, args[0]):
			return &usageError{cmd, fmt.Errorf("%q: want %s", args[0], strings.Join(words, ", "))}
		}
		return nil
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
