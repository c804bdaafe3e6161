package perso

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// check finds contradictions in what is said of the card itself.
func (c *Level) check() error {
	bad := func(w Where, format string, args ...any) error {
		return &LayoutError{w, fmt.Sprintf(format, args...)}
	}
	here := at(wire.Place{})
	if s := c.KeySettings; s != nil && s.ChangeKey() != 0 {
		return bad(here, "bits 4 to 7 of the settings are reserved at the level of the card")
	}
	var keys []wire.KeyNo
	for _, k := range c.Keys {
		switch {
		case k.No != 0 && !rekey.Special(k.No):
			return bad(here.key(k.No), "the card itself has no key of that number that a layout could set")
		case slices.Contains(keys, k.No):
			return bad(here.key(k.No), "it stands there twice")
		}
		keys = append(keys, k.No)
	}
	var names []string
	for _, o := range c.Options {
		if slices.Contains(names, o.Name) {
			return bad(here, "option %s stands there twice", o.Name)
		}
		names = append(names, o.Name)
		if reason := o.wrong(); reason != "" {
			return bad(here, "option %q: %s", o.Name, reason)
		}
	}
	return nil
}

// wrong says what about an option makes no sense, empty if nothing.
func (o *Option) wrong() string {
	info := find(Options(), func(x *OptionInfo) bool { return x.Name == o.Name })
	switch {
	case info == nil:
		return "there is none of that name"
	case info.Option == wire.ConfigDefaultKey:
		if o.Setting != nil {
			return "its key is that of the key store, and not of the layout"
		}
		return ""
	case o.Setting == nil || o.Setting.Option() != info.Option:
		return "its setting is missing, or another option's"
	}
	if picc, ok := o.Setting.(*wire.PICCConfig); ok && (picc.Flags&^info.Flags != 0 || info.Forever && picc.Flags == 0) {
		return "its setting is that of other switches, or switches off what is for ever"
	}
	if _, err := new(wire.Coder).Encode(nil, &wire.SetConfiguration{Setting: o.Setting}); err != nil {
		return err.Error()
	}
	return ""
}

// checkMore finds contradictions in keys of virtual cards, key sets and delegation.
func (a *Application) checkMore() error {
	bad := func(w Where, format string, args ...any) error {
		return &LayoutError{w, fmt.Sprintf(format, args...)}
	}
	here := at(a.Place)
	var keys []wire.KeyNo
	for _, k := range a.VCKeys {
		switch {
		case !rekey.Special(k.No) || k.No < wire.KeyVCConfig:
			return bad(here.key(k.No), "it is no key of virtual cards")
		case !a.KeySett3.Has(wire.SettVCKeys):
			return bad(here.key(k.No), "the application has keys of virtual cards only if its key setting 3 says so")
		case slices.Contains(keys, k.No):
			return bad(here.key(k.No), "it stands there twice")
		}
		keys = append(keys, k.No)
	}
	var sets []wire.KeySetNo
	for i := range a.Sets {
		s := &a.Sets[i]
		switch {
		case slices.Contains(sets, s.Set):
			return bad(here, "key set %d stands there twice", s.Set)
		case a.KeySets == nil:
			return bad(here, "key set %d: the application has no key sets", s.Set)
		}
		sets = append(sets, s.Set)
		if reason := s.wrong(a); reason != "" {
			return bad(here, "key set %d: %s", s.Set, reason)
		}
	}
	if reason := a.wrongDelegation(); reason != "" {
		return bad(here, "%s", reason)
	}
	return nil
}

// wrong says what about a key set makes no sense, empty if nothing.
func (s *KeySetWant) wrong(a *Application) string {
	switch {
	case s.Set == 0 || int(s.Set) >= int(a.KeySets.NoKeySets):
		return fmt.Sprintf("the application has sets 1 to %d besides the active one", a.KeySets.NoKeySets-1)
	case s.Version == 0:
		return "its version must not be 0"
	case s.Type > key.TypeAES:
		return "it has no type"
	case s.Type.Wire() == wire.Key3K3DES && a.KeySets.MaxKeySize < 24:
		return fmt.Sprintf("its keys have 24 bytes, and sets of this application %d at most", a.KeySets.MaxKeySize)
	}
	var keys []wire.KeyNo
	for _, k := range s.Keys {
		if int(k.No) >= a.KeyCount || slices.Contains(keys, k.No) {
			return fmt.Sprintf("key %d does not exist, or stands there twice", uint8(k.No))
		}
		keys = append(keys, k.No)
	}
	return ""
}

// wrongDelegation says what about a delegation makes no sense, empty if nothing.
func (a *Application) wrongDelegation() string {
	d := a.Delegated
	switch {
	case d == nil:
		return ""
	case a.Place.Fixed || a.Place.Name != "":
		return "an application is delegated by its AID"
	case d.Quota == 0:
		return "a delegated application needs a quota of memory"
	case d.Signed == nil:
		return ""
	}
	m := d.Signed
	made := a.creation()
	switch {
	case m.AID != a.Place.AID || m.Slot != d.Slot || m.SlotVersion != d.Version || m.Quota != d.Quota:
		return fmt.Sprintf("the signed command makes application %v in slot %d, version %d, with %d blocks", m.AID, m.Slot, m.SlotVersion, m.Quota)
	case m.KS2&^wire.SettHasKS3 != made.KS2&^wire.SettHasKS3 || m.KS3 != made.KS3 || m.KeySetConfig != made.KeySetConfig:
		return "the signed command makes an application with other keys or key sets"
	case m.FID != made.FID || string(m.DFName) != string(made.DFName):
		return "the signed command makes an application of another name"
	}
	return ""
}
