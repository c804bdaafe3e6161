package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) simNewCommand() *cobra.Command {
	var flags cardFlags
	var from string
	cmd := &cobra.Command{
		Use:   "new FILE",
		Short: "Make a simulated card and its image",
		Long: `Make a simulated card and its image. The file is never overwritten.

With --from DUMP it is the card of a dump, or of any file that desfire dump show
reads: its generation, version, UID and size, its applications and files with what
they hold, values and records too. Its keys are zeros, since no dump has keys; what
else it lacks is said.`,
		Args: wants("FILE"),
		Example: `  desfire sim new badge.json
  desfire sim new travel.json --generation ev1 --size 4k --transit
  desfire sim new copy.json --from badge.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := flags.config(cmd)
			if err != nil {
				return err
			}
			var copy *copied
			switch {
			case from != "" && (flags.transit || flags.purse):
				return &usageError{cmd, errors.New("--transit and --purse do not go with --from, which says what is on the card")}
			case from != "":
				if copy, err = a.readCopy(cmd, from, conf); err != nil {
					return err
				}
			}
			return a.simNew(cmd, args[0], conf, &flags, copy)
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&from, "from", "", "make the card of this `DUMP`")
	_ = cmd.MarkFlagFilename("from")
	return cmd
}

// simNewResult is what sim new prints with --json.
type simNewResult struct {
	cardOf                     // the reader is how to name it to --reader
	Image      string          `json:"image"`
	Generation wire.Generation `json:"generation"`
	Transit    bool            `json:"transit"`
	Keys       string          `json:"keys,omitempty"`  // keyring of --purse
	Lacks      []perso.Note    `json:"lacks,omitempty"` // what of the dump it does not have
}

func (a *app) simNew(cmd *cobra.Command, path string, conf *sim.Config, flags *cardFlags, copy *copied) error {
	file := sim.File(path).HeldBy(cmd.CommandPath())
	if err := file.Lock(); err != nil {
		return err
	}
	defer file.Unlock()
	switch _, err := os.Stat(path); {
	case err == nil:
		return withCode(exitInput, fmt.Errorf("%s exists already: remove it first, or take another name", path))
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	// The file appears when the card is complete.
	store := sim.Memory()
	conf.Store = store
	card, err := sim.New(conf)
	if err != nil && copy != nil {
		return advise(withCode(exitInput, err), "--size makes it with another memory than the dump says.")
	}
	if err != nil {
		return &usageError{cmd, err}
	}
	transit := flags.transit
	if transit {
		if err := a.makeTransit(cmd.Context(), card, transitCredit); err != nil {
			return err
		}
	}
	keys := ""
	if flags.purse {
		if err := a.makePurseCard(cmd.Context(), card); err != nil {
			return err
		}
		if keys, err = writePurseKeys(path); err != nil {
			return err
		}
	}
	if copy != nil {
		if err := copy.fill(cmd.Context(), card); err != nil {
			return fmt.Errorf("the card cannot be made of the dump: %w", err)
		}
	}
	image, err := store.Load()
	if err != nil {
		return err
	}
	if err := file.Save(image); err != nil {
		return err
	}
	r := simNewResult{cardOf{hexBytes(card.UID()), productOf(card), "sim:" + path}, path, card.Generation(), transit, keys, nil}
	if copy != nil {
		r.Lacks = copy.lacks
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s: %s, UID %s\n", a.out.Name.Render(path), r.Product, a.out.Number.Render(fmt.Sprintf("%X", card.UID())))
	a.remarks().notes(a.err.Warn, "It lacks", r.Lacks)
	if keys != "" {
		a.printf("  application %v, value file %d, credit %d, slots in file %d, transaction MAC file %d\n", purseApp, purseValue, purseCredit, purseSlots, purseTMAC)
		a.printf("  its keys, for tests and known to everybody: %s\n", a.out.Name.Render(keys))
		a.printf("%s\n", a.out.Dim.Render(fmt.Sprintf("  try: desfire purse init gate.db %v/%d --slot %d:0 --reader sim:%s --keys %s", purseApp, purseValue, purseSlots, path, keys)))
	}
	if transit {
		a.printf("  application %v, value file %d, credit %d\n", transitApp, transitPurse, transitCredit)
		a.printf("%s\n", a.out.Dim.Render(fmt.Sprintf("  try: desfire drain %v %d --reader sim:%s", transitApp, transitPurse, path)))
	}
	return nil
}

// productOf names a simulated card as it would itself.
func productOf(card *sim.Card) string {
	if d, err := dump.Read(card.Image().Encode()); err == nil {
		return d.Card.Product
	}
	return "DESFire " + card.Generation().String()
}
