package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/spf13/cobra"
)

// The verbs that only a shell has.

const shellGroup = "shell"

// own adds the verbs of the shell to those of the tool, and lets those take
// arguments from the spot.
func (s *shell) own(root *cobra.Command, a *app) {
	root.AddGroup(&cobra.Group{ID: shellGroup, Title: "In the shell:"})
	for _, cmd := range []*cobra.Command{s.cdCommand(a), s.pwdCommand(a), s.useCommand(a), s.exitCommand()} {
		cmd.GroupID = shellGroup
		root.AddCommand(cmd)
	}
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "trace":
			cmd.AddCommand(s.traceCommand("on", "Show the traffic of the verbs that follow", "-"), s.traceCommand("off", "Show it no more", ""))
		case "shell", "completion":
			root.RemoveCommand(cmd)
			cmd.Hidden = true
			root.AddCommand(cmd) // it says itself why it makes no sense
		}
	}
	s.relative(a, root)
}

// spotNow is where the shell is.
func (s *shell) spotNow() spot {
	s.cards.mu.Lock()
	defer s.cards.mu.Unlock()
	return s.here
}

// moveTo goes to a spot.
func (s *shell) moveTo(to spot) {
	s.cards.mu.Lock()
	defer s.cards.mu.Unlock()
	if to.String() != s.here.String() {
		s.before, s.here = s.here, to
	}
}

func (s *shell) cdCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "cd [SPOT]",
		Short:   "Go into an application, or to a file",
		Long:    "Go into an application, or to a file: what verbs leave out is there. \"cd -\" goes\nwhere you were before, \"cd\" to the card.\n\n" + helpRelative,
		Args:    cobra.MaximumNArgs(1),
		Example: "  cd F48121/1\n  cd ..",
		RunE: func(cmd *cobra.Command, args []string) error {
			to := spot{}
			if len(args) > 0 && args[0] == "-" {
				to = s.before
			} else if len(args) > 0 {
				var err error
				if to, err = s.spotNow().walk(args[0]); err != nil {
					return &usageError{cmd, err}
				}
			}
			if !to.app.IsCard() {
				err := a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error { return exists(ctx, card, to) })
				if err != nil {
					return err
				}
			}
			s.moveTo(to)
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			found, directive := a.completeTarget(cmd, typed)
			if at := s.spotNow(); !at.app.IsCard() && (typed == "" || isNumber(typed)) {
				files, _ := a.completeFile(cmd, at.app.String(), "", typed)
				found = append(files, found...)
			}
			return found, directive
		},
	}
}

func (s *shell) pwdCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "pwd",
		Short: "Print where you are",
		Args:  wants(),
		RunE: func(*cobra.Command, []string) error {
			a.printf("%s\n", s.spotNow().String())
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func (s *shell) useCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "use READER|UID",
		Short:   "Work at another reader, or with another card",
		Long:    "Work at another reader from now on, as --reader names it, or with the card of a\nUID, as --uid does. You are at / then. Without --uid it is any card again.",
		Args:    wants("READER"),
		Example: "  use pcsc:ACR122\n  use 045E1F7E57CA4D",
		RunE: func(cmd *cobra.Command, args []string) error {
			reader, uid := args[0], ""
			if b, err := hex.DecodeString(args[0]); err == nil && len(b) > 1 {
				reader, uid = s.reader, args[0]
			} else if f := cmd.Root().PersistentFlags(); f.Changed("uid") {
				uid = a.uid
			}
			before, beforeUID := s.reader, s.uid
			s.reader, s.uid = reader, strings.ToUpper(uid)
			_, err := s.place(s.app, s.cmd)
			s.putAwayCards()
			switch {
			case errors.As(err, new(*usageError)):
				err = &usageError{cmd, fmt.Errorf("use %s: want a reader as in desfire help connect, or a UID", args[0])}
			case place.InUse(err) || !strings.HasPrefix(reader, "sim:"):
				err = nil // it may come
			}
			if err != nil {
				s.reader, s.uid = before, beforeUID
				return err
			}
			s.moveTo(spot{})
			s.before = spot{}
			s.moved = true
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			readers, directive := a.completeReader(cmd, args, typed)
			uids, _ := a.completeUID(cmd, typed)
			return append(readers, uids...), directive
		},
	}
}

func (s *shell) traceCommand(name, short, to string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  wants(),
		RunE: func(*cobra.Command, []string) error {
			s.traceTo = to
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func (s *shell) exitCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "exit",
		Aliases: []string{"quit", "bye"},
		Short:   "Leave the shell",
		Args:    wants(),
		RunE: func(*cobra.Command, []string) error {
			s.left = true
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}
