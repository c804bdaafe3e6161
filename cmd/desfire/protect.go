package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// What the user demands of sessions, and what he is told of them.

// weakestMethods are the values of --weakest, the weakest first.
var weakestMethods = [...]key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First, key.MethodLRPFirst}

func weakestNames() []string {
	var names []string
	for _, m := range weakestMethods {
		names = append(names, strings.ToLower(m.String()))
	}
	return names
}

// readWeakest reads --weakest.
func (a *app) readWeakest(cmd *cobra.Command) error {
	for _, m := range weakestMethods {
		if strings.EqualFold(m.String(), a.weakestName) {
			a.weakest = m
			return nil
		}
	}
	return &usageError{cmd, fmt.Errorf("--weakest %q: want %s", keystore.Hide(a.weakestName), strings.Join(weakestNames(), ", "))}
}

// weakMethod says how an authentication that was too weak would be accepted.
func weakMethod(err error) error {
	var weak *desfire.WeakMethodError
	if errors.As(err, &weak) {
		return fmt.Errorf("%w; if the card is as old as it says, --weakest %s accepts it", err, strings.ToLower(weak.Method.String()))
	}
	return err
}

// cardConfig is how every card is connected to. observe may be nil.
func (a *app) cardConfig(observe func(*desfire.Exchange)) *desfire.Config {
	return &desfire.Config{Logger: a.log, Weakest: a.weakest, Observe: func(x *desfire.Exchange) {
		if x.Unprotected {
			a.unprotected.Store(true)
		}
		if observe != nil {
			observe(x)
		}
	}}
}

// warnUnprotected says that a session protected less than it looks.
func (a *app) warnUnprotected() {
	if a.unprotected.Load() && !a.json {
		a.log.Warn("the session is of the D40 kind, which does not protect the settings of files: data went in plain because of settings that may be forged")
	}
}

// readerIDFlag is --reader-id of verbs that commit.
func (a *app) readerIDFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.readerIDText, "reader-id", "", "name this reader in the transaction, 16 bytes in `HEX`, where a transaction MAC file wants it (DESFire Light)")
}

// readReaderID reads --reader-id.
func (a *app) readReaderID(cmd *cobra.Command) error {
	if a.readerIDText == "" {
		return nil
	}
	b, err := parseHex(a.readerIDText)
	if err != nil || len(b) != len(wire.CommitReaderID{}.TMRI) {
		return &usageError{cmd, fmt.Errorf("--reader-id %q: want 16 bytes in hexadecimal", keystore.Hide(a.readerIDText))}
	}
	a.readerID = &wire.CommitReaderID{TMRI: [16]byte(b)}
	return nil
}

// wantsReader says what a commit that was refused may have lacked.
func (a *app) wantsReader(err error) error {
	var refused *desfire.CommandError
	if a.readerID == nil && errors.As(err, &refused) && refused.Command == "CommitTransaction" && refused.Status == wire.StatusPermissionDenied {
		return advise(err, "--reader-id names it, where the transaction MAC file wants to know the reader, as on a DESFire Light.")
	}
	return err
}

// nameReader does what --reader-id says, before a commit.
func (a *app) nameReader(ctx context.Context, card *desfire.Card) error {
	if a.readerID == nil {
		return nil
	}
	_, err := desfire.Do(ctx, card, a.readerID)
	return err
}
