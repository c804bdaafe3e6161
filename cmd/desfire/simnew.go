package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) simNewCommand() *cobra.Command {
	var flags cardFlags
	cmd := &cobra.Command{
		Use:   "new FILE",
		Short: "Make a simulated card and its image",
		Args:  wants("FILE"),
		Example: `  desfire sim new badge.json
  desfire sim new travel.json --generation ev1 --size 4k --transit`,
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := flags.config(cmd)
			if err != nil {
				return err
			}
			return a.simNew(cmd, args[0], conf, flags.transit)
		},
	}
	flags.register(cmd)
	return cmd
}

// simNewResult is what sim new prints with --json.
type simNewResult struct {
	Image      string          `json:"image"`
	Generation wire.Generation `json:"generation"`
	UID        hexBytes        `json:"uid"`
	Transit    bool            `json:"transit"`
}

func (a *app) simNew(cmd *cobra.Command, path string, conf *sim.Config, transit bool) error {
	file := sim.File(path).HeldBy(cmd.CommandPath())
	if err := file.Lock(); err != nil {
		return err
	}
	defer file.Unlock()
	switch _, err := os.Stat(path); {
	case err == nil:
		return fmt.Errorf("%s exists already: remove it first, or take another name", path)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	// The file appears when the card is complete.
	store := sim.Memory()
	conf.Store = store
	card, err := sim.New(conf)
	if err != nil {
		return err
	}
	if transit {
		if err := a.makeTransit(cmd.Context(), card, transitCredit); err != nil {
			return err
		}
	}
	image, err := store.Load()
	if err != nil {
		return err
	}
	if err := file.Save(image); err != nil {
		return err
	}
	if a.json {
		return a.emit(simNewResult{path, card.Generation(), card.UID(), transit})
	}
	a.printf("%s: DESFire %v, UID %s\n", a.out.Name.Render(path), card.Generation(), a.out.Number.Render(fmt.Sprintf("%X", card.UID())))
	if transit {
		a.printf("  application %v, value file %d, credit %d\n", transitApp, transitPurse, transitCredit)
		a.printf("%s\n", a.out.Dim.Render(fmt.Sprintf("  try: desfire drain %v %d --reader sim:%s", transitApp, transitPurse, path)))
	}
	return nil
}
