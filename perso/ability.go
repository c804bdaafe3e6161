package perso

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// lacks says what a generation lacks for an application, empty if nothing.
func (a *Application) lacks(g wire.Generation) string {
	fixed := g.FixedName() != nil
	need := func(yes bool, f wire.Feature) string {
		if yes && !g.Has(f) {
			return fmt.Sprintf("a card of type %v has no %v", g, f)
		}
		return ""
	}
	if _, err := a.Place.On(g); err != nil {
		return err.Error()
	}
	if fixed {
		switch {
		case a.KeyType != wire.KeyAES || a.KeyCount != wire.FixedKeys:
			return fmt.Sprintf("the application of a card of type %v has %d AES keys", g, wire.FixedKeys)
		case a.KeySettings != nil || a.KeySett3 != 0 || a.KeySets != nil || a.ISOID != 0 || a.ISOFiles || a.Delegated != nil:
			return fmt.Sprintf("the application of a card of type %v has fixed settings and names", g)
		}
		return ""
	}
	if a.KeySettings == nil {
		return "the layout does not say its key settings"
	}
	for _, reason := range []string{
		need(a.KeyType != wire.KeyDES, wire.FeatureEV1Auth),
		need(a.ISOID != 0 || a.ISOFiles, wire.FeatureISOFiles),
		need(a.KeySett3 != 0 || a.KeySets != nil, wire.FeatureKeySets),
		need(a.Delegated != nil, wire.FeatureDelegated),
	} {
		if reason != "" {
			return reason
		}
	}
	if a.KeySett3.Has(wire.SettMasterDelete) && g != wire.EV3 {
		return fmt.Sprintf("on a card of type %v no key setting lets the master key delete its application", g)
	}
	return ""
}

// lacks says what a generation lacks for a file, empty if nothing.
func (f *File) lacks(g wire.Generation) string {
	s := &f.Settings
	most := 32
	if g == wire.D40 {
		most = 16
	}
	if int(f.No) >= most {
		return fmt.Sprintf("a card of type %v has files 0 to %d", g, most-1)
	}
	for _, x := range []struct {
		needed bool
		f      wire.Feature
	}{
		{s.Type != wire.FileStandard, wire.FeatureTransactions},
		{s.Type == wire.FileTransactionMAC, wire.FeatureTMAC},
		{len(s.Additional) > 0, wire.FeatureAdditionalAR},
		{s.SDM != nil || s.Option.Has(wire.OptionSDM), wire.FeatureFileCounters},
	} {
		if x.needed && !g.Has(x.f) {
			return fmt.Sprintf("a card of type %v has no %v", g, x.f)
		}
	}
	if s.Flags.Has(wire.ValueFreeGet) && g == wire.D40 {
		return "a D40 card has no value that is free to read"
	}
	return ""
}
