package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/centre"
)

// farKeys is --keys of keys in the centre of the fleet.
const farKeys = "nats:"

// keyUsers are those whom the centre may let use keys.
var keyUsers = append([]centre.Role{centre.Agent}, operators...)

// changers are verbs that change keys of cards, and so cannot with keys in the centre.
var changers = []string{"key change", "key set load", "issue", "rotate", "layout apply"}

// centreKeys are keys in the centre of the fleet: it tells nobody which it has, and gives
// no master key.
type centreKeys struct{ *natskeys.Store }

func (centreKeys) Refs() []keystore.Ref { return nil }
func (centreKeys) Masters() []string    { return nil }

func (centreKeys) MasterFacts(context.Context, string) (keystore.Facts, bool) {
	return keystore.Facts{}, false
}

func (centreKeys) Master(context.Context, string) (key.Key, error) {
	return nil, fmt.Errorf("master keys stay in the centre: %w", keystore.ErrNotFound)
}

// Close implements io.Closer. The connection is that of the fleet.
func (centreKeys) Close() error { return nil }

// openCentreKeys is --keys nats:, nil if the verb opens them itself.
func (a *app) openCentreKeys(cmd *cobra.Command) (keyBook, error) {
	if a.keysFile != farKeys {
		return nil, &usageError{cmd, fmt.Errorf("--keys %s: want nats: for the keys in the centre of the fleet, or the name of a keyring", a.keysFile)}
	}
	switch verb := verbOf(cmd); {
	case isChanger(verb):
		return nil, changedByCentre(verb)
	case verb == "agent": // has no fleet file before it joined, and need not reach the centre to begin
		return nil, nil
	}
	conn, f, err := a.joinFleet(cmd.Context(), keyUsers)
	if err != nil {
		return nil, err
	}
	return a.centreKeys(conn, f)
}

// centreKeys are the keys that the owner of a fleet file may use over a connection of its.
func (a *app) centreKeys(conn *nats.Conn, f *centre.File) (keyBook, error) {
	s, err := natskeys.New(conn, f.Fleet, f.Name, &natskeys.Config{OnDenied: func(r keystore.Ref, why error) {
		a.log.Debug(fmt.Sprintf("%s: %v", r.Words(), why))
	}})
	if err != nil {
		return nil, withCode(exitInput, err)
	}
	return centreKeys{s}, nil
}

func isChanger(verb string) bool {
	for _, c := range changers {
		if c == verb {
			return true
		}
	}
	return false
}

// changedByCentre says who changes keys that are in the centre.
func changedByCentre(verb string) error {
	return advise(withCode(exitRight, fmt.Errorf("%s changes keys, and those of the centre (--keys nats:) answer handshakes of cards only: the centre changes them itself, and an agent carries the frames", verb)),
		"desfire fleet keys change AGENT/READER APP KEYNO has it do that.")
}

// badCentreKey is the error of a key in the centre.
func badCentreKey(err error) error {
	var answer *natskeys.AnswerError
	switch {
	case errors.Is(err, natskeys.ErrAway):
		return advise(err, "Does desfire-server run, with --keys and --policy?")
	case errors.As(err, &answer) && answer.Code == remote.KeyPolicy:
		return advise(err, "The policy of the centre says which agent may use which key: desfire-server --policy FILE.")
	}
	return err
}

// codeOfAnswer is the exit code of what the key service answered.
func codeOfAnswer(e *natskeys.AnswerError) int {
	switch e.Code {
	case remote.KeyPolicy, remote.KeyNever, remote.KeyNotFound, remote.KeyNoUID:
		return exitRight
	case remote.KeyProof, remote.KeyOver, remote.KeyLocked:
		return exitAuth
	case remote.KeyBad, remote.KeyUnknown:
		return exitInput
	}
	return exitNoCard
}

// isFar reports whether --keys names no file.
func isFar(keys string) bool { return strings.HasPrefix(keys, farKeys) }
