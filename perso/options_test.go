package perso

import (
	"reflect"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestOptionsRead(t *testing.T) {
	capabilities := make([]byte, 10)
	capabilities[wire.CapPDCap2_1] = wire.CapLRP
	want := map[string]map[string]wire.Setting{ // nil: an error
		"default-key":           {},
		"ats":                   {"06 7577810280": &wire.ATS{ATS: []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}}, "077577810280": nil, "01": nil, "0": nil, "": nil, "zz": nil},
		"sak":                   {"2020": &wire.SAK{SAK1: 0x20, SAK2: 0x20}, "20": nil, "": nil, "202020": nil},
		"atqa":                  {"0344": &wire.ATQA{ATQA: 0x0344}, "03": nil},
		"no-messaging":          {"d40, ev1": &wire.SecureMessagingConfig{Flags: wire.NoD40 | wire.NoEV1}, "none": &wire.SecureMessagingConfig{}, "": nil, "d40,": nil, "ev2": nil},
		"failed-attempts":       {"1000:10": &wire.FailedAuthConfig{Enabled: true, Limit: 1000, Decrement: 10}, "5": &wire.FailedAuthConfig{Enabled: true, Limit: 5}, "off": &wire.FailedAuthConfig{}, "0": nil, "5:6": nil, "65536": nil, "": nil, "5:": nil},
		"strong-modulation":     {"": &wire.HardwareConfig{Flags: 1}, "true": &wire.HardwareConfig{Flags: 1}, "false": &wire.HardwareConfig{}, "yes": nil},
		"proximity-required":    {"": &wire.PICCConfig{Flags: wire.PICCProximity}, "false": &wire.PICCConfig{}, "1": nil},
		"virtual-card-required": {"true": &wire.PICCConfig{Flags: wire.PICCVirtualCard}, "false": &wire.PICCConfig{}},
		"legacy-random-uid":     {"": &wire.PICCConfig{Flags: wire.PICCLegacyRandomID}},
		"no-format":             {"": &wire.PICCConfig{Flags: wire.PICCNoFormat}, "false": nil},
		"random-uid":            {"true": &wire.PICCConfig{Flags: wire.PICCRandomID}, "false": nil},
		"lrp":                   {"": &wire.Capabilities{Data: capabilities}, "false": nil},
	}
	seen := map[string]bool{}
	for _, o := range Options() {
		texts, ok := want[o.Name]
		if !ok || seen[o.Name] || len(o.On) == 0 || o.What == "" {
			t.Errorf("%q is not tested, stands there twice, or is on no card", o.Name)
		}
		seen[o.Name] = true
		if (o.Read == nil) != (o.Name == OptionDefaultKey) || (o.Flags != 0) != (o.Option == wire.ConfigPICC) {
			t.Errorf("%s: Read %t, flags %v", o.Name, o.Read != nil, o.Flags)
		}
		for text, setting := range texts {
			got, err := o.Read(text)
			switch {
			case setting == nil && err == nil:
				t.Errorf("%s %q: read as %+v", o.Name, text, got)
			case setting != nil && (err != nil || !reflect.DeepEqual(got, setting) || got.Option() != o.Option):
				t.Errorf("%s %q: %+v, %v, want %+v", o.Name, text, got, err, setting)
			}
		}
	}
	if len(seen) != len(want) {
		t.Errorf("%d options, %d expected", len(seen), len(want))
	}
}
