package perso_test

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// option is an option of a layout, as a layout file says it.
func option(t testing.TB, name, text string) perso.Option {
	t.Helper()
	for _, o := range perso.Options() {
		if o.Name == name {
			s, err := o.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			return perso.Option{Name: name, Setting: s}
		}
	}
	t.Fatalf("no option %s", name)
	return perso.Option{}
}

// campusCard has access, a purse and a library, a master key, and options, some of
// them for ever.
func campusCard(t testing.TB, g wire.Generation) *perso.Layout {
	started := int32(500)
	l := &perso.Layout{
		Generations: []wire.Generation{g},
		Card: &perso.Level{KeySettings: settingsPtr(0x09), Options: []perso.Option{
			option(t, "no-messaging", "d40"), option(t, "no-format", ""), option(t, perso.OptionRandomUID, ""),
			option(t, "proximity-required", "false"), option(t, "virtual-card-required", "false"),
		}},
		Applications: []perso.Application{
			{Place: wire.Place{AID: appA}, Label: "campus", KeySettings: settingsPtr(0x09), KeyType: wire.KeyAES, KeyCount: 3, Files: []perso.File{
				{No: 1, Settings: wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionFull, Access: access(1, 0, wire.Never, 0), Size: 32}, Data: []byte("4711|Ada")},
				{No: 2, Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(2, wire.Never, 0, 0), Upper: 100000, Flags: wire.ValueLimitedCredit}, First: &started},
				{No: 4, Settings: wire.FileSettings{Type: wire.FileBackup, Option: wire.OptionMAC, Access: access(1, wire.Never, 0, wire.Never), Size: 16}, FirstData: []byte("doors 1 to 9")},
			}},
			{Place: wire.Place{AID: appB}, Label: "library", KeySettings: settingsPtr(0xFD), KeyType: wire.KeyAES, KeyCount: 2, ISOID: 0xE110, DFName: []byte("library"), Files: []perso.File{
				{No: 0, Settings: wire.FileSettings{Type: wire.FileCyclicRecord, Option: wire.OptionMAC, Access: access(1, 1, 0, 0), RecordSize: 16, MaxRecords: 5}},
				{No: 1, Settings: wire.FileSettings{Type: wire.FileStandard, Access: access(wire.Free, 0, wire.Never, wire.Never), Size: 20}, Data: []byte("reader 4711")},
			}},
		},
	}
	if g == wire.EV3 {
		l.Card.Options = append(l.Card.Options, option(t, "failed-attempts", "1000:10"), option(t, "legacy-random-uid", "true"))
	}
	return l
}

// transitCard is a purse whose transactions have a MAC, and name their reader.
func transitCard(testing.TB) *perso.Layout {
	started := int32(0)
	return &perso.Layout{
		Generations: []wire.Generation{wire.EV3},
		Card:        &perso.Level{KeySettings: settingsPtr(0x0B)},
		Applications: []perso.Application{{
			Place: wire.Place{AID: appA}, KeySettings: settingsPtr(0x09), KeyType: wire.KeyAES, KeyCount: 4, Files: []perso.File{
				{No: 1, Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(1, wire.Never, 2, 0), Upper: 50000}, First: &started},
				{No: 2, Settings: wire.FileSettings{Type: wire.FileLinearRecord, Option: wire.OptionFull, Access: access(3, 1, 2, 0), RecordSize: 24, MaxRecords: 4}},
				{No: 3, Settings: wire.FileSettings{Type: wire.FileBackup, Option: wire.OptionFull, Access: access(1, 2, 2, 0), Size: 48, Additional: []wire.AccessRights{access(3, wire.Never, wire.Never, wire.Never)}}, Data: bytesOf(40, 3)},
				{No: 15, Settings: wire.FileSettings{Type: wire.FileTransactionMAC, Option: wire.OptionFull, Access: access(3, wire.Never, 3, 0), TMKeyOption: wire.TMKeyAES, TMKeyVersion: 1}},
			},
		}},
	}
}

// tagCard shows a URI with its identifier, a counter and a MAC.
func tagCard(t testing.TB, g wire.Generation) *perso.Layout {
	text := []byte("\x00\x55\xD1\x01\x51\x55\x04x.example/t?picc=00000000000000000000000000000000&mac=0000000000000000")
	f := perso.File{No: 2, Settings: wire.FileSettings{
		Type: wire.FileStandard, Option: wire.OptionSDM, Access: access(wire.Free, 0, 0, wire.Never), Size: 256,
		SDM: &wire.SDM{Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr, Access: wire.NewSDMAccess(1, 2, wire.Never), PICCDataOffset: 23, MACInputOffset: 60, MACOffset: 60},
	}, Data: text}
	if g == wire.NTAG424 {
		return &perso.Layout{
			Generations:  []wire.Generation{g},
			Card:         &perso.Level{Options: []perso.Option{option(t, "failed-attempts", "1000:10"), option(t, perso.OptionRandomUID, "")}},
			Applications: []perso.Application{{Place: wire.Place{Fixed: true}, KeyType: wire.KeyAES, KeyCount: wire.FixedKeys, Files: []perso.File{f}}},
		}
	}
	f.ISOID = 0xE104
	cc := perso.File{No: 1, ISOID: 0xE103, Settings: wire.FileSettings{Type: wire.FileStandard, Access: access(wire.Free, 0, 0, 0), Size: 23}, Data: bytesOf(23, 0)}
	return &perso.Layout{Generations: []wire.Generation{g}, Applications: []perso.Application{{
		Place: wire.Place{AID: 1}, KeySettings: settingsPtr(0x0B), KeyType: wire.KeyAES, KeyCount: 5, ISOID: 0xE110, DFName: []byte{0xD2, 0x76, 0, 0, 0x85, 1, 1}, ISOFiles: true,
		Files: []perso.File{cc, f},
	}}}
}

// keysOfCard are keys for a card, and an AES key for its master.
func keysOfCard(t testing.TB, l *perso.Layout) keystore.Map {
	keys := keysFor(t, l, 0x20)
	if l.Card != nil && !l.Applications[0].Place.Fixed {
		keys[keystore.Ref{}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{}, 7, 0x20), Source: "test"}
	}
	return keys
}
