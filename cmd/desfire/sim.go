package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) simCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Make, serve and show simulated cards",
		Long: `Make, serve and show simulated cards. A card's memory is an image: a JSON file
with its keys in a section of their own, readable by its owner only.`,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.simNewCommand(), a.simServeCommand(), a.simShowCommand())
	return cmd
}

// cardFlags say what a new card is like.
type cardFlags struct {
	generation, uid, size, seed string
	transit, purse              bool
}

func (f *cardFlags) register(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.generation, "generation", "", "d40, ev1, ev2, ev3, light or ntag424 (default ev3)")
	fs.StringVar(&f.uid, "uid", "", "seven bytes in hexadecimal (default random)")
	fs.StringVar(&f.size, "size", "", "memory, as 4k or in bytes, as the generation was made with it (default what it usually has)")
	fs.StringVar(&f.seed, "seed", "", "any text: the same one gives the same random numbers, UID included")
	fs.BoolVar(&f.transit, "transit", false, "put a ready transit application on it: "+transitHelp)
	fs.BoolVar(&f.purse, "purse", false, "put an application for desfire purse on it: "+purseHelp)
	_ = cmd.RegisterFlagCompletionFunc("generation", cobra.FixedCompletions([]string{"d40", "ev1", "ev2", "ev3", "light", "ntag424"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("size", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		g, err := wire.ParseGeneration(f.generation)
		if err != nil {
			g = wire.EV3
		}
		var sizes []string
		for _, n := range sim.Sizes(g) {
			if n%1024 == 0 {
				sizes = append(sizes, fmt.Sprintf("%dk", n/1024))
			}
		}
		return sizes, cobra.ShellCompDirectiveNoFileComp
	})
}

// config checks the flags.
func (f *cardFlags) config(cmd *cobra.Command) (*sim.Config, error) {
	c := &sim.Config{}
	var err error
	if f.generation != "" {
		if c.Generation, err = wire.ParseGeneration(f.generation); err != nil {
			return nil, &usageError{cmd, fmt.Errorf("--generation: %w", err)}
		}
	}
	if f.uid != "" {
		if c.UID, err = parseHex(f.uid); err != nil || len(c.UID) != 7 {
			return nil, &usageError{cmd, fmt.Errorf("--uid %q: want seven bytes in hexadecimal, for example 04112233445566", f.uid)}
		}
	}
	if f.size != "" {
		if c.Storage, err = parseSize(f.size); err != nil {
			return nil, &usageError{cmd, fmt.Errorf("--size %q: want a size of memory, for example 4k, or a number of bytes%s", f.size, zeroed(err))}
		}
	}
	if f.seed != "" {
		c.Rand = seeded(f.seed)
	}
	return c, nil
}

func parseSize(s string) (int, error) {
	digits, kilo := strings.CutSuffix(strings.ToLower(s), "k")
	size, err := parseUint(digits, 31)
	n := int(size)
	switch {
	case err != nil:
		return 0, err
	case n <= 0 || n > 1<<20:
		return 0, errors.New("out of range")
	case kilo:
		n *= 1024
	}
	return n, nil
}

// seeded is a source of random numbers that only the seed determines.
func seeded(seed string) io.Reader { return rand.NewChaCha8(sha256.Sum256([]byte(seed))) }

// simNew makes the cards of images; tests give them other luck.
var simNew = sim.New

// loadCard loads the card of an image, which others cannot have until the end of
// the verb, and does not wait for one that lies elsewhere; without an image it makes a card in memory.
func (a *app) loadCard(cmd *cobra.Command, path string, c *sim.Config) (*sim.Card, error) {
	if path == "" {
		return sim.New(c)
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil, noImage(path)
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, withCode(exitInput, fmt.Errorf("%s is not a file", path))
	}
	c.Store = sim.File(path).HeldBy(cmd.CommandPath())
	card, err := simNew(c)
	switch {
	case errors.As(err, new(*sim.LockedError)):
		return nil, err
	case err != nil:
		return nil, withCode(exitInput, err)
	}
	a.held = append(a.held, card)
	return card, nil
}

// noImage is the error of an image that is not there.
func noImage(path string) error {
	return withCode(exitInput, fmt.Errorf("no card image %s: make one with desfire sim new %s", path, path))
}
