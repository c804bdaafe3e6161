package perso

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// adapt plans what is to be done with a file that is there.
func (x *filePlan) adapt(ctx context.Context) error {
	is, want := x.is.Settings, &x.file.Settings
	list := differs(is, want)
	if len(list) > 0 {
		set, err := x.lightValue(ctx)
		if err != nil {
			return err
		}
		if set {
			is, list = x.is.Settings, nil
		}
	}
	if len(list) > 0 {
		x.impossible(x.here, "%s: only deleting it would help", changeWords(list))
		return nil
	}
	if id := isoID(x.is.ISOID); x.file.ISOID != 0 && id != x.file.ISOID && x.missing == nil {
		x.impossible(x.here, "its ISO identifier is %v, and should be %v: only deleting it would help", id, x.file.ISOID)
		return nil
	}
	if want.Type == wire.FileTransactionMAC {
		version, err := x.tmacVersion(ctx, x.app.Place, x.file)
		if err != nil {
			return err
		}
		if is.TMKeyVersion != version {
			x.impossible(x.here, "its key has version %v, and should have %v: only deleting the file would help", is.TMKeyVersion, version)
		}
	}
	now, err := x.look(ctx)
	if err != nil {
		return err
	}
	todo, err := x.todo(now)
	if err != nil {
		return err
	}
	change := len(changes(is, want)) > 0
	switch {
	case !todo && !change:
		x.keep(x.here, "%s", x.keepWords(now))
		return nil
	case !change:
		return x.write(ctx, is, now)
	case !todo:
		_, err := x.change(ctx, is)
		return err
	}
	return x.both(ctx, now)
}

// look reads what the file holds, if that has to be compared.
func (x *filePlan) look(ctx context.Context) (content, error) {
	if !x.wanted() {
		return content{known: true}, nil
	}
	return x.read(ctx, x.app.Place, x.file, x.is.Settings)
}

// wanted reports whether the layout says what the file should hold, and may.
func (x *filePlan) wanted() bool {
	return len(x.file.Data) > 0 || x.conf.Values && (x.file.Records != nil || x.file.Value != nil)
}

// todo reports whether something has to be written.
func (x *filePlan) todo(now content) (bool, error) {
	f := x.file
	switch {
	case !x.wanted():
		return false, nil
	case !now.known && f.Data == nil:
		return x.uncounted(now), nil
	case !now.known:
		x.warn(x.here, "what it holds cannot be compared (%s): it is written", now.reason)
		return true, nil
	case f.Data != nil:
		_, n := span(now.data, f.Data)
		return n > 0, nil
	case f.Value != nil:
		return now.value != *f.Value, nil
	}
	add, clear := missingRecords(now.records, f.Records)
	return len(add) > 0 || clear, nil
}

// uncounted decides about values and records that cannot be read: to add to them
// blindly could add twice.
func (x *filePlan) uncounted(now content) bool {
	f, fs := x.file, x.is.Settings
	switch {
	case f.Value != nil:
		x.impossible(x.here, "its value cannot be read: %s", now.reason)
	case fs.Records == 0 && len(f.Records) > 0:
		return true
	case int(fs.Records) == len(f.Records):
		x.warn(x.here, "it has as many records as it should, which cannot be compared: %s", now.reason)
	default:
		x.impossible(x.here, "it has %d records instead of %d, which cannot be read: %s", fs.Records, len(f.Records), now.reason)
	}
	return false
}

func (x *filePlan) keepWords(now content) string {
	switch {
	case !x.wanted() || !now.known:
		return "settings"
	case x.file.Data != nil:
		return fmt.Sprintf("settings and %s", plural(len(x.file.Data), "byte"))
	case x.file.Value != nil:
		return fmt.Sprintf("settings and value %d", now.value)
	}
	return fmt.Sprintf("settings and %s", plural(len(x.file.Records), "record"))
}

// both plans a file of which content and rights change: what is written goes
// first where the present rights allow it, else last; and where neither do,
// under rights of the master key. It never goes out with less protection than
// the layout gives the file, if that can be had by changing its settings first.
func (x *filePlan) both(ctx context.Context, now content) error {
	is, want := x.is.Settings, &x.file.Settings
	before, canNow, err := x.can(ctx, is, x.act())
	if err != nil {
		return err
	}
	after, canThen, err := x.can(ctx, want, x.act())
	if err != nil {
		return err
	}
	weaker := before.free && !after.free || is.Comm() < want.Comm() && !after.free
	switch {
	case canNow && !(weaker && canThen):
		if err := x.write(ctx, is, now); err != nil {
			return err
		}
		_, err := x.change(ctx, is)
		return err
	case canThen:
		if ok, err := x.change(ctx, is); err != nil || !ok {
			return err
		}
		return x.write(ctx, want, now)
	}
	as, can, err := x.can(ctx, is, inspect.ActChange)
	if err != nil {
		return err
	}
	hand, err := x.atHand(ctx, slot{x.app.Place, 0})
	switch {
	case err != nil:
		return err
	case !can || !hand:
		x.impossible(x.here, "no key that may write it is at hand, before or after its rights are changed")
		return nil
	}
	open := want.Clone()
	open.Access, open.Additional = master, nil
	x.step(Step{
		Where: x.here, Kind: ChangeFileSettings, Words: fmt.Sprintf("give %v to the master key", x.here), Exchanges: 2,
		do: func(ctx context.Context, r *runner) error {
			return r.changeFileSettings(ctx, x.app, &File{No: x.file.No, Settings: open}, *is, as)
		},
	}, as)
	if err := x.write(ctx, &open, now); err != nil {
		return err
	}
	_, err = x.change(ctx, &open)
	return err
}

// write plans what is written under some rights; now is what is there.
func (x *filePlan) write(ctx context.Context, rights *wire.FileSettings, now content) error {
	f := x.file
	act := x.act()
	if f.Value != nil && now.value > *f.Value {
		act = inspect.ActDebit
	}
	as, ok, err := x.can(ctx, rights, act)
	if err != nil {
		return err
	}
	if !ok {
		g, _ := inspect.RightsOf(rights).Of(act)
		x.impossible(x.here, "no key that may %s it is at hand: %s", act, g.Who())
		return nil
	}
	mac, ok, err := x.named(ctx)
	if err != nil || !ok {
		return err
	}
	naming, again := x.namingExchanges(mac, as)
	w := writing{app: x.app, file: f, settings: rights.Clone(), as: as, now: now, mac: mac, there: x.is != nil}
	s := Step{Where: x.here, Replaces: x.is != nil}
	switch {
	case f.Data != nil:
		from, n := w.span()
		s.Kind, s.Words, s.Exchanges = WriteData, fmt.Sprintf("write %s at %d into %v", plural(n, "byte"), from, x.here), x.dataExchanges(n)
		if f.Settings.Type == wire.FileBackup {
			s.Exchanges += 1 + naming
		}
		s.do = func(ctx context.Context, r *runner) error { return r.writeData(ctx, &w) }
	case f.Value != nil:
		s.Kind, s.Words, s.Exchanges = SetValue, fmt.Sprintf("bring the value of %v from %d to %d", x.here, now.value, *f.Value), 6+naming
		if x.planner.is.Generation != wire.D40 {
			s.Exchanges += 2
		}
		s.do = func(ctx context.Context, r *runner) error { return r.setValue(ctx, &w) }
	default:
		add, clear := missingRecords(now.records, f.Records)
		s.Kind, s.Words = WriteRecords, fmt.Sprintf("append %s to %v", plural(len(add), "record"), x.here)
		s.Exchanges = len(add)*(1+x.dataExchanges(int(f.Settings.RecordSize))+naming) + max(len(add)-1, 0)*again
		s.Replaces = clear
		if clear {
			g, _ := inspect.RightsOf(rights).Of(inspect.ActClear)
			if w.clearAs, ok, err = x.by(ctx, x.app.Place, g); err != nil {
				return err
			} else if !ok {
				x.impossible(x.here, "it holds other records, and no key that may clear it is at hand: %s", g.Who())
				return nil
			}
			w.clear = true
			s.Words = fmt.Sprintf("clear %v and append %s", x.here, plural(len(add), "record"))
			s.Exchanges += 2 + naming + again
		}
		w.add = add
		s.do = func(ctx context.Context, r *runner) error { return r.writeRecords(ctx, &w) }
	}
	x.step(s, as)
	return nil
}

// dataExchanges is what it takes to write n bytes. EV2 and later take long frames; a
// reader may not.
func (x *filePlan) dataExchanges(n int) int {
	if x.planner.is.Generation.Has(wire.FeatureEV2Auth) {
		return 1 + n/208
	}
	return 1 + n/52
}

// namingExchanges is what it takes to name the reader in a transaction, and to become
// who writes again for the next one.
func (p *planner) namingExchanges(mac *wire.FileSettings, as who) (naming, again int) {
	if mac == nil {
		return 0, 0
	}
	if g, _ := inspect.RightsOf(mac).Of(inspect.ActNameReader); !as.free && g.Allows(as.no) {
		return 1, 0
	}
	return 1 + authExchanges, 1 + p.login()
}

// named finds out whether transactions of the application need a reader that is
// named, and whether a key for that is at hand. Standard files need none.
func (x *filePlan) named(ctx context.Context) (*wire.FileSettings, bool, error) {
	if x.mac == nil || x.file.Settings.Type == wire.FileStandard {
		return nil, true, nil
	}
	g, needed := inspect.RightsOf(x.mac.Settings).Of(inspect.ActNameReader)
	if !needed {
		return nil, true, nil
	}
	_, ok, err := x.by(ctx, x.app.Place, g)
	if err == nil && !ok {
		x.impossible(x.here, "transactions of this application name their reader, and no key for that is at hand: %s", g.Who())
	}
	return x.mac.Settings, ok, err
}
