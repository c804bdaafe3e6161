package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

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
	t := &cardTree{Card: fmt.Sprintf("simulated %v %X, %d bytes, %d used", i.Generation, []byte(i.UID), i.Storage, i.Used)}
	for _, app := range i.Applications {
		x := newAppTree(app.AID)
		x.Keys, x.KeyType = app.KeyCount, strings.ToUpper(app.KeyType)
		if len(app.ISOID) > 0 {
			x.ISOID = fmt.Sprintf("%X", []byte(app.ISOID))
		}
		x.DFName = hexBytes(app.DFName)
		for _, f := range app.Files {
			x.Files = append(x.Files, newFileTree(wire.FileNo(f.No), imageSettings(&f)))
		}
		t.Applications = append(t.Applications, x)
	}
	a.printTree(t)
	p := a.out
	a.printf("%s\n", p.title.Render("Keys, values withheld"))
	for _, k := range i.Keys {
		where := k.Application.String()
		if k.Application == wire.PICC {
			where = "card  "
		}
		a.printf("  %s  key %-2d  %-6s  version %02X\n", p.name.Render(where), k.No, k.Type, k.Version)
	}
	return nil
}

// imageSettings are the settings of a file in an image.
func imageSettings(f *sim.ImageFile) *wire.FileSettings {
	s := &wire.FileSettings{Type: wire.FileUnknown, Size: uint32(f.Size), RecordSize: uint32(f.RecordSize), MaxRecords: uint32(f.MaxRecords), Records: uint32(len(f.Records))}
	for t := wire.FileStandard; t <= wire.FileTransactionMAC; t++ {
		if t.String() == f.Type {
			s.Type = t
		}
	}
	for _, m := range [...]wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
		if m.String() == f.Comm {
			s.Option = wire.FileOption(m)
		}
	}
	if len(f.Rights) == 2 {
		s.Access = wire.AccessRightsFromUint16(uint16(f.Rights[0])<<8 | uint16(f.Rights[1]))
	}
	if v := f.Value; v != nil {
		s.Lower, s.Upper, s.LimitedCredit = v.Lower, v.Upper, v.LimitedCredit
		if v.Limited {
			s.Flags |= wire.ValueLimitedCredit
		}
		if v.FreeGetValue {
			s.Flags |= wire.ValueFreeGet
		}
	}
	return s
}
