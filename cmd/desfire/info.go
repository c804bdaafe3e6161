package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) infoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Show what a card is: product, version, memory, identifier, settings",
		Args:  wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withCard(cmd, func(ctx context.Context, card *desfire.Card) error {
				i, err := a.inspect(ctx, card)
				if err != nil {
					return err
				}
				if a.json {
					return a.emit(i)
				}
				a.printInfo(i)
				return nil
			})
		},
	}
}

// cardInfo is what info prints with --json.
type cardInfo struct {
	Product      string          `json:"product"`
	Generation   wire.Generation `json:"generation"`
	UID          hexBytes        `json:"uid"`
	RandomID     bool            `json:"random_id"`
	Reader       string          `json:"reader"`
	ATR          hexBytes        `json:"atr"`
	Framing      string          `json:"framing"`
	Hardware     chipInfo        `json:"hardware"`
	Software     chipInfo        `json:"software"`
	Storage      int             `json:"storage"` // bytes
	StorageExact bool            `json:"storage_exact"`
	FreeMemory   *int            `json:"free_memory"` // bytes; null where the card does not tell
	Batch        hexBytes        `json:"batch"`
	Year         int             `json:"year"`
	Week         int             `json:"week"`
	KeySettings  string          `json:"key_settings"`
	KeyType      string          `json:"key_type"`
	Applications []appID         `json:"applications"` // null where they need a key
}

type chipInfo struct {
	Vendor   uint8  `json:"vendor"`
	Type     uint8  `json:"type"`
	SubType  uint8  `json:"subtype"`
	Version  string `json:"version"`
	Storage  uint8  `json:"storage"`
	Protocol uint8  `json:"protocol"`
}

type appID struct {
	AID  wire.AID `json:"aid"`
	Wire hexBytes `json:"wire"` // as it is sent
}

// inspect asks the card what it tells anybody.
func (a *app) inspect(ctx context.Context, card *desfire.Card) (*cardInfo, error) {
	if err := a.enterCard(ctx, card); err != nil {
		return nil, err
	}
	v, err := card.Version(ctx)
	if err != nil {
		return nil, err
	}
	i := &cardInfo{
		Product: v.Product(), Generation: card.Generation(), UID: card.UID(), RandomID: v.UID.IsZero(),
		Reader: a.at, ATR: card.ATR(), Framing: fmt.Sprint(card.Framing()),
		Hardware: chip(v.Hardware), Software: chip(v.Software), Batch: v.Batch[:],
	}
	i.Storage, i.StorageExact = v.Hardware.StorageSize()
	i.Year, i.Week = v.Produced()
	if card.Generation().Has(wire.FeatureEV1Commands) {
		switch n, err := card.FreeMemory(ctx); {
		case err == nil:
			free := int(n)
			i.FreeMemory = &free
		case !refusal(err):
			return nil, err
		}
	}
	switch ks, err := card.KeySettings(ctx); {
	case err == nil:
		i.KeySettings, i.KeyType = piccSettings(ks.KS1), ks.KS2.KeyType().String()
	case !refusal(err):
		return nil, err
	}
	aids, err := card.Applications(ctx)
	switch {
	case err == nil:
		i.Applications = []appID{}
		for _, aid := range aids {
			w := aid.Wire()
			i.Applications = append(i.Applications, appID{aid, w[:]})
		}
	case !refusal(err):
		return nil, err
	}
	return i, nil
}

// piccSettings are key settings without what applications only have.
func piccSettings(s wire.KeySett1) string {
	words := strings.Split((s & 0xF).String(), ", ")
	return strings.Join(words[:len(words)-1], ", ")
}

func chip(v wire.ChipVersion) chipInfo {
	return chipInfo{v.Vendor, v.Type, v.SubType, fmt.Sprintf("%X.%X", v.Major, v.Minor), v.Storage, v.Protocol}
}

func (a *app) printInfo(i *cardInfo) {
	p := a.out
	row := func(name, format string, args ...any) {
		a.printf("%s%s  %s\n", p.dim.Render(name), pad(name, 12), fmt.Sprintf(format, args...))
	}
	row("product", "%s", p.title.Render(i.Product))
	uid := fmt.Sprintf("%X", []byte(i.UID))
	if i.RandomID {
		uid = "random; the real one needs a key"
	}
	row("UID", "%s", p.name.Render(uid))
	if len(i.ATR) > 0 {
		row("ATR", "%s", spaced(i.ATR))
	}
	row("reader", "%s, %s frames", i.Reader, i.Framing)
	row("hardware", "%s, type %02X.%02X, vendor %02X, protocol %02X", i.Hardware.Version, i.Hardware.Type, i.Hardware.SubType, i.Hardware.Vendor, i.Hardware.Protocol)
	row("software", "%s, type %02X.%02X, vendor %02X, protocol %02X", i.Software.Version, i.Software.Type, i.Software.SubType, i.Software.Vendor, i.Software.Protocol)
	storage := count(i.Storage, "byte")
	if !i.StorageExact {
		storage = "more than " + storage
	}
	if i.FreeMemory != nil {
		storage += ", " + p.number.Render(fmt.Sprint(*i.FreeMemory)) + " free"
	}
	row("memory", "%s", storage)
	produced := fmt.Sprintf("batch %X", []byte(i.Batch))
	if i.Week > 0 {
		produced += fmt.Sprintf(", week %d of %d", i.Week, i.Year)
	}
	row("produced", "%s", produced)
	if i.KeyType != "" {
		row("master key", "%s", i.KeyType)
		row("settings", "%s", i.KeySettings)
	} else {
		row("settings", "%s", p.warn.Render("need the PICC master key"))
	}
	switch {
	case i.Applications == nil:
		row("applications", "%s", p.warn.Render("need the PICC master key to be listed"))
	case len(i.Applications) == 0:
		row("applications", "none")
	}
	for n, app := range i.Applications {
		name := "applications"
		if n > 0 {
			name = ""
		}
		row(name, "%s  %s", p.name.Render(app.AID.String()), p.dim.Render("sent as "+spaced(app.Wire)))
	}
}
