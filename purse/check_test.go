package purse_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// A configuration that proves nothing is refused, by the field that is wrong; what
// it differs from by one member is taken.
func TestOpenRefuses(t *testing.T) {
	whole := newBench(t, wire.EV3, true, true, true).conf
	d40, ev1 := key.MethodD40, key.MethodAES
	spare := func(n uint32) *uint32 { return &n }
	number := func(n wire.KeyNo) *wire.KeyNo { return &n }
	accidents := func(c *purse.Config) { c.Policy = purse.Accidents }
	valueOnly := func(c *purse.Config) { c.TMAC, c.Slot, c.Record, c.BeginFence = nil, nil, nil, false }
	free := func(c *purse.Config) {
		valueOnly(c)
		accidents(c)
		c.NoKey, c.Keys = true, nil
		c.Values[0].Settings.Access = wire.AccessRightsFromUint16(0xEEEE)
	}
	type edit = func(*purse.Config)
	for _, x := range []struct {
		name  string
		from  edit // makes one that is taken
		wrong edit
		field string
		words string
	}{
		{"no journal", nil, func(c *purse.Config) { c.Journal = nil }, "Journal", "boltjournal"},
		{"the card level", nil, func(c *purse.Config) { c.Place = wire.Place{} }, "Place", "card level"},
		{"no generation", nil, func(c *purse.Config) { c.Generation = wire.UnknownGeneration }, "Generation", "older one"},
		{"a policy that is none", nil, func(c *purse.Config) { c.Policy = "kind" }, "Policy", `"kind"`},
		{"others that are none", nil, func(c *purse.Config) { c.Others = "few" }, "Others", `"few"`},
		{"no value", nil, func(c *purse.Config) { c.Values = nil }, "Values", "no value file"},
		{"no key, hostile", free, func(c *purse.Config) { c.Policy = "" }, "NoKey", "accidents"},
		{"no keys", nil, func(c *purse.Config) { c.Keys = nil }, "Keys", "free files"},
		{"more in a transaction", nil, func(c *purse.Config) { c.BeforeCommit = func(context.Context, *desfire.Card) error { return nil } }, "BeforeCommit", "without TMAC"},
		{"a value alone", valueOnly, func(c *purse.Config) { c.Others = purse.OthersAny }, "Others", "a receipt is needed"},
		{"a lease without fence", func(c *purse.Config) { valueOnly(c); c.Lease, c.BeginFence = &lease{}, true }, func(c *purse.Config) { c.BeginFence = false }, "BeginFence", "another's"},
		{"D40 session", nil, func(c *purse.Config) { c.Method = &d40 }, "Method", "D40"},
		{"D40 card", func(c *purse.Config) { valueOnly(c); c.Generation, c.Method = wire.D40, &ev1 }, func(c *purse.Config) { c.Method = nil }, "Generation", "D40"},

		{"value of another type", nil, func(c *purse.Config) { c.Values[0].Settings.Type = wire.FileStandard }, "Values", "file 1"},
		{"value twice", nil, func(c *purse.Config) { c.Values = append(c.Values, c.Values[0]) }, "Values", "twice"},
		{"value of the second application", nil, func(c *purse.Config) { c.Values[0].No |= 0x80 }, "Values", "secondary"},
		{"value for another key", nil, func(c *purse.Config) { c.Values[0].Settings.Access = wire.AccessRightsFromUint16(0x2222) }, "Values", "key 1 has no right"},
		{"value in plain", nil, func(c *purse.Config) { c.Values[0].Settings.Option = wire.OptionPlain }, "Values", "mode plain"},
		{"value not free", free, func(c *purse.Config) { c.Values[0].Settings.Access = wire.AccessRightsFromUint16(0x1111) }, "Values", "not free"},

		{"TMAC of another type", nil, func(c *purse.Config) { c.TMAC.Settings.Type = wire.FileValue }, "TMAC", "file 2"},
		{"TMAC that anybody reads", nil, func(c *purse.Config) { c.TMAC.Settings.Access.Read = wire.Free }, "TMAC", "anybody may"},
		{"TMAC of an old card", nil, func(c *purse.Config) { c.Generation = wire.EV1 }, "TMAC", "no transaction MAC"},
		{"TMAC, names by anybody", accidents, func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite = wire.Free }, "TMAC", "ReadWrite is free"},
		{"TMAC, names by nobody", nil, func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite = wire.Never }, "TMAC", "ReadWrite is never"},
		{"TMAC, names by another", nil, func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite = 2 }, "TMAC", "make it one key"},
		{"TMAC, names by a key of its own, as another", func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite, c.TMAC.Reader = 2, number(2) }, func(c *purse.Config) { c.TMAC.Reader = number(0) }, "TMAC", "key 2 has the right"},
		{"TMAC, a reader key and no names", func(c *purse.Config) { c.TMAC.NamesReader, c.TMAC.Settings.Access.ReadWrite = false, wire.Never }, func(c *purse.Config) { c.TMAC.Reader = number(2) }, "TMAC", "no transaction names one"},
		{"TMAC, a reader key in an EV1 session", func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite, c.TMAC.Reader = 2, number(2) }, func(c *purse.Config) { c.Method = &ev1 }, "TMAC", "EV2 or LRP"},
		{"TMAC, a reader key and no key", func(c *purse.Config) { c.TMAC.Settings.Access.ReadWrite, c.TMAC.Reader = 2, number(2); accidents(c) }, func(c *purse.Config) { c.NoKey = true }, "Values", "not free"},
		{"the reader key is that of the card", func(c *purse.Config) {
			c.TMAC.Settings.Access.ReadWrite, c.TMAC.Reader = 2, number(2)
			c.Keys = withKey(c.Keys, keystore.Ref{Place: c.Place, Key: keystore.Number(2)}, gateKey)
		}, func(c *purse.Config) { c.Keys = withKey(c.Keys, keystore.Ref{}, gateKey) }, "Keys", "the same key"},
		{"TMAC that wants names", nil, func(c *purse.Config) { c.TMAC.NamesReader = false }, "TMAC", "set NamesReader"},

		{"slot of another type", nil, func(c *purse.Config) { c.Slot.Settings.Type = wire.FileStandard }, "Slot", "file 3"},
		{"slot of 12 bytes", nil, func(c *purse.Config) { c.Slot.Size = 12 }, "Slot", "not 12"},
		{"slot below", nil, func(c *purse.Config) { c.Slot.Number = -1 }, "Slot", "number -1"},
		{"slot beyond", func(c *purse.Config) { c.Slot.Number = 3 }, func(c *purse.Config) { c.Slot.Number = 4 }, "Slot", "slots 0 to 3"},
		{"slot of 8 beyond", func(c *purse.Config) { c.Slot.Size, c.Slot.Number = 8, 7 }, func(c *purse.Config) { c.Slot.Number = 8 }, "Slot", "slots 0 to 7"},
		{"spare beyond", func(c *purse.Config) { c.Slot.Spare = spare(63) }, func(c *purse.Config) { c.Slot.Spare = spare(64) }, "Slot", "beyond the end"},
		{"spare in the slot", func(c *purse.Config) { c.Slot.Spare = spare(15) }, func(c *purse.Config) { c.Slot.Spare = spare(16) }, "Slot", "part of slot 1"},
		{"slot that anybody writes", nil, func(c *purse.Config) { c.Slot.Settings.Access.Write = wire.Free }, "Slot", "anybody may"},

		{"record of another type", nil, func(c *purse.Config) { c.Record.Settings.Type = wire.FileBackup }, "Record", "file 4"},
		{"short records", nil, func(c *purse.Config) { c.Record.Settings.RecordSize = 23 }, "Record", "take 24"},
		{"a file of one record", nil, func(c *purse.Config) { c.Record.Settings.MaxRecords = 1 }, "Record", "has room for 1"},
		{"record without fence", func(c *purse.Config) { c.TMAC, c.BeginFence = nil, true }, func(c *purse.Config) { c.BeginFence = false }, "Record", "BeginFence"},

		{"the key of the card", nil, func(c *purse.Config) { c.Keys = withKey(c.Keys, keystore.Ref{}, testKey) }, "Keys", "the same key"},
		{"the key of elsewhere", func(c *purse.Config) { c.Elsewhere = &purse.Elsewhere{KeyNo: 2} },
			func(c *purse.Config) {
				c.Keys = withKey(c.Keys, keystore.Ref{Place: c.Elsewhere.Place, Key: keystore.Number(2)}, testKey)
			}, "Keys", "the same key"},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := copyOf(whole)
			if x.from != nil {
				x.from(&c)
			}
			if _, err := purse.Open(c); err != nil {
				t.Fatalf("what it differs from: %v", err)
			}
			x.wrong(&c)
			p, err := purse.Open(c)
			var bad *purse.ConfigError
			if !errors.As(err, &bad) || p != nil || bad.Field != x.field || !strings.Contains(bad.Reason, x.words) {
				t.Errorf("%v; want a refusal of %s that says %q", err, x.field, x.words)
			}
		})
	}
}

// copyOf is a configuration that can be changed alone.
func copyOf(c purse.Config) purse.Config {
	c.Values = append([]purse.File(nil), c.Values...)
	tmac, slot, record := *c.TMAC, *c.Slot, *c.Record
	c.TMAC, c.Slot, c.Record = &tmac, &slot, &record
	return c
}

// withKey is a store that has one key more.
func withKey(s keystore.Store, r keystore.Ref, k key.Key) keystore.Map {
	m := keystore.Map{r: {Key: k}}
	for r, k := range s.(keystore.Map) {
		m[r] = k
	}
	return m
}

// lease is one that is held as long as it has a name.
type lease struct{ epoch string }

func (l *lease) Epoch([]byte) (string, bool) { return l.epoch, l.epoch != "" }

// What the terminal cannot decide by itself is said beforehand, and only that.
func TestCertainty(t *testing.T) {
	whole := newBench(t, wire.EV3, true, true, true).conf
	for _, x := range []struct {
		name   string
		edit   func(*purse.Config)
		tmKey  bool
		always bool
		here   []purse.Rule
		not    []purse.Rule
		words  string
	}{
		{"a slot", func(c *purse.Config) { c.Others = purse.OthersAny }, false, true, []purse.Rule{purse.RuleSlot, purse.RuleRecord, purse.RuleCounter}, []purse.Rule{purse.RuleValue, purse.RuleTMV}, "its slot tells"},
		{"the key of the transaction MAC", nil, true, true, []purse.Rule{purse.RuleTMV, purse.RuleOtherOwner, purse.RuleReaderID}, nil, "Policy hostile"},
		{"a value alone", func(c *purse.Config) { c.TMAC, c.Slot, c.Record = nil, nil, nil }, true, true, []purse.Rule{purse.RuleValue}, []purse.Rule{purse.RuleTMV, purse.RuleSlot, purse.RuleRecord, purse.RuleCounter}, "nobody else"},
		{"a record", func(c *purse.Config) { c.Slot, c.Others = nil, purse.OthersAny }, false, false, []purse.Rule{purse.RuleRecord}, []purse.Rule{purse.RuleSlot, purse.RuleValue}, "pushed it out"},
		{"names, with the key", func(c *purse.Config) { c.Slot, c.Record, c.Others = nil, nil, purse.OthersAny }, true, false, []purse.Rule{purse.RuleReaderID}, []purse.Rule{purse.RuleSlot}, "its own is the last one"},
		{"names, without the key", func(c *purse.Config) { c.Slot, c.Record, c.Others = nil, nil, purse.OthersAny }, false, false, []purse.Rule{purse.RuleCounter}, []purse.Rule{purse.RuleReaderID, purse.RuleTMV}, "with the transaction MAC key or one report"},
		{"others that debit", func(c *purse.Config) { c.TMAC, c.Slot, c.Record, c.Others = nil, nil, nil, purse.OthersDebit }, false, false, []purse.Rule{purse.RuleDebitOnly}, []purse.Rule{purse.RuleValue, purse.RuleCounter}, "too high"},
		{"accidents", func(c *purse.Config) { c.Policy = purse.Accidents }, false, true, nil, nil, "Policy accidents"},
	} {
		c := copyOf(whole)
		if x.edit != nil {
			x.edit(&c)
		}
		s := c.Certainty(x.tmKey)
		has := map[purse.Rule]bool{}
		for _, r := range s.Here {
			has[r] = true
		}
		for _, r := range x.here {
			if !has[r] {
				t.Errorf("%s: not decided here by %v: %v", x.name, r, s.Here)
			}
		}
		for _, r := range x.not {
			if has[r] {
				t.Errorf("%s: decided here by %v: %v", x.name, r, s.Here)
			}
		}
		if s.Always != x.always || !strings.Contains(strings.Join(s.Words, "\n"), x.words) {
			t.Errorf("%s: always %v, want %v; words %q, want %q", x.name, s.Always, x.always, s.Words, x.words)
		}
	}
}
