package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/phone"
)

func (a *app) phoneCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "phone",
		Short: "Use phones as readers, and be one for another computer",
		Long: `Use phones as readers. "desfire phone pair" lets a phone in, once; from then on
--reader phone: is every phone that is paired, and phone:NAME one of them. While
a verb with such a reader runs, this computer listens at port ` + phone.DefaultPort + ` (or what
"phone pair --listen" said), and the phone connects by itself.

"desfire phone offer" is the other end: it offers the cards of a reader of this
computer to another computer, as a phone does.`,
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.phonePairCommand(), a.phoneListCommand(), a.phoneRevokeCommand(), a.phoneOfferCommand())
	return cmd
}

// errNoState says that there is no folder for what this program keeps.
var errNoState = errors.New("there is no folder for the list of phones: neither XDG_STATE_HOME nor HOME says one")

// openPhones opens the list of phones of this user.
func openPhones() (*phone.Book, error) {
	path := stateFile("phones.json")
	if path == "" {
		return nil, withCode(exitInput, errNoState)
	}
	book, err := phone.OpenBook(path)
	if err != nil {
		return nil, withCode(exitInput, err)
	}
	return book, nil
}
