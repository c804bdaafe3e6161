package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/oskeyring"
	"github.com/spf13/cobra"
)

func (a *app) keyStoreCommand() *cobra.Command {
	from := keySpec{flag: "from"}
	cmd := &cobra.Command{
		Use:   "store os:SERVICE/NAME --from KEY",
		Short: "Put a key into the keyring of the operating system",
		Long: `Put a key into the keyring of the operating system: the Secret Service on Linux,
the Keychain on macOS, the Credential Manager on Windows. Then os:SERVICE/NAME is
a key for --key and for keyrings. It is read back before it counts as stored, and
what is there under the name is not overwritten. No card is needed.

desfire key new --out os:SERVICE/NAME makes a random key there.`,
		Args: wants("os:SERVICE/NAME"),
		Example: `  desfire key store os:desfire/campus --from @app.key
  desfire key store os:desfire/campus --from env:MASTER`,
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := osAddress(cmd, args[0])
			if err != nil {
				return err
			}
			if err := a.readKeys(cmd, &from); err != nil {
				return err
			}
			k, err := from.bytes()
			if err != nil {
				return err
			}
			if err := oskeyring.Store(cmd.Context(), at, k); err != nil {
				return badOSKeyring(err)
			}
			r := keyStoreResult{At: at.String(), Facts: keystore.FactsOf(k, ""), Stored: true}
			if a.json {
				return a.emit(r)
			}
			a.printf("%s Stored as %s: %s\n", a.out.Good.Render("+"), a.out.Name.Render(r.At), describeKey(a.out, r.Facts))
			return nil
		},
	}
	cmd.Flags().StringVar(&from.spec, "from", "", "the `KEY`: prompt, @FILE, env:NAME or exec:PROGRAM")
	return cmd
}

func (a *app) keyForgetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "forget os:SERVICE/NAME",
		Short: "Take a key out of the keyring of the operating system",
		Long: `Take a key out of the keyring of the operating system. Where nobody has it
elsewhere, the cards that have it can be opened by nobody then.`,
		Args:    wants("os:SERVICE/NAME"),
		Example: "  desfire key forget os:desfire/old",
		RunE: func(cmd *cobra.Command, args []string) error {
			at, err := osAddress(cmd, args[0])
			if err != nil {
				return err
			}
			if err := a.confirm(cmd, fmt.Sprintf("Take %v out of the keyring of the system? Cards that have this key can only be opened by who has it elsewhere.", at)); err != nil {
				return err
			}
			if err := oskeyring.Delete(cmd.Context(), at); err != nil {
				return badOSKeyring(err)
			}
			r := keyStoreResult{At: at.String()}
			if a.json {
				return a.emit(r)
			}
			a.printf("%s Taken out: %s\n", a.out.Good.Render("+"), a.out.Name.Render(r.At))
			return nil
		},
	}
}

// keyStoreResult is what key store and key forget print with --json.
type keyStoreResult struct {
	At     string         `json:"at"` // os:SERVICE/NAME
	Facts  keystore.Facts `json:"facts"`
	Stored bool           `json:"stored"` // false: it was taken out, and facts are empty
}

// osAddress reads os:SERVICE/NAME.
func osAddress(cmd *cobra.Command, text string) (oskeyring.Address, error) {
	at, err := oskeyring.Parse(text)
	if err != nil {
		err = &usageError{cmd, err}
	}
	return at, err
}

// badOSKeyring is the error of the keyring of the system.
func badOSKeyring(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, oskeyring.ErrTaken):
		return advise(withCode(exitInput, err), "desfire key forget takes it out; or take another name.")
	}
	return withCode(exitInput, err)
}
