package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/spf13/cobra"
)

// pcscPlace is all PC/SC readers with part in their name.
func (a *app) pcscPlace(part string) (*place, error) {
	readers, err := pcsc.Open(&pcsc.Config{Reader: part, Logger: a.log})
	if err != nil {
		return nil, err
	}
	name := "any PC/SC reader"
	if part != "" {
		name = fmt.Sprintf("a PC/SC reader named %q", part)
	}
	p := &place{Source: readers, name: name, list: readers.List}
	p.ready = func(ctx context.Context) error {
		list, err := readers.List(ctx)
		if errors.Is(err, pcsc.ErrNoReader) && part != "" {
			return a.noSuchReader(ctx, part, err)
		}
		if err != nil {
			return err
		}
		var cards []string
		for _, r := range list {
			if r.Ignored == "" && r.State&pcsc.StatePresent != 0 {
				cards = append(cards, r.Name)
			}
		}
		if len(cards) > 1 {
			return &manyCardsError{cards}
		}
		return nil
	}
	return p, nil
}

// manyCardsError: this verb works on one card, and there are several.
type manyCardsError struct{ readers []string }

func (e *manyCardsError) Error() string {
	return fmt.Sprintf("there are %d cards: on %s: choose one with --reader pcsc:PART-OF-ITS-NAME", len(e.readers), strings.Join(e.readers, " and on "))
}

// noSuchReader names the readers that there are.
func (a *app) noSuchReader(ctx context.Context, part string, err error) error {
	all, openErr := pcsc.Open(nil)
	if openErr != nil {
		return err
	}
	list, listErr := all.List(ctx)
	if listErr != nil || len(list) == 0 {
		return err
	}
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = r.Name
	}
	return fmt.Errorf("no PC/SC reader has %q in its name: there are %s", part, strings.Join(names, ", "))
}

// completeReader completes --reader, with the names of the readers that are
// plugged in.
func (a *app) completeReader(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	if file, ok := strings.CutPrefix(typed, "sim:"); ok {
		return completeImage("sim:", file), cobra.ShellCompDirectiveNoSpace
	}
	all := []string{
		"pcsc\tevery PC/SC reader",
		"tcp:\ta card served on a socket, tcp:HOST:PORT",
		"sim:\ta fresh simulated card, or sim:FILE",
	}
	if readers, err := pcsc.Open(nil); err == nil {
		if list, err := readers.List(cmd.Context()); err == nil {
			for _, r := range list {
				if r.Ignored == "" {
					all = append(all, "pcsc:"+r.Name+"\t"+r.State.String())
				}
			}
		}
	}
	var out []string
	directive := cobra.ShellCompDirectiveNoFileComp
	for _, s := range all {
		if strings.HasPrefix(s, typed) {
			out = append(out, s)
			if s, _, _ := strings.Cut(s, "\t"); strings.HasSuffix(s, ":") {
				directive |= cobra.ShellCompDirectiveNoSpace
			}
		}
	}
	return out, directive
}

var _ desfire.Source = (*pcsc.Readers)(nil)
