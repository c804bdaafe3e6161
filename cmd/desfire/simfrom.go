package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// copied is a simulated card that is made of a dump.
type copied struct {
	from   *dump.Dump
	layout *perso.Layout
	lacks  []perso.Note // what of the dump the card does not get
}

// readCopy reads the dump, and what the flags leave open of the card.
func (a *app) readCopy(cmd *cobra.Command, path string, conf *sim.Config) (*copied, error) {
	d, err := a.readDump(cmd.Context(), path)
	if err != nil {
		return nil, err
	}
	a.card = cardOf{}
	a.sayNotes(d)
	c := d.Card
	x := &copied{from: d}
	switch {
	case c.Generation != wire.UnknownGeneration:
	case conf.Generation == wire.UnknownGeneration:
		return nil, advise(withCode(exitInput, fmt.Errorf("%s does not say what card it is of", path)), "--generation says it.")
	default:
		c.Generation = conf.Generation
	}
	if conf.Generation != wire.UnknownGeneration && conf.Generation != c.Generation {
		return nil, &usageError{cmd, fmt.Errorf("--generation %v: the card of %s is %v", conf.Generation, path, c.Generation)}
	}
	conf.Generation = c.Generation
	if n := len(wire.UID{}); conf.UID == nil && len(c.UID) == n {
		conf.UID = c.UID
		if len(c.Signature) > 0 {
			conf.Signature = c.Signature // it signs this UID
		}
	} else if conf.UID == nil {
		x.lack(wire.Place{}, "the dump does not say its UID: it has a random one")
	}
	// Its version in bytes: two blocks of 7, the UID, and 7 more.
	if v := c.Version; len(v) == 28 {
		conf.Hardware, conf.Software, conf.Production = v[:7], v[7:14], v[21:]
	}
	if conf.Storage == 0 && c.StorageExact && c.Generation.FixedMemory() == 0 {
		conf.Storage = c.Storage
	}
	x.assumeKeys()
	if c.RandomID {
		x.lack(wire.Place{}, "the card of the dump shows a random identifier, this one shows its own")
	}
	return x, nil
}

// assumeKeys gives applications key settings where the dump has their files and
// not those, as files of apps for phones: as many keys as the rights name.
func (x *copied) assumeKeys() {
	c := x.from.Card
	if c.Generation.FixedName() != nil {
		return
	}
	t := wire.KeyAES
	if c.Generation == wire.D40 {
		t = wire.KeyDES
	}
	for i := range c.Applications {
		a := &c.Applications[i]
		if a.KeySettings != nil || len(a.Files) == 0 {
			continue
		}
		keys := 1
		for _, f := range a.Files {
			if f.Settings != nil {
				for _, no := range inspect.AbsentKeys(f.Settings, 0) {
					keys = max(keys, int(no)+1)
				}
			}
		}
		if keys > wire.MaxKeys {
			continue
		}
		a.KeySettings = inspect.NewKeySettings(&wire.KeySettings{KS1: wire.SettDefault, KS2: wire.NewKeySett2(t, keys)}, false)
		x.lack(a.Place, fmt.Sprintf("its key settings are not in the dump: it was given %s of type %v, which are zeros", count(keys, "key"), t))
	}
}

func (x *copied) lack(p wire.Place, text string) {
	x.lacks = append(x.lacks, perso.Note{Where: perso.Where{Place: p}, Text: text})
}

// fill makes the card what the dump says, values and records too.
func (x *copied) fill(ctx context.Context, picc *sim.Card) error {
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		return err
	}
	defer card.Close()
	var unknown []perso.Note
	x.layout, unknown = perso.FromCard(x.from.Card)
	for _, n := range unknown {
		// What belongs to a chip, the simulated one has as well; the others are below.
		if !n.Place.IsCard() {
			x.lacks = append(x.lacks, n)
		}
	}
	for _, m := range x.from.Card.Missing {
		if m.What != inspect.PartUID { // said above
			x.lack(wire.Place{}, m.Words())
		}
	}
	plan, err := perso.Apply(ctx, card, x.layout, &perso.Config{Values: true, Want: x.macKeys(), Irreversible: perso.Irreversible()})
	if err != nil {
		return err
	}
	x.lacks = append(x.lacks, plan.Impossible...)
	for _, w := range plan.Warnings {
		if w.File != nil || w.Key != nil {
			x.lacks = append(x.lacks, w)
		}
	}
	return nil
}

// macKeys are keys of zeros for transaction MAC files, with the versions that
// they should have: a card does not take such a file without a key.
func (x *copied) macKeys() keystore.Store {
	keys := keystore.Map{}
	for i := range x.layout.Applications {
		a := &x.layout.Applications[i]
		i := slices.IndexFunc(a.Files, func(f perso.File) bool { return f.Settings.Type == wire.FileTransactionMAC })
		if i < 0 {
			continue
		}
		k, err := key.NewAES(make([]byte, 16), byte(a.Files[i].Settings.TMKeyVersion))
		if err == nil {
			keys[keystore.Ref{Place: a.Place, Key: keystore.RoleTransactionMAC.ID()}] = keystore.Given{Key: k, Source: "zero"}
		}
	}
	return keys
}
