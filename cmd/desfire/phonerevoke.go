package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/phone"
)

func (a *app) phoneRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Take the credential of a phone away",
		Long: `Take the credential of a phone away. A connection that it has with whatever program
of this computer ends at once: no exchange begins any more. To come back it has
to be paired anew.`,
		Args: wants("NAME"),
		Example: `  desfire phone revoke "Pixel 9"
  desfire phone revoke "Pixel 9" --yes --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			book, err := openPhones()
			if err != nil {
				return err
			}
			p, ok, err := book.Phone(args[0])
			if err != nil {
				return withCode(exitInput, err)
			}
			if !ok {
				return noSuchPhone(args[0])
			}
			if err := a.confirm(cmd, fmt.Sprintf("Revoke the phone %q, paired on %s?", p.Name, p.Paired.Local().Format("2006-01-02"))); err != nil {
				return err
			}
			if p, err = book.Revoke(p.Name); err != nil {
				return withCode(exitInput, err)
			}
			if a.json {
				return a.emit(phoneInfo{p.Name, p.Key.String(), p.Paired})
			}
			a.printf("%s is revoked\n", a.out.Name.Render(p.Name))
			return nil
		},
	}
	cmd.ValidArgsFunction = completePhones
	return cmd
}

func noSuchPhone(name string) error {
	return advise(withCode(exitInput, fmt.Errorf("%w: %q", phone.ErrUnknownPhone, name)), "desfire phone list has the names.")
}

// completePhones completes the name of a phone.
func completePhones(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	book, err := openPhones()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all, _ := book.Phones()
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
