package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) simShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show IMAGE",
		Short: "Show what is on a simulated card, without its keys",
		Long: `Show what is on a simulated card, also what a key protects, but the keys themselves
only by type and version. With --json, the image itself without the keys.`,
		Args: wants("IMAGE"),
		Example: `  desfire sim show badge.json
  desfire sim show badge.json --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := sim.File(args[0]).Load()
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return noImage(args[0])
			case err != nil:
				return err
			}
			image, err := sim.ReadImage(data)
			if err != nil {
				return withCode(exitInput, fmt.Errorf("%s: %w", args[0], err))
			}
			return a.simShow(image.WithoutKeys())
		},
	}
}

func (a *app) simShow(i *sim.Image) error {
	if a.json {
		return a.emit(json.RawMessage(i.Encode()))
	}
	d, err := dump.Read(i.Encode())
	if err != nil {
		return err
	}
	c := d.Card
	c.Name = fmt.Sprintf("simulated %s %X, %d bytes, %d used", c.Product, []byte(i.UID), i.Storage, i.Used)
	for n := range c.Applications {
		c.Applications[n].KeyVersions = nil // they stand below
	}
	a.printTree(c)
	p := a.out
	a.printf("%s\n", p.Title.Render("Keys, values withheld"))
	for _, k := range i.Keys {
		where := imagePlace(i, k.Application).String()
		a.printf("  %s  %s  version %02X\n", p.Name.Render(where)+screen.Pad(where, 6), imageKey(&k), k.Version)
	}
	return nil
}

// imageKey names a key of an image, its type as ls does.
func imageKey(k *sim.ImageKey) screen.Text {
	typ := strings.ToUpper(k.Type)
	if typ == "DES" {
		typ = wire.KeyDES.String()
	}
	name := fmt.Sprintf("key %d", k.No)
	switch {
	case k.TMAC:
		name = fmt.Sprintf("transaction MAC of file %d", k.No)
	case k.Set > 0:
		name += fmt.Sprintf(" of set %d", k.Set)
	}
	return screen.Sprintf("%-6s  %-10s", name, typ)
}

// imagePlace is how a card that the image becomes is told where to go.
func imagePlace(i *sim.Image, aid wire.AID) wire.Place {
	if aid != wire.PICC && i.Generation.FixedName() != nil {
		return wire.Place{Fixed: true}
	}
	return wire.Place{AID: aid}
}
