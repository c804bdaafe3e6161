package main

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/internal/deployed"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/pn532"
)

// The command lines in deploy are ones that this program takes.
func TestDeployed(t *testing.T) {
	deployed.Run(t, "../..", "desfire", func() *cobra.Command {
		return newApp(strings.NewReader(""), io.Discard, io.Discard).rootCommand()
	})
}

// So are those in the pages about readers, which no test can run, and the places in them.
func TestReaderPages(t *testing.T) {
	for _, page := range []string{"../../docs/pn532.md", "../../docs/readers.md"} {
		deployed.RunPage(t, page, "desfire", func() *cobra.Command {
			return newApp(strings.NewReader(""), io.Discard, io.Discard).rootCommand()
		})
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range regexp.MustCompile("`(pn532:[^`]+)`").FindAllStringSubmatch(string(text), -1) {
			if _, err := place.Parse(spec[1], place.Schemes{pn532.Scheme(nil)}); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
