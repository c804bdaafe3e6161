package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/inspect"
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
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := sim.File(args[0]).Load()
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return fmt.Errorf("no card image %s: make one with desfire sim new %s", args[0], args[0])
			case err != nil:
				return err
			}
			image, err := sim.ReadImage(data)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return a.simShow(image.WithoutKeys())
		},
	}
}

func (a *app) simShow(i *sim.Image) error {
	if a.json {
		return a.emit(json.RawMessage(i.Encode()))
	}
	c := &inspect.Card{Name: fmt.Sprintf("simulated %v %X, %d bytes, %d used", i.Generation, []byte(i.UID), i.Storage, i.Used)}
	for _, app := range i.Applications {
		x := inspect.NewApplication(imagePlace(i, app.AID))
		x.KeySettings = &inspect.KeySettings{Keys: app.KeyCount, KeyType: strings.ToUpper(app.KeyType)}
		x.ISOID, x.DFName = inspect.Hex(app.ISOID), inspect.Hex(app.DFName)
		for _, f := range app.Files {
			x.Files = append(x.Files, inspect.NewFile(wire.FileNo(f.No), f.Settings()))
		}
		c.Applications = append(c.Applications, x)
	}
	if c.Applications == nil {
		c.Applications = []inspect.Application{}
	}
	a.printTree(c)
	p := a.out
	a.printf("%s\n", p.Title.Render("Keys, values withheld"))
	for _, k := range i.Keys {
		where := imagePlace(i, k.Application).String()
		a.printf("  %s  key %-2d  %-6s  version %02X\n", p.Name.Render(where)+screen.Pad(where, 6), k.No, k.Type, k.Version)
	}
	return nil
}

// imagePlace is how a card that the image becomes is told where to go.
func imagePlace(i *sim.Image, aid wire.AID) wire.Place {
	if aid != wire.PICC && i.Generation.FixedName() != nil {
		return wire.Place{Fixed: true}
	}
	return wire.Place{AID: aid}
}
