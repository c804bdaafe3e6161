package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/phone"
)

// phoneInfo is one line of phone list --json.
type phoneInfo struct {
	Phone  string    `json:"phone"`
	Key    string    `json:"key"` // fingerprint of its key
	Paired time.Time `json:"paired"`
}

func (a *app) phoneListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the phones that are paired with this computer",
		Long: `List the phones that are paired with this computer, with the fingerprints of their
keys. Which of them are connected says "desfire readers --reader phone:".`,
		Args: wants(),
		Example: `  desfire phone list
  desfire phone list --json`,
		RunE: func(*cobra.Command, []string) error {
			book, err := openPhones()
			if err != nil {
				return err
			}
			all, err := book.Phones()
			if err != nil {
				return withCode(exitInput, err)
			}
			return a.printPhones(all)
		},
	}
}

func (a *app) printPhones(all []phone.Phone) error {
	var rows [][]string
	for _, p := range all {
		if a.json {
			if err := a.emit(phoneInfo{p.Name, p.Key.String(), p.Paired}); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{p.Name, p.Paired.Local().Format(time.DateTime), p.Key.String()[:16]})
	}
	switch {
	case a.json:
	case len(rows) == 0:
		a.sayf("No phone is paired with this computer. desfire phone pair lets one in.\n")
	default:
		a.printTable([]string{"PHONE", "PAIRED", "KEY"}, rows)
	}
	return nil
}
