package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/remote/agent"
	"github.com/go-desfire/desfire/remote/centre"
)

// errDebitAlone is --debit without a purse.
var errDebitAlone = errors.New("--debit says what each card pays, and --purse is missing: which purse?")

// makeFolder makes the folder of a file that is this program's own.
func makeFolder(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return withCode(exitInput, err)
	}
	return nil
}

// noJoin explains why a computer could not join.
func noJoin(l centre.Line, err error) error {
	var dial *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &dial):
		return advise(withCode(exitNoCard, err), "Does desfire-server run at %s, and can this computer reach it? The line can be used until its 15 minutes are over.", l.URL)
	}
	return advise(withCode(exitAuth, err), "An operator prints another line: desfire fleet agents token %s.", l.Name)
}

// nameTaken says what to do about another agent of the name.
func nameTaken(f *centre.File, err error) error {
	if !errors.Is(err, agent.ErrNameTaken) {
		return err
	}
	return advise(withCode(exitNoCard, fmt.Errorf("%s: %w", f.Name, err)),
		"A copy of the fleet file on another computer? Give this one its own: desfire fleet agents token NAME.")
}
