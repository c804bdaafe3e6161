package inspect

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// application asks an application.
func (r *reader) application(ctx context.Context, app *Application) error {
	if !r.asks(AskKeySettings | AskFiles | AskKeyVersions | AskContent) {
		return nil
	}
	if err := r.enter(ctx, app.Place); err != nil {
		return err
	}
	g := r.card.Generation()
	fixed := g.FixedName() != nil
	keys := 0
	if fixed {
		keys = wire.FixedKeys
		if app.Place.Fixed {
			app.DFName = append(Hex(nil), g.FixedName()...)
		}
	}
	const master = "key 0"
	if r.asks(AskKeySettings) && g.Has(wire.FeatureClassic) {
		_, err := r.ask(ctx, &app.Missing, PartKeySettings, master, func() error {
			s, err := r.card.KeySettings(ctx)
			if err == nil {
				app.KeySettings, keys = NewKeySettings(s, false), s.KS2.Keys()
				app.KeySettings.Proven = r.proven()
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if r.asks(AskKeyVersions) {
		if err := r.keyVersions(ctx, keys, &app.KeyVersions, &app.Missing); err != nil {
			return err
		}
	}
	if k := app.KeySettings; r.asks(AskKeySets) && k != nil && k.Sets != nil {
		_, err := r.ask(ctx, &app.Missing, PartKeySets, master, func() error {
			versions, err := r.card.KeySetVersions(ctx)
			for no, v := range versions {
				app.KeySets = append(app.KeySets, KeySet{no, byte(v)})
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if !r.asks(AskFiles | AskContent) {
		return nil
	}
	numbers, ids, err := r.fileNumbers(ctx, app)
	if err != nil {
		return err
	}
	for i, no := range numbers {
		if slices.Contains(numbers[:i], no) { // a list may be forged
			continue
		}
		f, err := r.file(ctx, no)
		f.ISOID = newISOID(ids[no])
		app.Files = append(app.Files, f)
		if err != nil {
			return err
		}
	}
	if err := r.isoFiles(ctx, app); err != nil {
		return err
	}
	for i := range app.Files {
		if err := r.closed(ctx, &app.Files[i]); err != nil {
			return err
		}
	}
	return nil
}

// isoFiles asks for the ISO identifiers of the files. A card lists those of the
// files that can have one, in the order of its list of files (recorded in
// AN12343, tables 12 and 13). Whether an application has any, its key settings do
// not tell on real cards: proxmark3's example of a dump made one with them, and
// has key setting 2 without the bit.
func (r *reader) isoFiles(ctx context.Context, app *Application) error {
	if g := r.card.Generation(); !r.asks(AskISOFiles) || g.FixedFiles() != nil || !g.Has(wire.FeatureISOFiles) {
		return nil
	}
	var named []*File
	for i := range app.Files {
		f := &app.Files[i]
		switch {
		case f.Settings == nil: // whether it is among them is not known
			app.Missing = append(app.Missing, Missing{What: PartISOFiles, Reason: fmt.Sprintf("the type of file %d is not known", f.No)})
			return nil
		case f.Settings.Type != wire.FileValue && f.Settings.Type != wire.FileTransactionMAC:
			named = append(named, f)
		}
	}
	if named == nil {
		return nil
	}
	_, err := r.ask(ctx, &app.Missing, PartISOFiles, "key 0", func() error {
		m, err := desfire.Do(ctx, r.card, &wire.GetISOFileIDs{})
		switch {
		case err != nil:
			return err
		case len(m.FIDs) == 0:
			return nil
		case len(m.FIDs) != len(named):
			app.Missing = append(app.Missing, Missing{What: PartISOFiles, Reason: fmt.Sprintf("the card lists %s for %s", count(len(m.FIDs), "identifier"), count(len(named), "file"))})
			return nil
		}
		for i, id := range m.FIDs {
			named[i].ISOID = newISOID(id)
		}
		return nil
	})
	return err
}

// fileNumbers are the files of an application; ids are known of cards that come
// with theirs.
func (r *reader) fileNumbers(ctx context.Context, app *Application) (numbers []wire.FileNo, ids map[wire.FileNo]wire.ISOFID, err error) {
	g := r.card.Generation()
	ids = map[wire.FileNo]wire.ISOFID{}
	for _, f := range g.FixedFiles() {
		ids[f.No] = f.FID
		numbers = append(numbers, f.No)
	}
	ok := true
	if g.Has(wire.FeatureFiles) {
		ok, err = r.ask(ctx, &app.Missing, PartFiles, "key 0", func() (err error) {
			numbers, err = r.card.Files(ctx)
			return err
		})
	}
	if !ok || err != nil {
		return nil, nil, err
	}
	app.Files = []File{}
	return numbers, ids, nil
}

// file asks one file.
func (r *reader) file(ctx context.Context, no wire.FileNo) (File, error) {
	f := File{No: no}
	ok, err := r.ask(ctx, &f.Missing, PartSettings, "key 0", func() error {
		fs, err := r.card.FileSettings(ctx, no)
		if err == nil {
			f = NewFile(no, fs)
			f.Proven = r.proven()
		}
		return err
	})
	if ok && err == nil && r.asks(AskContent) {
		err = r.content(ctx, &f)
	}
	if ok && err == nil && r.asks(AskCounters) && f.SDM != nil {
		err = r.counter(ctx, &f)
	}
	return f, err
}

// keyVersions asks for the versions of the first n keys.
func (r *reader) keyVersions(ctx context.Context, n int, to *[]KeyVersion, missing *[]Missing) error {
	if n == 0 && find(*missing, PartKeySettings) != nil {
		*missing = append(*missing, Missing{What: PartKeyVersions, Reason: "how many keys there are is not known"})
	}
	for no := range n {
		ok, err := r.ask(ctx, missing, PartKeyVersions, "key 0", func() error {
			v, err := r.card.KeyVersion(ctx, wire.KeyNo(no))
			if err == nil {
				*to = append(*to, KeyVersion{no, v})
			}
			return err
		})
		if !ok || err != nil {
			return err
		}
	}
	return nil
}
