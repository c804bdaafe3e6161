package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/phone"
)

// phoneOfferEvent is a line of phone offer --json.
type phoneOfferEvent struct {
	Event    string `json:"event"`    // digits, paired, connected, disconnected, offered, unoffered
	Computer string `json:"computer"` // or its address, as long as the name is not known
	Digits   string `json:"digits"`   // digits: to type at the computer
	Reader   string `json:"reader"`   // offered, unoffered
	Reason   string `json:"reason"`
}

func (a *app) phoneOfferCommand() *cobra.Command {
	var pair bool
	var name string
	cmd := &cobra.Command{
		Use:   "offer [ADDRESS|COMPUTER]",
		Short: "Offer the cards of this computer's readers to another computer",
		Long: `Offer the cards that are presented to --reader to another computer, as a phone does,
one at a time, until Ctrl-C. There they lie on the reader phone:NAME.

The first time the other computer runs "desfire phone pair", and ADDRESS is what
that prints: here six digits are shown, to type there. Then this asks whether the
other computer says that it is paired; --yes answers that without a look. The
credential is kept in the user's folder of states. Afterwards the name of the
computer is enough, or nothing if there is one only. What is lost is connected
again, for ever, also while no program of the other computer listens.

The other computer can do with the cards what their keys allow, and learns
neither keys nor cards that are not presented.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{cmd, fmt.Errorf("one argument too many, %q: %s [ADDRESS|COMPUTER]", args[1], cmd.CommandPath())}
			}
			return nil
		},
		Example: `  desfire phone offer 192.168.1.20
  desfire phone offer --reader sim:badge.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			to := ""
			if len(args) > 0 {
				to = args[0]
			}
			return a.phoneOffer(cmd, to, name, pair)
		},
	}
	cmd.Flags().BoolVar(&pair, "pair", false, "pair anew, with the computer at ADDRESS")
	cmd.Flags().StringVar(&name, "name", "", "`NAME` by which the other computer shall know this one (default its host name)")
	return cmd
}

func (a *app) phoneOffer(cmd *cobra.Command, to, name string, pair bool) error {
	pl, err := a.places(cmd)
	if err != nil {
		return err
	}
	folder := stateFile("computers")
	if folder == "" {
		return withCode(exitInput, errNoState)
	}
	c, err := a.credentialFor(cmd, folder, to, pair)
	if err != nil {
		return err
	}
	ctx, cancel := a.endless(cmd.Context())
	defer cancel()
	if c == nil {
		if c, err = a.pairAsPhone(ctx, cmd, to, name); err != nil {
			return err
		}
		if err := c.Write(credentialFile(folder, c)); err != nil {
			return withCode(exitInput, err)
		}
		a.offered(phoneOfferEvent{Event: "paired", Computer: c.Computer()}, fmt.Sprintf("Paired with %s, which calls this %s.", c.Computer(), c.Name()))
	}
	computer, last := c.Computer(), ""
	err = phone.Run(ctx, c, a.agentSource(pl), &phone.RunConfig{Observe: func(e phone.RunEvent) {
		ev := phoneOfferEvent{Event: e.Kind.String(), Computer: computer, Reader: e.Reader, Reason: text(e.Err)}
		switch e.Kind {
		case phone.Connected:
			if !e.Credential.Equal(c) {
				if err := e.Credential.Write(credentialFile(folder, e.Credential)); err != nil {
					a.log.Warn("where the computer is cannot be kept", "err", err)
				}
				c = e.Credential
			}
			a.offered(ev, "Connected to "+computer+".")
			last = ""
		case phone.Disconnected:
			if ev.Reason == last { // it is tried again and again
				return
			}
			last = ev.Reason
			a.offered(ev, "Not connected to "+computer+": "+text(e.Err))
		case phone.Offered:
			a.offered(ev, "The card on "+e.Reader+" is offered.")
		case phone.Unoffered:
			a.offered(ev, "The card on "+e.Reader+" is offered no more.")
		}
	}})
	switch {
	case errors.Is(err, &phone.ByeError{Code: phone.NotPaired}):
		return advise(err, "At the other computer: desfire phone pair. Here: desfire phone offer --pair ADDRESS.")
	case ctx.Err() != nil:
		return nil
	}
	return err
}

// offered tells what happens.
func (a *app) offered(e phoneOfferEvent, words string) {
	if a.json {
		_ = a.emit(e)
		return
	}
	a.log.Info(words)
}

// pairAsPhone pairs with the computer at an address.
func (a *app) pairAsPhone(ctx context.Context, cmd *cobra.Command, to, name string) (*phone.Credential, error) {
	if name == "" {
		name, _ = os.Hostname()
	}
	c, err := phone.Pair(ctx, to, name, &phone.Pairing{
		Show: func(digits string) {
			if a.json {
				_ = a.emit(phoneOfferEvent{Event: "digits", Computer: to, Digits: digits})
				return
			}
			a.sayf("Type these digits at the other computer: %s\n", a.err.Title.Render(digits[:3]+" "+digits[3:]))
		},
		Confirm: func(_ context.Context, computer string) (bool, error) {
			err := a.confirm(cmd, fmt.Sprintf("Does the other computer, %q, say that it is paired with this one?", computer))
			if errors.Is(err, errNotConfirmed) {
				return false, nil
			}
			return err == nil, err
		},
	})
	switch {
	case errors.Is(err, &phone.ByeError{Code: phone.NoPairing}):
		return nil, advise(err, "At the other computer: desfire phone pair.")
	case errors.As(err, new(*net.OpError)), errors.As(err, new(tls.RecordHeaderError)):
		return nil, advise(withCode(exitNoCard, err), "Does desfire phone pair run there, and can this computer reach it? The address is what that prints.")
	}
	return c, err
}

func credentialFile(folder string, c *phone.Credential) string {
	return filepath.Join(folder, c.ComputerKey().String()[:32]+".json")
}

// credentialFor is the credential for a computer by its name or address, or for the only
// one there is; nil if it is to be paired with first.
func (a *app) credentialFor(cmd *cobra.Command, folder, to string, pair bool) (*phone.Credential, error) {
	if pair {
		if to == "" {
			return nil, &usageError{cmd, errors.New("--pair: which computer? want its ADDRESS, which desfire phone pair prints there")}
		}
		_, err := phone.Address(to)
		return nil, withUsage(cmd, err)
	}
	files, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, withCode(exitInput, err)
	}
	var all []*phone.Credential
	var names []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		c, err := phone.ReadCredential(filepath.Join(folder, f.Name()))
		if err != nil {
			return nil, withCode(exitInput, err)
		}
		all, names = append(all, c), append(names, fmt.Sprintf("%q", c.Computer()))
	}
	if to == "" {
		switch len(all) {
		case 0:
			return nil, &usageError{cmd, errors.New("which computer? want the ADDRESS that desfire phone pair prints there")}
		case 1:
			return all[0], nil
		}
		return nil, &usageError{cmd, fmt.Errorf("which computer? this one is paired with %s", strings.Join(names, ", "))}
	}
	address, err := phone.Address(to)
	for _, c := range all {
		if strings.EqualFold(c.Computer(), to) || err == nil && slices.Contains(c.Addresses(), address) {
			return c, nil
		}
	}
	return nil, withUsage(cmd, err)
}

// withUsage is an error of what was typed.
func withUsage(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return &usageError{cmd, err}
}
