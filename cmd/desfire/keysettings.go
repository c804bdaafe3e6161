package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) keySettingsCommand() *cobra.Command {
	var set string
	cmd := &cobra.Command{
		Use:   "settings APP",
		Short: "Show who may do what with an application and its keys, or change it",
		Long: `Show the key settings of an application or of the card in words, or change them
with --set, one byte in hexadecimal. Changing needs the master key (--key). It
shows what becomes different and asks. Settings that could never be changed back
are refused unless --force.

` + helpLevel,
		Args: wants("APP"),
		Example: `  desfire key settings 121314
  desfire key settings card --set 09 --key @master.key`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := parsePlace(cmd, args[0])
			switch {
			case err != nil:
				return err
			case l.Fixed:
				return errFixedSettings
			}
			if !cmd.Flags().Changed("set") {
				return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
					return a.showSettings(ctx, card, l)
				})
			}
			b, err := parseHex(set)
			switch {
			case err != nil || len(b) != 1:
				return &usageError{cmd, fmt.Errorf("--set %q: want one byte in hexadecimal, for example 0F", keystore.Hide(set))}
			case a.key == nil:
				return &usageError{cmd, errors.New("--set needs the master key: --key @FILE or --key env:NAME")}
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				c := settingsChange{l: l, next: wire.KeySett1(b[0])}
				return c.run(ctx, a, cmd, card)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&set, "set", "", "new settings, one byte in `HEX`")
	return cmd
}

var errFixedSettings = errors.New("DESFire Light and NTAG 424 DNA have no key settings: key 0 changes every key")

// settingsResult is what key settings prints with --json.
type settingsResult struct {
	cardOf
	Application wire.Place     `json:"application"`
	Settings    hexBytes       `json:"settings"` // one byte
	Before      hexBytes       `json:"before,omitempty"`
	Words       []inspect.Rule `json:"words"`
	Keys        int            `json:"keys"`
	KeyType     string         `json:"key_type"`
}

// settingsWidth is the width of the longest What.
const settingsWidth = len("applications and settings")

func (a *app) newSettingsResult(l wire.Place, s *wire.KeySettings) *settingsResult {
	return &settingsResult{
		cardOf: a.card, Application: l, Settings: hexBytes{byte(s.KS1)}, Words: inspect.RulesOf(s.KS1, l.IsCard()),
		Keys: s.KS2.Keys(), KeyType: s.KS2.KeyType().String(),
	}
}

func (a *app) showSettings(ctx context.Context, card *desfire.Card, l wire.Place) error {
	if err := a.enterKeys(ctx, card, l, unlock.List); err != nil {
		return err
	}
	s, err := card.KeySettings(ctx)
	switch {
	case errors.Is(err, wire.StatusAuthenticationError) && a.key == nil:
		return fmt.Errorf("the settings of %s are shown to the master key only: give it with --key: %w", l.Words(), err)
	case err != nil:
		return err
	}
	r := a.newSettingsResult(l, s)
	if a.json {
		return a.emit(r)
	}
	p := a.out
	a.printf("Settings of %s on %s: %s\n", l.Words(), p.Title.Render(a.cardName()), p.Number.Render(fmt.Sprintf("%02X", byte(s.KS1))))
	for _, w := range r.Words {
		a.printf("  %s%s  %s\n", p.Dim.Render(w.What), screen.Pad(w.What, settingsWidth), ruleStyle(p, w))
	}
	a.printf("  %s%s  %s\n", p.Dim.Render("keys"), screen.Pad("keys", settingsWidth), s.KS2)
	return nil
}

// ruleStyle makes what is for ever conspicuous.
func ruleStyle(p screen.Palette, r inspect.Rule) screen.Text {
	if r.Forever {
		return p.Warn.Render(r.Rule)
	}
	return screen.Visible(r.Rule)
}

// settingsChange is one change of key settings.
type settingsChange struct {
	l    wire.Place
	next wire.KeySett1
}

func (c *settingsChange) run(ctx context.Context, a *app, cmd *cobra.Command, card *desfire.Card) error {
	if err := a.enterKeys(ctx, card, c.l, unlock.ChangeSettings); err != nil {
		return err
	}
	s, err := card.KeySettings(ctx)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	risks := rekey.SettingsRisks(s, c.next, c.l.IsCard())
	if len(risks) > 0 && !a.force {
		return fmt.Errorf("refused, and nothing was changed: %s; --force does it all the same", strings.Join(risks, "; "))
	}
	if !a.json || !a.yes {
		c.show(a, card, s.KS1, risks)
	}
	if !a.yes && s.KS1 != c.next {
		if err := a.confirm(cmd, "Change these settings?"); err != nil {
			return err
		}
	}
	before := s.KS1
	if before != c.next {
		err := card.ChangeKeySettings(ctx, c.next)
		switch {
		case errors.Is(err, wire.StatusPermissionDenied):
			return fmt.Errorf("these settings are frozen: %w", err)
		case errors.Is(err, wire.StatusAuthenticationError):
			return fmt.Errorf("this needs the master key, number 0, and nothing was changed: %w", err)
		case err != nil:
			return mayHaveHappened(err)
		}
		if s, err = card.KeySettings(ctx); err != nil {
			return fmt.Errorf("the card accepted the settings, and they could not be read again: %w", err)
		}
		if s.KS1 != c.next {
			return fmt.Errorf("the card accepted the settings %02X, yet it has %02X now", byte(c.next), byte(s.KS1))
		}
	}
	if a.json {
		r := a.newSettingsResult(c.l, s)
		r.Before = hexBytes{byte(before)}
		return a.emit(r)
	}
	p := a.out
	a.printf("Settings of %s on %s: %02X -> %s\n", c.l.Words(), p.Title.Render(card), byte(before), p.Number.Render(fmt.Sprintf("%02X", byte(s.KS1))))
	return nil
}

// show prints what will be different.
func (c *settingsChange) show(a *app, card *desfire.Card, now wire.KeySett1, risks []string) {
	p := a.err
	a.sayf("Settings of %s on %s (%s): %02X -> %02X\n", c.l.Words(), p.Title.Render(card), a.at, byte(now), byte(c.next))
	old, changed := inspect.RulesOf(now, c.l.IsCard()), false
	for i, w := range inspect.RulesOf(c.next, c.l.IsCard()) {
		if w != old[i] {
			changed = true
			a.sayf("  %s%s  %s %s %s\n", p.Dim.Render(w.What), screen.Pad(w.What, settingsWidth), old[i].Rule, p.Dim.Render("->"), ruleStyle(p, w))
		}
	}
	if !changed {
		a.sayf("  nothing becomes different\n")
	}
	for _, r := range risks {
		a.sayf("  %s %s\n", p.Bad.Render("risk:"), r)
	}
}
