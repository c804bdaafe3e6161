package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/visible"
)

// Exit codes, those of desfire where they mean the same.
const (
	exitDone   = 0
	exitFailed = 1 // it ran, and failed
	exitUsage  = 2
	exitInUse  = 3 // another program has the folder, or an address
	exitInput  = 9 // an input or a file is bad
)

// codeError is an error with an exit code, and what to do.
type codeError struct {
	code int
	err  error
	next string
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// wrong is an error of the command line.
func wrong(format string, args ...any) error {
	return &codeError{exitUsage, fmt.Errorf(format, args...), "desfire-server --help says how it is called."}
}

// bad is an error of something that was given.
func bad(err error, next string) error {
	if err == nil {
		return nil
	}
	return &codeError{exitInput, err, next}
}

// report prints the error of the run and gives the exit code.
func (a *app) report(err error) int {
	if err == nil || errors.Is(err, context.Canceled) {
		return exitDone
	}
	code, next := exitFailed, ""
	var coded *codeError
	var held *filelock.HeldError
	switch {
	case errors.As(err, &coded):
		code, next = coded.code, coded.next
	case errors.As(err, &held):
		code, next = exitInUse, "Another desfire-server works in this folder. Give this one another --dir, or end that one."
	}
	fmt.Fprintf(a.stderr, "desfire-server: %s\n", visible.Text(strings.ReplaceAll(err.Error(), "\n", "; ")))
	if next != "" {
		fmt.Fprintf(a.stderr, "  %s\n", visible.Text(next))
	}
	return code
}
