package main

import (
	"bufio"
	"errors"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/spf13/cobra"
)

var errNotConfirmed = errors.New("not confirmed: nothing was done")

// confirm asks a question on stderr and reads the answer from the terminal, unless
// --yes gives it. The question says what to type: yes. What comes from elsewhere
// is no answer: it was written before the question.
func (a *app) confirm(cmd *cobra.Command, question string) error {
	switch {
	case a.yes:
		return nil
	case a.present.rehearsed():
		return errRehearsed
	}
	switch {
	case a.noInput:
		return &usageError{cmd, errors.New("--no-input: nobody can be asked; --yes answers the question")}
	case !screen.Terminal(a.stdin):
		a.sayf("%s\n", question)
		return &usageError{cmd, errors.New("there is no terminal on which somebody could answer: --yes answers the question")}
	}
	a.sayf("%s Type yes: ", question)
	line := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(a.stdin)
		in.Scan()
		line <- in.Text()
	}()
	select {
	case answer := <-line:
		if strings.EqualFold(strings.TrimSpace(answer), "yes") {
			return nil
		}
		return withCode(exitInterrupted, errNotConfirmed)
	case <-cmd.Context().Done():
		a.sayf("\n")
		return cmd.Context().Err()
	}
}
