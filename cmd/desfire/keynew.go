package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/oskeyring"
	"github.com/spf13/cobra"
)

func (a *app) keyNewCommand() *cobra.Command {
	var typ, version, out string
	cmd := &cobra.Command{
		Use:   "new --out FILE",
		Short: "Make a random key and write it into a new file",
		Long: `Make a random key and write it into a new file, readable by its owner only, that
@FILE reads, or into the keyring of the operating system, as os:SERVICE/NAME. It
prints type, version and check value, which tell keys apart without giving them
away. What exists is not overwritten. No card is needed.

With --out -, and not otherwise, the key itself is printed on stdout.`,
		Args: wants(),
		Example: `  desfire key new --out campus.key
  desfire key new --out os:desfire/campus
  desfire key new --type 3k3des --version 02 --out next.key`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := key.ParseType(typ)
			if err != nil {
				return &usageError{cmd, fmt.Errorf("--type %q: want aes, des, 2k3des or 3k3des", keystore.Hide(typ))}
			}
			v, err := parseVersion(version)
			switch {
			case err != nil:
				return &usageError{cmd, err}
			case out == "":
				return &usageError{cmd, errors.New("--out missing: the new file for the key, or - to print it")}
			}
			k, err := key.Generate(t, v)
			if err != nil {
				return err
			}
			return a.newKey(cmd, k, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&typ, "type", "aes", "`TYPE` of the key: aes, des, 2k3des, 3k3des")
	f.StringVar(&version, "version", "01", "its version, one byte in `HEX`; factory keys mostly have 00")
	f.StringVarP(&out, "out", "o", "", "the new `FILE`, os:SERVICE/NAME, or - for stdout")
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions([]string{"aes", "des", "2k3des", "3k3des"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// parseVersion reads the version of a key.
func parseVersion(s string) (byte, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToLower(s), "0x"), 16, 8)
	if err != nil || len(s) > 4 {
		return 0, fmt.Errorf("--version %q: want one byte in hexadecimal, 00 to FF", keystore.Hide(s))
	}
	return byte(n), nil
}

// keyNewResult is what key new prints with --json.
type keyNewResult struct {
	Facts keystore.Facts `json:"facts"`
	File  string         `json:"file"`          // - is stdout; os:SERVICE/NAME is no file
	Text  string         `json:"key,omitempty"` // the key itself, with --out -
}

func (a *app) newKey(cmd *cobra.Command, k *key.Secret, out string) error {
	r := keyNewResult{Facts: keystore.FactsOf(k, ""), File: out}
	if out == "-" {
		var text strings.Builder
		if err := key.Write(&text, k); err != nil {
			return err
		}
		if r.Text = strings.TrimSpace(text.String()); a.json {
			return a.emit(r)
		}
		a.sayf("%s\n", describeKey(a.err, r.Facts))
		a.printf("%s\n", screen.Visible(r.Text))
		return nil
	}
	if strings.HasPrefix(out, "os:") {
		at, err := osAddress(cmd, out)
		if err != nil {
			return err
		}
		if err := oskeyring.Store(cmd.Context(), at, k); err != nil {
			return badOSKeyring(err)
		}
		r.Facts.Source = at.String()
	} else {
		if err := key.WriteFile(out, k, ""); err != nil {
			return newFileError(out, err)
		}
		r.Facts.Source = keystore.SourceOf("@" + out)
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s\n", describeKey(a.out, r.Facts))
	return nil
}
