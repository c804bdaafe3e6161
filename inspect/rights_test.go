package inspect_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

func rights(v uint16) wire.AccessRights { return wire.AccessRightsFromUint16(v) }

func TestRightsInWords(t *testing.T) {
	for _, tc := range []struct {
		fs   wire.FileSettings
		want string
	}{
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0xEEEE)}, "read, write and change free"},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0x1230)}, "read key 1 or 3; write key 2 or 3; change key 0"},
		{wire.FileSettings{Type: wire.FileBackup, Access: rights(0x12F0)}, "read key 1; write key 2; change key 0"},
		{wire.FileSettings{Type: wire.FileBackup, Access: rights(0xE11F)}, "read free; write key 1; change never"},
		{wire.FileSettings{Type: wire.FileBackup, Access: rights(0xFFFF)}, "read, write and change never"},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0x1230), Additional: []wire.AccessRights{rights(0x4FFF)}}, "read key 1 or 3 or 4; write key 2 or 3; change key 0"},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0x1230), Additional: []wire.AccessRights{rights(0xEFFE)}}, "read free; write key 2 or 3; change key 0"},
		{wire.FileSettings{Type: wire.FileValue, Access: rights(0x1230)}, "get and debit key 1 or 2 or 3; credit key 3; change key 0"},
		{wire.FileSettings{Type: wire.FileValue, Access: rights(0x1230), Flags: wire.ValueLimitedCredit}, "get and debit key 1 or 2 or 3; limited credit key 2 or 3; credit key 3; change key 0"},
		{wire.FileSettings{Type: wire.FileValue, Access: rights(0x1230), Flags: wire.ValueFreeGet}, "get free; debit key 1 or 2 or 3; credit key 3; change key 0"},
		{wire.FileSettings{Type: wire.FileValue, Access: rights(0xFFF0), Flags: wire.ValueFreeGet}, "get, debit and credit never; change key 0"},
		{wire.FileSettings{Type: wire.FileCyclicRecord, Access: rights(0xE130)}, "read free; append key 1 or 3; clear key 3; change key 0"},
		{wire.FileSettings{Type: wire.FileTransactionMAC, Access: rights(0x1FF0)}, "read key 1; change key 0"},
		{wire.FileSettings{Type: wire.FileTransactionMAC, Access: rights(0x1F20)}, "read key 1 or 2; name the reader key 2; change key 0"},
		{wire.FileSettings{Type: wire.FileStandard, Access: rights(0xE000), SDM: &wire.SDM{Access: wire.NewSDMAccess(2, 1, 3)}}, "read free; write key 0; read the counter key 3; change key 0"},
	} {
		r := inspect.RightsOf(&tc.fs)
		if got := r.Words(); got != tc.want {
			t.Errorf("%v %04X: %q, want %q", tc.fs.Type, tc.fs.Access.Uint16(), got, tc.want)
		}
		b, err := json.Marshal(r)
		var back inspect.Rights
		if err != nil || json.Unmarshal(b, &back) != nil || back.Words() != tc.want {
			t.Errorf("%s becomes %q, %v", b, back.Words(), err)
		}
	}
}

func TestGrants(t *testing.T) {
	r := inspect.RightsOf(&wire.FileSettings{Type: wire.FileStandard, Access: rights(0xE12F)})
	for _, tc := range []struct {
		act      inspect.Act
		key      wire.KeyNo
		allowed  bool
		possible bool
	}{
		{inspect.ActRead, 9, true, true},
		{inspect.ActWrite, 1, true, true},
		{inspect.ActWrite, 2, true, true},
		{inspect.ActWrite, 0, false, true},
		{inspect.ActChange, 0, false, false},
	} {
		g, ok := r.Of(tc.act)
		if !ok || g.Allows(tc.key) != tc.allowed || g.Possible() != tc.possible {
			t.Errorf("%s with key %d: %+v %v", tc.act, tc.key, g, ok)
		}
	}
	if _, ok := r.Of(inspect.ActDebit); ok {
		t.Error("a standard file can be debited")
	}
	g, _ := r.Of(inspect.ActWrite)
	if !slices.Equal(g.Keys, inspect.KeyList{1, 2}) {
		t.Errorf("keys %v", g.Keys)
	}
	if b, _ := json.Marshal(g); string(b) != `{"act":"write","free":false,"keys":[1,2]}` {
		t.Errorf("%s", b)
	}
}

func TestSettingsInWords(t *testing.T) {
	for _, tc := range []struct {
		ks1    wire.KeySett1
		ofCard bool
		at     int
		want   inspect.Rule
	}{
		{0x0F, true, 1, inspect.Rule{What: "applications and settings", Rule: "are listed without a key"}},
		{0x0D, true, 1, inspect.Rule{What: "applications and settings", Rule: "are listed with the master key only"}},
		{0x0E, true, 0, inspect.Rule{What: "master key", Rule: "can never be changed", Forever: true}},
		{0x07, false, 3, inspect.Rule{What: "these settings", Rule: "can never be changed", Forever: true}},
		{0x0F, false, 4, inspect.Rule{What: "other keys", Rule: "are changed with the master key"}},
		{0x3F, false, 4, inspect.Rule{What: "other keys", Rule: "are changed with key 3"}},
		{0xEF, false, 4, inspect.Rule{What: "other keys", Rule: "are changed each with itself"}},
		{0xFF, false, 4, inspect.Rule{What: "other keys", Rule: "cannot be changed"}},
		{0x0B, false, 2, inspect.Rule{What: "files", Rule: "are made and deleted with the master key only"}},
		{0x0F, true, 2, inspect.Rule{What: "applications", Rule: "are made without a key, and deleted with their own master key"}},
	} {
		rules := inspect.RulesOf(tc.ks1, tc.ofCard)
		if len(rules) <= tc.at || rules[tc.at] != tc.want {
			t.Errorf("%02X: %+v, want %+v at %d", byte(tc.ks1), rules, tc.want, tc.at)
		}
	}
}

func TestSDMInWords(t *testing.T) {
	sdm := func(options wire.SDMOptions, a wire.SDMAccess, enc uint32) *wire.FileSettings {
		return &wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionSDM, SDM: &wire.SDM{Options: options, Access: a, ENCLength: enc}}
	}
	for _, tc := range []struct {
		fs   *wire.FileSettings
		want string
	}{
		{sdm(wire.SDMUID|wire.SDMReadCtr, wire.NewSDMAccess(2, 1, wire.Never), 0), "mirrors UID and counter enciphered with key 2, MAC with key 1; read without a key shows it"},
		{sdm(wire.SDMUID, wire.NewSDMAccess(wire.Free, wire.Never, wire.Never), 0), "mirrors UID in plain"},
		{sdm(wire.SDMReadCtr|wire.SDMEncFile, wire.NewSDMAccess(wire.Free, 3, wire.Free), 32), "mirrors counter in plain, 32 bytes enciphered with key 3, MAC with key 3; read without a key shows it"},
		{sdm(0, wire.NewSDMAccess(wire.Never, wire.Never, wire.Never), 0), "mirrors nothing"},
	} {
		f := inspect.NewFile(2, tc.fs)
		if f.SDM == nil || f.SDM.Words != tc.want {
			t.Errorf("%+v, want %q", f.SDM, tc.want)
		}
	}
}
