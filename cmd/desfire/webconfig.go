package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// webKeys gives the page the keys of the run: --key, or the keyring.
func (a *app) webKeys(conf *web.Config) {
	switch {
	case a.key != nil:
		conf.Keys = unlock.One(wire.KeyNo(a.keyNo), a.key, keystore.SourceOf(a.keySpec))
		conf.KeyNames = func(context.Context) ([]web.KeyName, error) {
			return []web.KeyName{{Name: fmt.Sprintf("--key, key %d", a.keyNo), Type: a.key.Type(), Facts: a.keyFacts, Source: a.keyFacts.Source}}, nil
		}
		if s, ok := a.key.(*key.Secret); ok {
			conf.TraceKeys = func(context.Context, []byte) []trace.Key {
				return []trace.Key{{No: int(a.keyNo), Value: s, Note: "--key"}}
			}
		}
	case a.ring != nil:
		conf.Keys = a.ring
		conf.KeyNames = a.ring.names
		conf.TraceKeys = a.ring.traceKeys
	}
}

// names are the keys of the keyring, as the page lists them.
func (r *ring) names(ctx context.Context) (list []web.KeyName, err error) {
	for _, ref := range r.Refs() {
		f, ok, err := r.Has(ctx, ref)
		if err != nil || !ok {
			continue // it says so where it is used
		}
		n := web.KeyName{Name: ref.Key.Words(), Facts: f, Source: f.Source}
		if !ref.Place.IsCard() {
			n.Name = ref.Place.String() + ", " + n.Name
		}
		list = append(list, n)
	}
	for _, name := range r.Masters() {
		if f, ok := r.MasterFacts(ctx, name); ok {
			list = append(list, web.KeyName{Name: name, Facts: f, Source: f.Source})
		}
	}
	return list, nil
}

// traceKeys are the keys of a card whose bytes this program has anyway: no program is
// run for them, and nobody is asked.
func (r *ring) traceKeys(ctx context.Context, uid []byte) (list []trace.Key) {
	for _, ref := range r.Refs() {
		_, no, ok := ref.Key.Number()
		if !ok || ref.UID != "" && ref.UID != keystore.UID(uid) {
			continue
		}
		ref.UID = keystore.UID(uid)
		slots, err := r.keyBook.Slots(ctx, ref) // what is in rotation, too
		if err != nil {
			continue
		}
		for _, slot := range slots {
			if slot.Facts.Check == (key.CheckValue{}) {
				continue // somebody would be asked for it
			}
			k, err := slot.Key(ctx)
			s, ok := k.(*key.Secret)
			if err != nil || !ok {
				continue
			}
			t := trace.Key{No: int(no), Value: s, Note: slot.Facts.Source}
			if aid := ref.Place.AID; !ref.Place.Fixed && ref.Place.Name == "" {
				t.App = &[3]byte{byte(aid), byte(aid >> 8), byte(aid >> 16)}
			}
			list = append(list, t)
		}
	}
	return list
}

// webJournals opens the journals of purse and keys. One that another program has is an
// error if it was named, and else the page does without. done closes them.
func (a *app) webJournals(cmd *cobra.Command, f *webFlags, conf *web.Config) (done func(), err error) {
	var open []interface{ Close() error }
	done = func() {
		for _, j := range open {
			if err := j.Close(); err != nil {
				a.log.Warn("a journal could not be closed", "err", text(err))
			}
		}
	}
	p, err := a.webPurse(cmd, f)
	if err != nil {
		return nil, err
	}
	if p != nil {
		open = append(open, p.journal)
		conf.Journal, conf.Purse = p.journal, p.conf
	}
	keys, err := a.webKeyJournal(cmd, f)
	if err != nil {
		done()
		return nil, err
	}
	if keys != nil {
		open = append(open, keys)
		conf.KeyJournal = keys
	}
	return done, nil
}

// webPurse is the purse of --journal; nil if there is none, or another program has the
// usual one.
func (a *app) webPurse(cmd *cobra.Command, f *webFlags) (*purseFile, error) {
	path, err := pursePath(f.journal)
	if f.journal == "" {
		if err != nil {
			return nil, nil
		}
		if _, err := os.Stat(layoutName(path)); errors.Is(err, fs.ErrNotExist) {
			return nil, nil // no purse was ever made
		}
	}
	p, err := a.openPurse(cmd, f.journal, false)
	if held := (*boltjournal.LockedError)(nil); f.journal == "" && errors.As(err, &held) {
		a.log.Warn("the page does without the journal of the purse: " + text(held))
		return nil, nil
	}
	return p, err
}

// webKeyJournal is the journal of key changes; nil if another program has the usual one.
func (a *app) webKeyJournal(cmd *cobra.Command, f *webFlags) (*rekey.FileJournal, error) {
	path := f.keyJournal
	if path == "" {
		var err error
		if path, err = defaultJournal(); err != nil {
			a.log.Warn("the page changes no keys: " + text(err))
			return nil, nil
		}
	}
	j, err := openJournal(path)
	if err != nil && f.keyJournal == "" {
		a.log.Warn("the page changes no keys: " + text(err))
		return nil, nil
	}
	return j, err
}
