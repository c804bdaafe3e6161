package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// pageAnswer is where the page is.
type pageAnswer struct {
	Address string `json:"address"`
}

func (a *app) pageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "page",
		Short: "Print an address of the page",
		Long: `Print an address of the page of the centre that is running. Where the page is
for this machine only it works once, and for a minute: who has it first has the
page.`,
		Args:    cobra.NoArgs,
		Example: "  desfire-server page",
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, done, err := a.client(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			var answer pageAnswer
			if err := client.Ask(cmd.Context(), askPage, struct{}{}, &answer); err != nil {
				return err
			}
			a.printf("%s\n", answer.Address)
			return nil
		},
	}
}

// askPage is the question for an address of the page. It is none of those that viewers may
// ask.
const askPage = "page"

// answer gives an address of the page to those who run the centre.
func (p *page) answer(context.Context, []byte) (any, error) {
	if p == nil {
		return nil, errors.New("this centre has no page: it runs with --page off")
	}
	return pageAnswer{p.address()}, nil
}
