package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
)

// diagnosed adds to the error of a verb that a card refused what its recording
// tells of the reason: that of --trace=FILE.
func (a *app) diagnosed(err error) error {
	if !errors.As(err, new(*desfire.CommandError)) && !errors.As(err, new(*statusError)) {
		return err
	}
	cfg := diagnose.Config{DefaultKeys: true}
	if secret, ok := a.key.(*key.Secret); ok {
		cfg.Keys = append(cfg.Keys, trace.Key{No: -1, Value: secret})
	}
	f := diagnose.Recording(a.recorder.Recording(), &cfg).Last()
	if f == nil || f.Sure == diagnose.Possible {
		return err
	}
	next := fmt.Sprintf("%v, by exchange %d of the recording: %s %s", f.Sure, f.Exchange, f.Text, f.Next)
	var before *adviceError
	if errors.As(err, &before) {
		next = strings.TrimSuffix(before.next, ".") + ". " + next
	}
	return advise(err, "%s", next)
}
