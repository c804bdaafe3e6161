package main

import (
	"io"
	"testing"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/internal/deployed"
)

// The command lines in deploy are ones that this program takes.
func TestDeployed(t *testing.T) {
	deployed.Run(t, "../..", "desfire-server", func() *cobra.Command {
		return (&app{stdout: io.Discard, stderr: io.Discard}).rootCommand()
	})
}
