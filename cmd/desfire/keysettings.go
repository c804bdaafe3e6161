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
	c := settingsChange{words: map[inspect.Setting]*string{}}
	cmd := &cobra.Command{
		Use:   "settings APP",
		Short: "Show or change who may do what with an application and its keys",
		Long: `Show the key settings of an application or of the card in words, or change some
of them, which needs the master key (--key, or a keyring). What is not named stays
as it is. It shows what becomes different and asks. Settings that could never be
changed back are refused unless --force.

` + helpLevel,
		Args: wants("APP"),
		Example: `  desfire key settings 121314
  desfire key settings 121314 --list master --change-keys same --key @master.key
  desfire key settings card --create master --keys keys.yaml --dry-run
  desfire key settings card --set 09 --key @picc.key`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if c.l, err = parsePlace(cmd, args[0]); err != nil {
				return err
			}
			if c.l.Fixed {
				return withCode(exitImpossible, errFixedSettings)
			}
			changes, err := c.read(cmd)
			switch {
			case err != nil:
				return err
			case !changes:
				return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
					return a.showSettings(ctx, card, c.l)
				})
			case !a.keyed():
				return &usageError{cmd, errors.New("changing settings needs the master key: --key @FILE, --key env:NAME or --keys FILE")}
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return c.run(ctx, a, cmd, card)
			})
		},
	}
	f := cmd.Flags()
	for _, s := range settingFlags {
		c.words[s.setting] = f.String(s.flag, "", s.help)
		_ = cmd.RegisterFlagCompletionFunc(s.flag, cobra.FixedCompletions(inspect.SettingValues(s.setting, false), cobra.ShellCompDirectiveNoFileComp))
	}
	f.StringVar(&c.set, "set", "", "all settings at once, one byte in `HEX`")
	return cmd
}

// settingFlags are the settings as flags change them.
var settingFlags = []struct {
	setting    inspect.Setting
	flag, help string
}{
	{inspect.SettingList, "list", "`WHO` lists files and settings: free or master"},
	{inspect.SettingCreate, "create", "`WHO` makes and deletes files: free or master"},
	{inspect.SettingChangeSettings, "change-settings", "`WHO` changes these settings: master or never"},
	{inspect.SettingChangeKeys, "change-keys", "`KEY` that changes the other keys: master, same, never or a number"},
	{inspect.SettingMasterKey, "master", "the master key is `changeable` or frozen"},
}

// read reads the flags; false if they change nothing.
func (c *settingsChange) read(cmd *cobra.Command) (changes bool, err error) {
	f := cmd.Flags()
	c.asked = map[inspect.Setting]string{}
	for _, s := range settingFlags {
		if !f.Changed(s.flag) {
			continue
		}
		c.asked[s.setting] = *c.words[s.setting]
		var k wire.KeySett1
		if s.setting == inspect.SettingChangeKeys && c.l.IsCard() {
			return false, &usageError{cmd, errors.New("--change-keys is for applications: the card has one key")}
		}
		if err := inspect.Set(&k, s.setting, c.asked[s.setting], c.l.IsCard()); err != nil {
			return false, &usageError{cmd, fmt.Errorf("--%s %q: want %s", s.flag, keystore.Hide(c.asked[s.setting]), strings.Join(inspect.SettingValues(s.setting, c.l.IsCard()), ", "))}
		}
	}
	if !f.Changed("set") {
		return len(c.asked) > 0, nil
	}
	b, err := parseHex(c.set)
	switch {
	case err != nil || len(b) != 1:
		return false, &usageError{cmd, fmt.Errorf("--set %q: want one byte in hexadecimal, for example 0F", keystore.Hide(c.set))}
	case len(c.asked) > 0:
		return false, &usageError{cmd, errors.New("--set is all settings: it does not go with flags for single ones")}
	}
	c.next = wire.KeySett1(b[0])
	return true, nil
}

// settle is what the settings will be.
func (c *settingsChange) settle(now wire.KeySett1) error {
	if len(c.asked) == 0 {
		return nil
	}
	c.next = now
	for name, value := range c.asked {
		if err := inspect.Set(&c.next, name, value, c.l.IsCard()); err != nil {
			return err
		}
	}
	return nil
}

var errFixedSettings = errors.New("DESFire Light and NTAG 424 DNA have no key settings: key 0 changes every key")

// settingsResult is what key settings prints with --json.
type settingsResult struct {
	cardOf
	Application wire.Place     `json:"application"`
	Settings    hexBytes       `json:"settings"` // one byte
	Before      hexBytes       `json:"before,omitempty"`
	DryRun      bool           `json:"dry_run,omitempty"`
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

// changedSettings is a change of settings.
func (a *app) changedSettings(l wire.Place, s *wire.KeySettings, before wire.KeySett1) *settingsResult {
	r := a.newSettingsResult(l, s)
	r.Before, r.DryRun = hexBytes{byte(before)}, a.dryRun
	return r
}

func (a *app) showSettings(ctx context.Context, card *desfire.Card, l wire.Place) error {
	if err := a.enterKeys(ctx, card, l, unlock.List); err != nil {
		return err
	}
	s, err := card.KeySettings(ctx)
	switch {
	case errors.Is(err, wire.StatusAuthenticationError) && a.key == nil:
		return advise(fmt.Errorf("the settings of %s are shown to the master key only: %w", l.Words(), err), "Add: --key 0=@FILE, or a keyring with --keys.")
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
	l     wire.Place
	set   string
	words map[inspect.Setting]*string
	asked map[inspect.Setting]string
	next  wire.KeySett1
}

func (c *settingsChange) run(ctx context.Context, a *app, cmd *cobra.Command, card *desfire.Card) error {
	if err := a.enterKeys(ctx, card, c.l, unlock.ChangeSettings); err != nil {
		return err
	}
	s, err := card.KeySettings(ctx)
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	if err := c.settle(s.KS1); err != nil {
		return err
	}
	risks := rekey.SettingsRisks(s, c.next, c.l.IsCard())
	if len(risks) > 0 && !a.force {
		return advise(withCode(exitRefused, fmt.Errorf("refused, and nothing was changed: %s", strings.Join(risks, "; "))), "--force does it all the same.")
	}
	if !a.json || !a.yes && !a.dryRun {
		c.show(a, card, s.KS1, risks)
	}
	if a.dryRun {
		if a.json {
			next := *s
			next.KS1 = c.next
			return a.emit(a.changedSettings(c.l, &next, s.KS1))
		}
		a.printf("Nothing was changed.\n")
		return nil
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
		return a.emit(a.changedSettings(c.l, s, before))
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
