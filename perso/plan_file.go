package perso

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// files plans the files of an application. The transaction MAC file comes last,
// so that what is written before needs no reader that is named.
func (p *planner) files(ctx context.Context, a *Application, is *inspect.Application) error {
	if is != nil && is.Files == nil && len(a.Files) > 0 {
		p.impossible(at(a.Place), "its files are not known%s", because(is.MissingPart(inspect.PartFiles)))
		return nil
	}
	for _, macs := range []bool{false, true} {
		for i := range a.Files {
			f := &a.Files[i]
			if (f.Settings.Type == wire.FileTransactionMAC) != macs {
				continue
			}
			x := filePlan{planner: p, app: a, file: f, here: at(a.Place).file(f.No)}
			if is != nil {
				x.is = find(is.Files, func(y *inspect.File) bool { return y.No == f.No })
				x.mac = find(is.Files, func(y *inspect.File) bool {
					return y.Settings != nil && y.Settings.Type == wire.FileTransactionMAC && !p.deleted(at(a.Place).file(y.No))
				})
				x.settings, x.missing = is.KeySettings, is.MissingPart(inspect.PartISOFiles)
			}
			if err := x.all(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// filePlan plans one file.
type filePlan struct {
	*planner
	app      *Application
	file     *File
	here     Where
	is       *inspect.File        // nil: it is to be made
	mac      *inspect.File        // the transaction MAC file that is there, nil for none
	settings *inspect.KeySettings // of the application, nil if it is to be made, or not known
	begins   bool                 // the data are those that only a new file is given
	missing  *inspect.Missing     // why ISO identifiers of files are not known
}

func (x *filePlan) all(ctx context.Context) error {
	if reason := x.file.lacks(x.planner.is.Generation); reason != "" {
		x.impossible(x.here, "%s", reason)
		return nil
	}
	if handled, err := x.lightMAC(ctx); err != nil || handled {
		return err
	}
	if x.is == nil && x.file.begins() {
		return x.withFirst().create(ctx)
	}
	if x.is == nil {
		return x.create(ctx)
	}
	if x.is.Settings == nil {
		x.impossible(x.here, "its settings are not known%s", because(x.is.MissingPart(inspect.PartSettings)))
		return nil
	}
	x, err := x.unfinished(ctx)
	if err != nil {
		return err
	}
	return x.adapt(ctx)
}

// can finds who may do something under some rights.
func (x *filePlan) can(ctx context.Context, fs *wire.FileSettings, act inspect.Act) (who, bool, error) {
	g, _ := inspect.RightsOf(fs).Of(act)
	return x.by(ctx, x.app.Place, g)
}

// master is a set of rights for the master key, while a file is made.
var master = wire.AccessRights{}

// create plans a new file: with its final rights, if what comes after can be
// done under them, else with rights for the master key that become the final
// ones last.
func (x *filePlan) create(ctx context.Context) error {
	f, final := x.file, &x.file.Settings
	g := x.planner.is.Generation
	if g.FixedName() != nil && !(g == wire.Light && final.Type == wire.FileTransactionMAC) {
		x.impossible(x.here, "a card of type %v takes no files", g)
		return nil
	}
	if s := x.settings; s != nil && s.ISOFiles && f.mayHaveISOID() && f.ISOID == 0 {
		x.impossible(x.here, "files of this application have ISO identifiers, and the layout does not say which")
		return nil
	}
	as, ok, err := x.creator(ctx)
	if err != nil || !ok {
		return err
	}
	if final.Type == wire.FileTransactionMAC {
		if ok, err := x.macKey(ctx); err != nil || !ok {
			return err
		}
	}
	made := createdWith(final, final.Access)
	content := x.contents()
	later := len(changes(&made, final)) > 0
	temporary := false
	if content != "" {
		_, can, err := x.can(ctx, &made, x.act())
		if err != nil {
			return err
		}
		temporary = !can
	}
	if later {
		_, can, err := x.can(ctx, &made, inspect.ActChange)
		if err != nil {
			return err
		}
		temporary = temporary || !can
	}
	if temporary = temporary || x.begins; temporary {
		if hand, err := x.atHand(ctx, slot{x.app.Place, 0}); err != nil {
			return err
		} else if !hand {
			x.impossible(x.here, "with its final rights nobody could write it, and the master key, for which it would be made first, is not at hand")
			return nil
		}
		access := master
		if x.begins {
			access = x.file.making()
		}
		if final.Type == wire.FileTransactionMAC {
			access.Write, access.ReadWrite = wire.Never, wire.Never
		}
		made = createdWith(final, access)
		later = true
	}
	if !x.allocate(x.here, f.cost()) {
		return nil
	}
	value := x.initial()
	counted := as
	if hand, err := x.atHand(ctx, slot{x.app.Place, 0}); err != nil {
		return err
	} else if hand && x.at != x.app.Place {
		counted = who{no: 0} // what is free is done in a session all the same
	}
	x.step(Step{
		Where: x.here, Kind: CreateFile, Words: x.createWords(value), Exchanges: 1, Bytes: x.taken(f.cost()),
		do: func(ctx context.Context, r *runner) error { return r.createFile(ctx, x.app, f, made, value, as) },
	}, counted)
	if content != "" {
		if err := x.write(ctx, &made, x.startsEmpty()); err != nil {
			return err
		}
	}
	if later {
		_, err = x.change(ctx, &made)
	}
	return err
}

// taken is what of n bytes the card gives out: a delegated application has its own.
func (x *filePlan) taken(n int) int {
	if _, delegated := x.quota[x.app.Place]; delegated {
		return 0
	}
	return n
}

// startsEmpty is what a new file holds.
func (x *filePlan) startsEmpty() content { return content{known: true} }

// createdWith are the settings of a file that has just been made: what only
// ChangeFileSettings can set is not there.
func createdWith(final *wire.FileSettings, access wire.AccessRights) wire.FileSettings {
	made := final.Clone()
	made.Access, made.Additional, made.SDM, made.Limit = access, nil, nil, wire.TMCLimit{}
	made.Option &= 3 | wire.OptionTMIExclude
	if final.SDM != nil || final.Option.Has(wire.OptionSDM) {
		made.Option |= wire.OptionSDM
	}
	if access.ReadWrite == wire.Free {
		made.Option &^= wire.OptionTMIExclude
	}
	return made
}

// creator is who may make files.
func (x *filePlan) creator(ctx context.Context) (as who, ok bool, err error) {
	told := keySett1(x.settings)
	if told == nil && x.fresh[x.app.Place] {
		told = x.app.KeySettings
	}
	if told != nil && told.Has(wire.SettFreeCreate) && x.file.Settings.Type != wire.FileTransactionMAC {
		return who{free: true}, true, nil
	}
	hand, err := x.atHand(ctx, slot{x.app.Place, 0})
	if err == nil && !hand {
		x.impossible(x.here, "files are made with the master key only, which is not at hand")
	}
	return who{no: 0}, hand, err
}

// macKey reports whether there is a key for a new transaction MAC file, and none
// of another file in the way.
func (x *filePlan) macKey(ctx context.Context) (bool, error) {
	if x.mac != nil {
		x.impossible(x.here, "the application has a transaction MAC file, number %d: only deleting it would help", uint8(x.mac.No))
		return false, nil
	}
	k, source, ok, err := take(ctx, x.conf.Want, x.tmacRef(x.app.Place))
	switch {
	case err != nil:
		return false, err
	case !ok:
		x.impossible(x.here, "the key store has no key for it: %v", x.tmacRef(x.app.Place))
		return false, nil
	case noBytes(k, source) != "":
		x.impossible(x.here, "%s", noBytes(k, source))
		return false, nil
	case uint8(x.file.Settings.TMKeyVersion) != k.Version():
		x.warn(x.here, "the layout says key version %v, the key store has %02X: that one is taken", x.file.Settings.TMKeyVersion, k.Version())
	}
	return true, nil
}

// initial is the value of a new value file.
func (x *filePlan) initial() int32 {
	s := &x.file.Settings
	if x.file.First != nil {
		return *x.file.First
	}
	if x.file.Value == nil || !x.conf.Values {
		return min(max(0, s.Lower), s.Upper)
	}
	return *x.file.Value
}

func (x *filePlan) createWords(value int32) string {
	s := &x.file.Settings
	words := fmt.Sprintf("create %v: %v", x.here, s.Type)
	switch s.Type {
	case wire.FileStandard, wire.FileBackup:
		words += fmt.Sprintf(", %s", plural(int(s.Size), "byte"))
	case wire.FileValue:
		words += fmt.Sprintf(", %d to %d, value %d", s.Lower, s.Upper, value)
		if x.file.Value != nil && *x.file.Value != value {
			x.warn(x.here, "its value %d is not restored", *x.file.Value)
		}
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		words += fmt.Sprintf(", %d records of %s", s.MaxRecords, plural(int(s.RecordSize), "byte"))
		if len(x.file.Records) > 0 && !x.conf.Values {
			verb := "are"
			if len(x.file.Records) == 1 {
				verb = "is"
			}
			x.warn(x.here, "its %s %s not restored", plural(len(x.file.Records), "record"), verb)
		}
	}
	return words + fmt.Sprintf(", mode %v", s.Comm())
}

// act is what writing its content is called.
func (x *filePlan) act() inspect.Act {
	switch x.file.Settings.Type {
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		return inspect.ActAppend
	case wire.FileValue:
		return inspect.ActCredit
	}
	return inspect.ActWrite
}

// contents says what a new file has to be given, empty if nothing.
func (x *filePlan) contents() string {
	if _, n := span(nil, x.file.Data); n > 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	if x.conf.Values && len(x.file.Records) > 0 {
		return plural(len(x.file.Records), "record")
	}
	return ""
}

// change plans the change of mode and rights from what they are then; ok is
// false if nobody who is at hand may change them.
func (x *filePlan) change(ctx context.Context, now *wire.FileSettings) (ok bool, err error) {
	want := &x.file.Settings
	as, ok, err := x.can(ctx, now, inspect.ActChange)
	if err != nil {
		return false, err
	}
	if !ok {
		g, _ := inspect.RightsOf(now).Of(inspect.ActChange)
		words := changeWords(changes(now, want))
		if g.Possible() {
			x.impossible(x.here, "%s, and its settings are changed with %s only, which is not at hand", words, g.Who())
		} else {
			x.impossible(x.here, "%s, and its settings can never be changed", words)
		}
		return false, nil
	}
	file := x.thawed(now)
	want = &file.Settings
	if len(changes(now, want)) == 0 {
		return true, nil
	}
	s := Step{
		Where: x.here, Kind: ChangeFileSettings, Words: fmt.Sprintf("set mode and rights of %v: %v, %v", x.here, want.Comm(), inspect.RightsOf(want).Words()), Exchanges: 2,
		do: func(ctx context.Context, r *runner) error { return r.changeFileSettings(ctx, x.app, file, *now, as) },
	}
	if want.Access.Change == wire.Never {
		s.Forever = "its settings can never be changed again"
	}
	x.step(s, as)
	return true, nil
}

func changeWords(list []change) string {
	s := ""
	for i, c := range list {
		if i > 0 {
			s += ", "
		}
		s += c.String()
	}
	return s
}
