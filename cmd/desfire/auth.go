package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) authCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "auth",
		Short: "Try a key, and find out why a card refuses one",
		Long: `Try a key, and find out why a card refuses one.

` + helpLevel,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(careful(a.authCheckCommand()), careful(a.authDiagnoseCommand()))
	return careful(cmd)
}

// methods are the ways to authenticate that begin a session.
var methods = [...]key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First, key.MethodLRPFirst, key.MethodISO7816}

func methodNames() []string {
	var names []string
	for _, m := range methods {
		names = append(names, strings.ToLower(m.String()))
	}
	return names
}

// methodFlag is --method.
type methodFlag struct{ text string }

func (f *methodFlag) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.text, "method", "", "`HOW`: "+strings.Join(methodNames(), ", ")+" (default the strongest for key and card)")
	_ = cmd.RegisterFlagCompletionFunc("method", cobra.FixedCompletions(methodNames(), cobra.ShellCompDirectiveNoFileComp))
}

// read is nil without --method.
func (f *methodFlag) read(cmd *cobra.Command) (*key.Method, error) {
	if f.text == "" {
		return nil, nil
	}
	for _, m := range methods {
		if strings.EqualFold(m.String(), f.text) {
			return &m, nil
		}
	}
	return nil, &usageError{cmd, fmt.Errorf("--method %q: want %s", keystore.Hide(f.text), strings.Join(methodNames(), ", "))}
}

// noAuthFlag refuses --auth where KEYNO says it.
func noAuthFlag(cmd *cobra.Command) error {
	if cmd.Flags().Changed("auth") {
		return &usageError{cmd, fmt.Errorf("--auth does not go with %s: KEYNO says which key it is", cmd.CommandPath())}
	}
	return nil
}

func (a *app) authCheckCommand() *cobra.Command {
	var method methodFlag
	cmd := &cobra.Command{
		Use:   "check APP KEYNO --key KEY",
		Short: "Authenticate, and show what the session is",
		Long: `Authenticate with a key by the strongest method that the key and the card allow,
or by --method, and show the facts of the session. It changes nothing. A DESFire
EV3, DESFire Light or NTAG 424 DNA can count a wrong key as a failed attempt.

` + helpLevel + "\n\n" + helpKeySpec,
		Args: wants("APP", "KEYNO"),
		Example: `  desfire auth check card 0 --key @picc.key
  desfire auth check 121314 1 --key env:READ_KEY --method aes`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, no, err := keyPlace(cmd, args)
			if err != nil {
				return err
			}
			m, err := method.read(cmd)
			switch {
			case err != nil:
				return err
			case a.key == nil:
				return &usageError{cmd, errors.New("--key missing: the key to try, as @FILE or env:NAME")}
			}
			if err := noAuthFlag(cmd); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.authCheck(ctx, card, l, no, m)
			})
		},
	}
	method.register(cmd)
	return cmd
}

// authCheckResult is what auth check prints with --json.
type authCheckResult struct {
	cardOf
	Application wire.Place     `json:"application"`
	Key         wire.KeyNo     `json:"key"`
	Facts       keystore.Facts `json:"facts"`
	Method      string         `json:"method"`
	Channel     string         `json:"channel"`
	TI          *string        `json:"ti"`      // null where the channel has none
	Counter     *uint16        `json:"counter"` // null where the channel has none
}

func (a *app) authCheck(ctx context.Context, card *desfire.Card, l wire.Place, no wire.KeyNo, m *key.Method) error {
	if err := checkKeys(card, l); err != nil {
		return err
	}
	if err := selectPlace(ctx, card, l); err != nil {
		return err
	}
	how := card.Strongest(a.key.Type())
	if m != nil {
		how = *m
	}
	if err := card.AuthenticateWith(ctx, how, no, a.key); err != nil {
		return weakMethod(a.suggestDiagnosis(err, l, no, how))
	}
	s, ok := card.Session()
	if !ok {
		return errors.New("the card accepted the key, and there is no session")
	}
	spec := keySpec{spec: a.keySpec, key: a.key}
	r := authCheckResult{cardOf: a.saw(card), Application: l, Key: s.KeyNo, Facts: spec.facts(), Method: s.Method.String(), Channel: s.Scheme.String()}
	if s.Scheme == wire.SchemeEV2 || s.Scheme == wire.SchemeLRP {
		ti := fmt.Sprintf("%X", s.TI)
		r.TI, r.Counter = &ti, &s.Counter
	}
	if a.json {
		return a.emit(r)
	}
	p := a.out
	a.printf("%s %s accepts key %d of %s\n", p.Good.Render("+"), p.Title.Render(a.cardName()), no, l.Words())
	row := func(name string, text any) { a.printf("  %s%s%s\n", p.Dim.Render(name), screen.Pad(name, 9), text) }
	row("key", describeKey(p, r.Facts))
	row("method", r.Method)
	if how == key.MethodLRPFirst && s.Method != how {
		row("", "LRP is switched off on this card")
	}
	row("channel", r.Channel)
	if r.Counter != nil {
		row("TI", p.Number.Render(*r.TI))
		row("counter", p.Number.Render(fmt.Sprint(*r.Counter)))
	}
	return nil
}

// suggestDiagnosis says how to find out why an authentication was refused.
func (a *app) suggestDiagnosis(err error, l wire.Place, no wire.KeyNo, m key.Method) error {
	var refused *desfire.CommandError
	status := wire.StatusAuthenticationError
	switch {
	case errors.As(err, &refused) && refused.Status.IsNative():
		status = refused.Status
	case errors.As(err, &refused), errors.As(err, new(*desfire.ArgumentError)):
	default:
		return err
	}
	spec := keySpec{spec: a.keySpec}
	return advise(err, "desfire auth diagnose %s %d --status %02X --method %s --key %s looks for the reason.", l.String(), no, status.Byte(), strings.ToLower(m.String()), spec.arg())
}
