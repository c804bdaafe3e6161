package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// selftestFlags are those of selftest.
type selftestFlags struct {
	wipe, only, report, generation string
	lasting, mask, list            bool
}

func (a *app) selftestCommand() *cobra.Command {
	var f selftestFlags
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Test whether a card does what is known of its generation",
		Long: `Test whether a card does what is known of its generation: a real card, a
simulated one, or somebody else's behind a socket.

Without --wipe-card nothing on the card is changed, and nothing is done that a
card could count as a failed authentication. With --wipe-card and the UID of the
card, a card whose keys and settings are as delivered is formatted, tested with
every command of its generation, and left formatted, keys as they were.

The report holds no key bytes and no data of the card. It tells what people who
have no such card cannot know: attach it to an issue.`,
		Example: `  desfire selftest
  desfire selftest --wipe-card 045E1F7E57CA4D --report ev3.json --mask-uid
  desfire selftest --reader sim: --only 'identify,error.*'
  desfire selftest --list --generation ev2`,
		Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.list {
				return a.listSteps(cmd, f.generation)
			}
			conf, err := f.config(cmd)
			if err != nil {
				return err
			}
			if err := a.mayWrite(f.report); err != nil {
				return err
			}
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.selftest(ctx, card, conf, f.report)
			})
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.wipe, "wipe-card", "", "wipe the card with this `UID`: all on it is lost")
	fl.BoolVar(&f.lasting, "lasting", false, "with --wipe-card: also set keys that a format does not clear (DAM, proximity check), to zeros")
	fl.StringVar(&f.only, "only", "", "only the steps that a `PATTERN` names, as in value.*; several with commas")
	fl.StringVar(&f.report, "report", "", "write the report as JSON to `FILE`")
	fl.BoolVar(&f.mask, "mask-uid", false, "leave the UID out of the report")
	fl.BoolVar(&f.list, "list", false, "list the steps, without a card")
	fl.StringVar(&f.generation, "generation", "ev3", "with --list: the generation")
	return cmd
}

func (f *selftestFlags) config(cmd *cobra.Command) (*selftest.Config, error) {
	conf := &selftest.Config{Only: f.only, Lasting: f.lasting, MaskUID: f.mask}
	if f.wipe == "" {
		if f.lasting {
			return nil, &usageError{cmd, errors.New("--lasting needs --wipe-card")}
		}
		return conf, nil
	}
	uid, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "").Replace(f.wipe))
	if err != nil || len(uid) != 7 && len(uid) != 4 && len(uid) != 10 {
		return nil, &usageError{cmd, fmt.Errorf("--wipe-card %s: want the UID of the card, 14 hexadecimal digits; desfire info shows it", f.wipe)}
	}
	conf.WipeCard = uid
	return conf, nil
}

func (a *app) listSteps(cmd *cobra.Command, generation string) error {
	g, err := wire.ParseGeneration(generation)
	if err != nil {
		return &usageError{cmd, fmt.Errorf("--generation: %w", err)}
	}
	for _, s := range selftest.List(g) {
		if a.json {
			if err := a.emit(s); err != nil {
				return err
			}
			continue
		}
		mark := " "
		switch {
		case s.Lasting:
			mark = "L"
		case s.Wipes:
			mark = "W"
		}
		a.printf("%s  %s%s  %s\n", mark, a.out.Name.Render(s.ID), screen.Pad(s.ID, 34), s.Title)
	}
	return nil
}

// errSelftestFailed is said after all else was said.
var errSelftestFailed = errors.New("the card did not pass")

func (a *app) selftest(ctx context.Context, card *desfire.Card, conf *selftest.Config, file string) error {
	if !a.json {
		conf.OnStep = func(s selftest.Step) {
			if s.Result != selftest.Skip || a.verbose {
				a.printf("%s\n", a.stepLine(s))
			}
		}
	} else {
		p, n, all := a.progress("testing"), 0, len(selftest.List(card.Generation()))
		defer p.End()
		conf.OnStep = func(selftest.Step) {
			n++
			p.At(min(n, all), all)
		}
	}
	r, err := selftest.Run(ctx, card, conf)
	if err != nil {
		return err
	}
	if file != "" {
		if err := a.writeOut(file, r.Encode(), 0o666); err != nil {
			return err
		}
	}
	if a.json {
		err = a.emit(r)
	} else {
		a.printf("\n")
		err = r.WriteSummary(a.stdout)
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return errInterrupted
	case r.Failed():
		return errSelftestFailed
	}
	return nil
}

func (a *app) stepLine(s selftest.Step) screen.Text {
	word, rest, _ := strings.Cut(s.String(), " ")
	style := a.out.Dim
	switch s.Result {
	case selftest.Pass:
		style = a.out.Good
	case selftest.Fail:
		style = a.out.Bad
	}
	return style.Render(word) + " " + screen.Lines(rest)
}
