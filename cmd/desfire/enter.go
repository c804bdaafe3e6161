package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// A verb enters an application, or the card level, here and nowhere else: what
// --key, --auth, --keys and --plain say happens in these functions. Which key
// has which right is the business of package unlock.

// readKey reads --key.
func (a *app) readKey(cmd *cobra.Command) error {
	switch {
	case a.key != nil:
		return nil // it was read before
	case a.keySpec == "" && cmd.Root().PersistentFlags().Changed("auth"):
		return &usageError{cmd, errors.New("--auth says which key of the card --key is: --key is missing")}
	case a.keySpec == "":
		return nil
	}
	if digits, _, ok := strings.Cut(a.keySpec, "="); ok && strings.Trim(digits, "0123456789") == "" {
		if _, err := parseUint(digits, 8); err != nil {
			return &usageError{cmd, fmt.Errorf("--key %s=: want a key number, 0 to %d%s", digits, maxKey, zeroed(err))}
		}
	}
	if no, spec, ok := numbered(a.keySpec); ok {
		if cmd.Root().PersistentFlags().Changed("auth") && no != a.keyNo {
			return &usageError{cmd, fmt.Errorf("--key %d= and --auth %d name two keys: want one of them", no, a.keyNo)}
		}
		a.keyNo, a.keySpec = no, spec
	}
	if a.keyNo > maxKey {
		return &usageError{cmd, fmt.Errorf("--auth %d: want a key number, 0 to %d", a.keyNo, maxKey)}
	}
	given := keySpec{flag: "key", spec: a.keySpec}
	if err := a.readKeys(cmd, &given); err != nil {
		return err
	}
	a.key, a.keyFacts = given.key, given.facts()
	return nil
}

// numbered takes N=SPEC apart.
func numbered(s string) (no uint8, spec string, ok bool) {
	digits, spec, ok := strings.Cut(s, "=")
	n, err := parseUint(strings.TrimSpace(digits), 8)
	return uint8(n), spec, ok && err == nil
}

// maxKey is the largest key number that authenticates to an application.
const maxKey = wire.MaxKeys - 1

// keyed reports whether there are keys to open a session with.
func (a *app) keyed() bool { return a.key != nil || a.ring != nil }

// opener opens sessions with --key, or else with the keyring.
func (a *app) opener(card *desfire.Card) *unlock.Opener {
	o := &unlock.Opener{Plain: a.plain, Force: a.force, UID: a.sessions.uid(card)}
	if a.key != nil {
		o.Store = unlock.One(wire.KeyNo(a.keyNo), a.key, keystore.SourceOf(a.keySpec))
		return o
	}
	o.OnChoice = a.tellChoice
	switch {
	case a.layoutKeys != nil:
		o.Store = a.layoutKeys
	case a.ring != nil:
		o.Store = a.ring
	}
	return o
}

// tellChoice says which key of the keyring is used, and what for.
func (a *app) tellChoice(c unlock.Choice) {
	a.chosen = c
	text := c.String()
	if a.json || a.told == text {
		return
	}
	a.told = text
	a.sayf("%s\n", a.err.Dim.Render(text))
}

// enter selects a place, and authenticates if there is a key. With a keyring it
// takes the key that may do what is needed there.
func (a *app) enter(ctx context.Context, card *desfire.Card, p wire.Place, need unlock.Need) error {
	if err := checkPlace(card, p); err != nil {
		return err
	}
	var err error
	switch {
	case a.key != nil:
		err = a.opener(card).Key(ctx, card, p, wire.KeyNo(a.keyNo))
	case a.ring != nil:
		err = a.withUID(ctx, card, p, func(o *unlock.Opener) error { return o.Place(ctx, card, p, need) })
	default:
		return selectPlace(ctx, card, p)
	}
	if err != nil {
		return a.entered(ctx, card, p, err)
	}
	a.logSession(card)
	return nil
}

// enterCard is enter at the card level, where a card begins.
func (a *app) enterCard(ctx context.Context, card *desfire.Card, need unlock.Need) error {
	if !a.keyed() {
		return nil
	}
	return a.enter(ctx, card, wire.Place{}, need)
}

// enterFile enters an application to do something with a file, and returns the
// settings of that. They are asked for in the session: what a card says before
// one can be forged, and must not decide how the session treats the file.
func (a *app) enterFile(ctx context.Context, card *desfire.Card, t target, acts ...inspect.Act) (*wire.FileSettings, error) {
	if err := checkPlace(card, t.app); err != nil {
		return nil, err
	}
	var fs *wire.FileSettings
	var err error
	switch {
	case a.key != nil:
		if err = a.opener(card).Key(ctx, card, t.app, wire.KeyNo(a.keyNo)); err == nil {
			if fs, err = card.FileSettings(ctx, t.file); err == nil {
				err = entitled(card, t, fs, acts)
			}
		}
	case a.ring != nil:
		err = a.withUID(ctx, card, t.app, func(o *unlock.Opener) (err error) {
			fs, err = o.File(ctx, card, t.app, t.file, acts...)
			return err
		})
		if never := (*unlock.NeverError)(nil); errors.As(err, &never) && never.Unknown && len(acts) == 1 && otherwise[acts[0]] != "" {
			fs, err = a.opener(card).File(ctx, card, t.app, t.file, otherwise[acts[0]])
		}
	default:
		if err := selectPlace(ctx, card, t.app); err != nil {
			return nil, err
		}
		if fs, err = card.FileSettings(ctx, t.file); err == nil {
			err = free(t, fs, acts)
		}
	}
	switch {
	case errors.Is(err, wire.StatusFileNotFound) || errors.Is(err, wire.StatusParameterError):
		return nil, withCode(exitRefused, fmt.Errorf("%s has no file %d: desfire ls shows what it has", t.app.Words(), t.file))
	case hidden(err):
		return nil, advise(err, "The card tells the settings of files in %v to key 0 only. Add: --key 0=@FILE, or a keyring with --keys.", t.app.Words())
	case err != nil:
		return nil, a.entered(ctx, card, t.app, err)
	}
	a.logSession(card)
	return fs, nil
}

// hidden reports whether the card does not tell everybody the settings of a file.
func hidden(err error) bool {
	var refused *desfire.CommandError
	return errors.As(err, &refused) && refused.Command == "GetFileSettings" && refused.Status == wire.StatusAuthenticationError
}

// otherwise is what reading and writing is with files of other types than data.
var otherwise = map[inspect.Act]inspect.Act{inspect.ActRead: inspect.ActGetValue, inspect.ActWrite: inspect.ActAppend}

// grantOf is who may do something with a file. known is false if there is no such
// act with a file of this type.
func grantOf(fs *wire.FileSettings, act inspect.Act) (g inspect.Grant, known bool) {
	rights := inspect.RightsOf(fs)
	if g, known = rights.Of(act); !known {
		g, known = rights.Of(otherwise[act])
	}
	return g, known
}

// free is the error of acts that a file does not allow without a key.
func free(t target, fs *wire.FileSettings, acts []inspect.Act) error {
	for _, act := range acts {
		g, known := grantOf(fs, act)
		shown := act == inspect.ActRead && fs.SDM != nil && fs.SDM.Access.FileRead() != wire.Never // command reference 13.3
		switch {
		case !known || g.Free || shown:
		case !g.Possible():
			return withCode(exitRight, errors.New(unlock.Sentence(t.app, t.file, g)))
		default:
			return advise(withCode(exitRight, errors.New(unlock.Sentence(t.app, t.file, g))),
				"Add: --key %d=@FILE, or a keyring with --keys.", g.Keys[0])
		}
	}
	return nil
}

// entitled is the error of acts to which the key of the session has no right.
func entitled(card *desfire.Card, t target, fs *wire.FileSettings, acts []inspect.Act) error {
	s, ok := card.Session()
	if !ok {
		return free(t, fs, acts)
	}
	for _, act := range acts {
		g, known := grantOf(fs, act)
		switch {
		case !known || g.Allows(s.KeyNo):
		case !g.Possible():
			return withCode(exitRight, errors.New(unlock.Sentence(t.app, t.file, g)))
		default:
			return advise(withCode(exitRight, fmt.Errorf("%s, and --key is key %d", unlock.Sentence(t.app, t.file, g), s.KeyNo)),
				"Give that one: --key %d=@FILE, or a keyring with --keys.", g.Keys[0])
		}
	}
	return nil
}

// entered explains why an application could not be entered.
func (a *app) entered(ctx context.Context, card *desfire.Card, p wire.Place, err error) error {
	var refused *unlock.RefusedKeyError
	var mismatch *unlock.MismatchError
	switch {
	case noSuchPlace(err):
		return missingPlace(ctx, card, p, err)
	case errors.As(err, &refused):
		if weak := weakMethod(err); weak != err {
			return weak
		}
		with := ""
		if a.key != nil {
			if spec := (keySpec{spec: a.keySpec}); keystore.SourceOf(a.keySpec) != "" {
				with = " --key " + spec.arg()
			}
		}
		return advise(err, "Is it another key? desfire auth diagnose %v %d%s looks for the reason.", p, refused.No, with)
	case errors.As(err, &mismatch):
		return advise(err, "--force tries it all the same.")
	case errors.As(err, new(*unlock.PlainError)):
		return advise(err, "--plain goes on without a session.")
	}
	return weakMethod(err)
}

func (a *app) logSession(card *desfire.Card) {
	if s, ok := card.Session(); ok {
		a.log.Debug("authenticated", "key", s.KeyNo, "method", s.Method, "application", card.Application())
	}
}
