package main

import (
	"context"

	"github.com/go-desfire/desfire/pcsc/acr122"
	"github.com/spf13/cobra"
)

func (a *app) readersFirmwareCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "firmware",
		Short:   "Print the firmware of an ACR122U",
		Long:    "Print the firmware of a reader.\n\n" + helpItself,
		Args:    wants(),
		Example: "  desfire readers firmware --reader pcsc:ACR122",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withReader(cmd, a.readerFirmware)
		},
	}
}

// readerFirmware is what readers firmware prints with --json.
type readerFirmware struct {
	Reader   string `json:"reader"`
	Firmware string `json:"firmware"`
}

func (a *app) readerFirmware(ctx context.Context, name string, r *acr122.Reader) error {
	v, err := r.Firmware(ctx)
	switch {
	case err != nil:
		return err
	case a.json:
		return a.emit(readerFirmware{name, v})
	}
	a.printf("%s\n", v)
	return nil
}
