package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) authDiagnoseCommand() *cobra.Command {
	var method methodFlag
	var status string
	var risky bool
	cmd := &cobra.Command{
		Use:   "diagnose APP KEYNO",
		Short: "Find out why a card refused a key",
		Long: `Find out why a card refused an authentication, a key change or a command in a
session: it asks the card what is free to ask, and lists the likely causes. With
--key, the key that was tried, it compares more; the key is not tried again.

It never does what the card could count as a failed authentication, unless
--risky: then it begins one by each method, to see which of them the card knows.

` + helpLevel,
		Args: wants("APP", "KEYNO"),
		Example: `  desfire auth diagnose 121314 0
  desfire auth diagnose 121314 0 --status 1E --key @old.key
  desfire auth diagnose card 0 --status AE --method iso --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			l, no, err := keyPlace(cmd, args)
			if err != nil {
				return err
			}
			t := diagnose.Trouble{Place: l, No: no, Risky: risky}
			if t.Status, err = parseStatus(cmd, status); err != nil {
				return err
			}
			m, err := method.read(cmd)
			if err != nil {
				return err
			}
			if err := noAuthFlag(cmd); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.diagnose(ctx, card, l, t, m, cmd.Flags().Changed("status"))
			})
		},
	}
	method.register(cmd)
	cmd.Flags().StringVar(&status, "status", "AE", "what the card answered, as `HEX` or by its name")
	cmd.Flags().BoolVar(&risky, "risky", false, "begin authentications, which the card may count as failed ones")
	return cmd
}

// parseStatus reads a native status: AE, 91AE or AUTHENTICATION_ERROR.
func parseStatus(cmd *cobra.Command, s string) (wire.Status, error) {
	digits := strings.TrimPrefix(strings.ToUpper(s), "0X")
	if len(digits) == 4 {
		digits = strings.TrimPrefix(digits, "91")
	}
	if n, err := strconv.ParseUint(digits, 16, 8); err == nil && len(digits) == 2 {
		return wire.Native(byte(n)), nil
	}
	for b := range 256 {
		if st := wire.Native(byte(b)); st.Known() && strings.EqualFold(st.String(), s) {
			return st, nil
		}
	}
	return 0, &usageError{cmd, fmt.Errorf("--status %q: want what the card answered, as AE, 91AE or AUTHENTICATION_ERROR", keystore.Hide(s))}
}

// diagnosisResult is what auth diagnose prints with --json.
type diagnosisResult struct {
	cardOf
	Application wire.Place `json:"application"`
	Key         wire.KeyNo `json:"key"`
	Status      string     `json:"status"`
	diagnose.Diagnosis
}

func (a *app) diagnose(ctx context.Context, card *desfire.Card, l wire.Place, t diagnose.Trouble, m *key.Method, stated bool) error {
	// Where there is no such application, that is the diagnosis.
	err := checkKeys(card, l)
	if err == nil {
		err = selectPlace(ctx, card, l)
	}
	if err != nil && !errors.Is(err, wire.StatusApplicationNotFound) {
		return err
	}
	switch {
	case a.key != nil:
		t.Type, t.Version, t.HasVersion = a.key.Type(), a.key.Version(), true
	case err == nil:
		if t.Type, err = a.guessType(ctx, card, m); err != nil {
			return err
		}
	}
	t.Method = card.Strongest(t.Type)
	if m != nil {
		t.Method = *m
	}
	d, err := diagnose.Card(ctx, card, t)
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(diagnosisResult{a.saw(card), l, t.No, t.Status.String(), *d})
	}
	a.printDiagnosis(l, t, d, stated)
	return nil
}

// guessType is the type of key that was tried, where nobody says: the one that
// the card has, else the one that fits the method.
func (a *app) guessType(ctx context.Context, card *desfire.Card, m *key.Method) (key.Type, error) {
	s, err := card.KeySettings(ctx)
	switch {
	case err == nil:
		return key.FromWire(s.KS2.KeyType()), nil
	case !inspect.Refused(err):
		return 0, err
	case m != nil && (*m == key.MethodD40 || *m == key.MethodISO):
		return key.Type2K3DES, nil
	case m == nil && !card.Generation().Has(wire.FeatureEV2Auth):
		return key.Type2K3DES, nil
	}
	return key.TypeAES, nil
}

func (a *app) printDiagnosis(l wire.Place, t diagnose.Trouble, d *diagnose.Diagnosis, stated bool) {
	p := a.out
	said := "answered with"
	if !stated {
		said = "as if answered with" // --status says what the card did
	}
	a.printf("%s, key %d of %s, %s %v\n", p.Title.Render(d.Card), t.No, l.Words(), said, t.Status.Error())
	a.printf("%s\n", p.Title.Render("What the card tells"))
	wide := 0
	for _, q := range d.Probes {
		wide = max(wide, len(q.Question))
	}
	last := ""
	for _, q := range d.Probes {
		question := q.Question
		if question == last {
			question = ""
		}
		last = q.Question
		a.printf("  %s%s  %s\n", p.Dim.Render(question), screen.Pad(question, wide), q.Answer)
	}
	if len(d.Causes) == 0 {
		a.printf("%s\n", p.Warn.Render("No cause is known for this answer."))
		return
	}
	a.printf("%s\n", p.Title.Render("Causes, the likeliest first, and how likely (0 to 100)"))
	for _, c := range d.Causes {
		weight, style := fmt.Sprintf("%3d", c.Weight), p.Dim
		if c.Weight >= 80 {
			style = p.Bad
		}
		a.printf("  %s  %s\n       %s\n", style.Render(weight), c.Text, p.Good.Render(c.Advice))
	}
}
