package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "config",
		Short:                      "Change how a card behaves: random UID, default key, ATS, LRP",
		Long:                       "Change how a card behaves towards everybody, and show which such settings it has.",
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(careful(a.configShowCommand()), careful(a.configSetCommand()))
	return careful(cmd)
}

// configResult is what config prints with --json.
type configResult struct {
	cardOf
	Settings []configSetting `json:"settings"`
	DryRun   bool            `json:"dry_run,omitempty"`
}

// configSetting is a setting in what config prints with --json.
type configSetting struct {
	Name    string `json:"name"` // of its flag
	What    string `json:"what"`
	Forever bool   `json:"forever"` // once made it can never be undone
	State   string `json:"state"`   // in words: what the card shows of it; not told; set
}

func (a *app) configShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show which settings a card has, and what it shows of them",
		Long: `Show which settings a card of this generation has. Cards do not tell most of them:
what can be seen from outside is said.`,
		Args:    wants(),
		Example: "  desfire config show",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error { return a.showConfig(card) })
		},
	}
}

func (a *app) showConfig(card *desfire.Card) error {
	r := configResult{cardOf: a.card, Settings: []configSetting{}}
	for _, o := range perso.Options() {
		if !o.Has(card.Generation()) {
			continue
		}
		state := "not told"
		switch {
		case o.Flags == wire.PICCRandomID && card.UID() == nil:
			state = "on: it shows a random UID"
		case o.Flags == wire.PICCRandomID:
			state = "off: it shows its UID"
		case o.Option == wire.ConfigATS && len(card.ATR()) > 0:
			state = fmt.Sprintf("in the ATR %X", card.ATR())
		}
		r.Settings = append(r.Settings, configSetting{settingFlag(&o), o.What, o.Forever, state})
	}
	if a.json {
		return a.emit(r)
	}
	if len(r.Settings) == 0 {
		a.printf("%s has no such settings: they came with EV1\n", a.out.Title.Render(a.cardName()))
		return nil
	}
	a.printf("Settings of %s\n", a.out.Title.Render(a.cardName()))
	for _, s := range r.Settings {
		a.row(len("virtual-card-required"), s.Name, s.State)
	}
	return nil
}

func (a *app) configSetCommand() *cobra.Command {
	text := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change settings of a card, each by its name",
		Long: `Change settings of a card, each by its name. It needs the master key: key 0 of the
card, or of the application of a DESFire Light or NTAG 424 DNA. It shows what
becomes different and asks. What ends in -forever can never be undone.

The switches proximity-required, virtual-card-required, legacy-random-uid and
those for ever are sent together: what is not named of them is off afterwards,
but for what is for ever. Cards do not tell how they were.

What could make the card unreachable or lock its keys is refused unless --force.`,
		Args: wants(),
		Example: `  desfire config set --default-key @default.key --key @picc.key
  desfire config set --random-uid-forever --keys keys.yaml --dry-run
  desfire config set --failed-attempts 1000:10 --key @picc.key --force`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			changes, err := a.readSettings(cmd, text)
			switch {
			case err != nil:
				return err
			case !a.keyed():
				return &usageError{cmd, errors.New("changing settings needs the master key: --key @FILE, --key env:NAME or --keys FILE")}
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.configure(ctx, cmd, card, changes)
			})
		},
	}
	f := cmd.Flags()
	for _, o := range perso.Options() {
		if flag := settingFlag(&o); o.Value == "" {
			f.Bool(flag, false, settingHelp[o.Name])
		} else {
			text[flag] = f.String(flag, "", settingHelp[o.Name])
		}
	}
	return cmd
}

func (a *app) configure(ctx context.Context, cmd *cobra.Command, card *desfire.Card, changes []*settingChange) error {
	var risks []string
	for _, c := range changes {
		if !slices.Contains(c.on, card.Generation()) {
			return withCode(exitImpossible, fmt.Errorf("%v has no setting %s: desfire config show lists what it has", card, strings.Join(c.flags, " ")))
		}
		if c.risk != "" {
			risks = append(risks, c.risk)
		}
	}
	if err := a.enter(ctx, card, wire.Place{Fixed: card.Generation().FixedName() != nil}, unlock.Master); err != nil {
		return err
	}
	risks = append(risks, messagingRisk(ctx, card, changes)...)
	if err := a.risky(risks); err != nil {
		return err
	}
	forever := a.showChanges(changes)
	r := configResult{cardOf: a.card, Settings: []configSetting{}, DryRun: a.dryRun}
	if !a.dryRun {
		question := "Change these settings?"
		if forever {
			question = "Change these settings, for ever?"
		}
		if err := a.confirm(cmd, question); err != nil {
			return err
		}
	}
	for i, c := range changes {
		if !a.dryRun {
			if err := card.SetConfiguration(ctx, c.wire); err != nil {
				return notConfigured(changes, i, err)
			}
		}
		state := "set"
		if a.dryRun {
			state = "would be set"
		}
		for n, o := range c.options {
			r.Settings = append(r.Settings, configSetting{settingFlag(&o), c.words[n], o.Forever, state})
		}
	}
	switch {
	case a.json:
		return a.emit(r)
	case a.dryRun:
		a.printf("Nothing was changed.\n")
	default:
		a.printf("Changed %s of %s\n", count(len(r.Settings), "setting"), a.out.Title.Render(a.cardName()))
	}
	return nil
}

// showChanges says what becomes different, and whether something of it does for
// ever.
func (a *app) showChanges(changes []*settingChange) (forever bool) {
	for _, c := range changes {
		forever = forever || c.ever
		if a.json && (a.yes || a.dryRun) {
			continue
		}
		for i, flag := range c.flags {
			end := screen.Text("")
			if strings.HasSuffix(flag, "-forever") {
				end = a.err.Warn.Render(": this can never be undone")
			}
			a.sayf("  %s%s\n", c.words[i], end)
		}
		if set, ok := c.wire.(*wire.PICCConfig); ok && set.Flags&^(wire.PICCRandomID|wire.PICCNoFormat) == 0 {
			a.sayf("  proximity check, virtual card authentication and legacy random identifiers: not mandatory, off\n")
		}
	}
	return forever
}

// messagingRisk is that nobody could open a session with the master key any more:
// AES keys authenticate by EV2, others do not.
func messagingRisk(ctx context.Context, card *desfire.Card, changes []*settingChange) []string {
	for _, c := range changes {
		m, is := c.wire.(*wire.SecureMessagingConfig)
		if !is {
			continue
		}
		typ, known := cardType(ctx, card, wire.Place{}, 0)
		if risk := perso.MessagingRisk(m, typ); known && risk != "" {
			return []string{risk}
		}
	}
	return nil
}

// notConfigured is the error of the change that failed.
func notConfigured(changes []*settingChange, i int, err error) error {
	var done []string
	for _, c := range changes[:i] {
		done = append(done, c.flags...)
	}
	text := "nothing was changed before it"
	if len(done) > 0 {
		text = strings.Join(done, " ") + " was done before it"
	}
	err = fmt.Errorf("%s: %w", strings.Join(changes[i].flags, " "), err)
	switch {
	case errors.Is(err, wire.StatusAuthenticationError), errors.Is(err, wire.StatusPermissionDenied):
		err = withCode(exitRight, err)
	case desfire.Refusal(err) == nil:
		err = mayHaveHappened(err)
	}
	return fmt.Errorf("%w; %s", err, text)
}
