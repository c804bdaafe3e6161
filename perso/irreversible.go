package perso

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Names of what can never be undone besides options, for Config.Irreversible.
const (
	FrozenMasterKey = "frozen-master-key" // of the card or of an application
	FrozenKeys      = "frozen-keys"       // all keys of an application but its master key
	FrozenSettings  = "frozen-settings"   // key settings of the card or of an application
	FrozenFiles     = "frozen-files"      // rights of files that can never be made anew: of DESFire Light and NTAG 424 DNA
)

// Irreversible are all names that Config.Irreversible may have, besides files and
// applications whose value may be lost: those of the options that are for ever, and
// what freezes.
//
// Rights that freeze in files that can be deleted need no name: they can be made
// anew.
func Irreversible() []string {
	var names []string
	for _, o := range Options() {
		if o.Forever {
			names = append(names, o.Name)
		}
	}
	return append(names, FrozenFiles, FrozenKeys, FrozenMasterKey, FrozenSettings)
}

// NameError is a name of Config.Irreversible that names nothing.
type NameError struct {
	Name string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("perso: %q names nothing that can never be undone: want %s, or a file or application whose value may be lost, as F48121/2", e.Name, strings.Join(Irreversible(), ", "))
}

// Check finds what of a configuration is wrong whatever the card is: a *NameError of
// Irreversible. NewPlan says it, too.
func (c *Config) Check() error { return checkNames(c.Irreversible) }

// checkNames finds names that are none.
func checkNames(names []string) error {
	all := Irreversible()
	for _, name := range names {
		if _, err := lossOf(name); err != nil && !slices.Contains(all, name) {
			return &NameError{name}
		}
	}
	return nil
}

// lossOf reads the name of a file, or of an application with all its files, whose
// value may be lost.
func lossOf(name string) (Where, error) {
	place, no, file := strings.Cut(name, "/")
	p, err := wire.ParsePlace(place)
	switch {
	case err != nil:
		return Where{}, err
	case p.IsCard():
		return Where{}, errors.New("the card itself holds no value")
	case !file:
		return at(p), nil
	}
	n, err := strconv.ParseUint(no, 10, 5)
	return at(p).file(wire.FileNo(n)), err
}

// asked reports whether something that can never be undone was asked for by name.
func (r *ring) asked(name string) bool { return slices.Contains(r.conf.Irreversible, name) }

// mayLose reports whether the value of a file may be lost.
func (r *ring) mayLose(w Where) bool {
	return slices.ContainsFunc(r.conf.Irreversible, func(name string) bool {
		x, err := lossOf(name)
		return err == nil && x.Place == w.Place && (x.File == nil || w.File != nil && *x.File == *w.File)
	})
}

// hold leaves something out that can never be undone and was not asked for by
// name.
func (p *planner) hold(w Where, name, format string, args ...any) {
	n := note(w, format, args...)
	n.Name = name
	p.plan.Held = append(p.plan.Held, n)
}

// holdLoss leaves out what would lose the value of a file, or those of an application,
// by the name that lossOf reads.
func (p *planner) holdLoss(w Where, format string, args ...any) {
	name := w.Place.String()
	if w.File != nil {
		name += fmt.Sprintf("/%d", uint8(*w.File))
	}
	p.hold(w, name, format, args...)
}

// thaw is want without what it would freeze and nobody asked for. While anything is
// left out, the settings stay changeable, so that it can be done later.
func (p *planner) thaw(w Where, now, want wire.KeySett1, keys int) wire.KeySett1 {
	frozen := func(s wire.KeySett1) bool {
		c := s.ChangeKey()
		return !w.Place.IsCard() && (c == wire.Never || c != wire.Free && int(c) >= keys) // or a key that does not exist
	}
	lost := func(flag wire.KeySett1) bool { return now.Has(flag) && !want.Has(flag) }
	thawed := want
	if lost(wire.SettMasterChangeable) && !p.asked(FrozenMasterKey) {
		p.hold(w, FrozenMasterKey, "its master key could never be changed again")
		thawed |= wire.SettMasterChangeable
	}
	if frozen(want) && !frozen(now) && !p.asked(FrozenKeys) {
		p.hold(w, FrozenKeys, "no key of it but the master key could ever be changed again")
		thawed = thawed&0x0F | now&0xF0
	}
	switch {
	case lost(wire.SettChangeable) && !p.asked(FrozenSettings):
		p.hold(w, FrozenSettings, "its key settings could never be changed again")
		thawed |= wire.SettChangeable
	case lost(wire.SettChangeable) && thawed != want:
		p.hold(w, FrozenSettings, "its key settings freeze with the rest, which was not asked for")
		thawed |= wire.SettChangeable
	}
	return thawed
}

// thawed is a file as it is to be: of those that can never be made anew, the right
// to change its settings stays, where nobody asked for less.
func (x *filePlan) thawed(now *wire.FileSettings) *File {
	file := *x.file
	want := &x.file.Settings
	if x.planner.is.Generation.FixedName() == nil || want.Type == wire.FileTransactionMAC || x.asked(FrozenFiles) ||
		want.Access.Change != wire.Never || now.Access.Change == wire.Never {
		return &file
	}
	x.hold(x.here, FrozenFiles, "its settings could never be changed again")
	file.Settings = want.Clone()
	file.Settings.Access.Change = now.Access.Change
	return &file
}
