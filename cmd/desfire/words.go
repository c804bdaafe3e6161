package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/failure"
	ledger "github.com/go-desfire/desfire/purse"
)

// toolWords is the text of an error for somebody at a command line: what the
// library advises programmers to call, it says in verbs and flags.
func toolWords(err error) string {
	text := err.Error()
	for _, e := range errorsIn(err) {
		if own := ownWords(e); own != "" {
			text = strings.Replace(text, e.Error(), own, 1)
		}
	}
	return text
}

// ownWords are the tool's words for an error of the library; empty if its own
// will do.
func ownWords(err error) string {
	switch e := err.(type) {
	case *desfire.FileSettingsError:
		return fmt.Sprintf("the card does not tell how file %d is protected: %v; an application may tell only its master key: --auth 0 --key", e.File, e.Err)
	case *desfire.ProtectionError:
		switch e.Kind {
		case desfire.ClearKey:
			return fmt.Sprintf("%s was not sent: it carries a key, which would go out in clear: give the key of a session with --key", e.Command)
		case desfire.ClearData:
			return fmt.Sprintf("%s was not sent: the file is enciphered, and its data would go out in clear: give a key that may write it, with --key and --auth", e.Command)
		}
	case *desfire.SessionLostError:
		return fmt.Sprintf("%s was not sent: there is no session to protect it, since %s; run the command again", e.Command, e.Why)
	case *desfire.BrokenError:
		return fmt.Sprintf("%s was not sent: %s; look at the card before running the command again", e.Command, e.Why)
	case *desfire.NoRightError:
		return fmt.Sprintf("%s was not sent: key %d has no right to it on file %d (%v): give a key that has, with --key and --auth", e.Command, e.Key, e.File, e.Access)
	}
	return ""
}

// errorsIn are the errors of a tree, the outermost first.
func errorsIn(err error) []error {
	all := []error{err}
	for _, inner := range failure.Wrapped(err) {
		all = append(all, errorsIn(inner)...)
	}
	return all
}

// inDoubt reports whether something may have been done to the card, or a part
// of it: running the command again could do it twice.
func inDoubt(err error) bool {
	return errors.As(err, new(*desfire.OutcomeUnknownError)) || errors.As(err, new(*desfire.PartialWriteError)) ||
		errors.As(err, new(*ledger.InDoubtError))
}
