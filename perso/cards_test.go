package perso_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

const (
	appA wire.AID = 0xF48121
	appB wire.AID = 0x121314
)

// memJournal is a journal in memory.
type memJournal []rekey.Entry

func (j *memJournal) Record(_ context.Context, e rekey.Entry) error {
	*j = append(*j, e)
	return nil
}

func (j *memJournal) Entries(context.Context) ([]rekey.Entry, error) { return *j, nil }

// open are the changes of which the journal does not know what became.
func (j *memJournal) open() (list []rekey.Entry) {
	for i, open := range rekey.OpenEntries(*j) {
		if open {
			list = append(list, (*j)[i])
		}
	}
	return list
}

func newPICC(t testing.TB, g wire.Generation) *sim.Card {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	return picc
}

func connect(t testing.TB, picc *sim.Card) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(context.Background(), picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// theKey is a key of a place, that says of itself where it belongs.
func theKey(t testing.TB, typ key.Type, p wire.Place, no int, version byte) *key.Secret {
	t.Helper()
	if typ == key.TypeDES {
		typ = key.Type2K3DES
	}
	b := make([]byte, typ.Size())
	for i := range b {
		b[i] = byte(0x10*no) + byte(2*i) + byte(p.AID)<<1 + version<<3
	}
	k, err := key.New(typ, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k.WithVersion(version)
}

// keysFor are keys for all that a layout has.
func keysFor(t testing.TB, l *perso.Layout, version byte) keystore.Map {
	t.Helper()
	m := keystore.Map{}
	for _, a := range l.Applications {
		version := version
		if a.KeySettings != nil && !a.KeySettings.Has(wire.SettMasterChangeable) {
			version &^= 1 // they are set once
		}
		for no := range a.KeyCount {
			ref := keystore.Ref{Place: a.Place, Key: keystore.Number(wire.KeyNo(no))}
			m[ref] = keystore.Given{Key: theKey(t, key.FromWire(a.KeyType), a.Place, no, version), Source: "test"}
		}
		if a.Place.Fixed {
			continue // its file is there, with a key of zeros
		}
		m[keystore.Ref{Place: a.Place, Key: keystore.RoleTransactionMAC.ID()}] = keystore.Given{Key: theKey(t, key.TypeAES, a.Place, 9, 1)}
	}
	if l.Card != nil {
		m[keystore.Ref{}] = keystore.Given{Key: theKey(t, key.TypeDES, wire.Place{}, 7, version)}
	}
	return m
}

func settingsPtr(s wire.KeySett1) *wire.KeySett1 { return &s }
func valuePtr(v int32) *int32                    { return &v }

func access(read, write, readWrite, change wire.Access) wire.AccessRights {
	return wire.AccessRights{Read: read, Write: write, ReadWrite: readWrite, Change: change}
}

func bytesOf(n int, from byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

// rich is a layout with everything that a generation can have.
func rich(g wire.Generation) *perso.Layout {
	if g.FixedName() != nil {
		return richFixed(g)
	}
	typ := wire.KeyDES
	if g != wire.D40 {
		typ = wire.KeyAES
	}
	a := perso.Application{
		Place: wire.Place{AID: appA}, KeySettings: settingsPtr(0x2B), KeyType: typ, KeyCount: 5,
		Files: []perso.File{
			{No: 1, Settings: wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionFull, Access: access(1, 2, wire.Never, 0), Size: 80}, Data: bytesOf(70, 1)},
			// Nobody may write it, ever.
			{No: 2, Settings: wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionMAC, Access: access(wire.Free, wire.Never, wire.Never, wire.Never), Size: 10}, Data: bytesOf(10, 7)},
			{No: 3, Settings: wire.FileSettings{Type: wire.FileBackup, Access: access(3, 3, 1, 0), Size: 33}, Data: bytesOf(33, 0xA0)},
			{No: 4, Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionMAC, Access: access(1, wire.Never, 2, 0), Lower: -10, Upper: 1000, Flags: wire.ValueLimitedCredit}, Value: valuePtr(123)},
			{No: 5, Settings: wire.FileSettings{Type: wire.FileLinearRecord, Option: wire.OptionFull, Access: access(1, 2, 0, 0), RecordSize: 5, MaxRecords: 3}, Records: [][]byte{bytesOf(5, 1), bytesOf(5, 1)}},
			{No: 6, Settings: wire.FileSettings{Type: wire.FileCyclicRecord, Access: access(1, wire.Never, 3, 2), RecordSize: 8, MaxRecords: 3}, Records: [][]byte{bytesOf(8, 1), bytesOf(8, 9)}},
		},
	}
	l := &perso.Layout{Generations: []wire.Generation{g}, Card: &perso.Level{KeySettings: settingsPtr(0x09)}}
	b := perso.Application{
		// Frozen: nothing of its keys and settings can be changed afterwards.
		Place: wire.Place{AID: appB}, KeySettings: settingsPtr(0xF0), KeyType: wire.KeyDES, KeyCount: 2,
		Files: []perso.File{{No: 0, Settings: wire.FileSettings{Type: wire.FileStandard, Access: access(wire.Free, 1, wire.Never, wire.Never), Size: 4}, Data: []byte("abcd")},
			{No: 1, Settings: wire.FileSettings{Type: wire.FileLinearRecord, Option: wire.OptionMAC, Access: access(1, 1, wire.Never, wire.Never), RecordSize: 3, MaxRecords: 2}, Records: [][]byte{[]byte("xyz")}},
			{No: 2, Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(wire.Never, wire.Never, 1, wire.Never), Upper: 9}, Value: valuePtr(4)},
		},
	}
	if g == wire.EV1 {
		l.Card.KeySettings = settingsPtr(0x0B)
	}
	if g != wire.D40 {
		b.KeyType = wire.Key3K3DES
		b.ISOID, b.DFName = 0x1234, []byte("perso")
		b.ISOFiles, b.Files[0].ISOID, b.Files[1].ISOID = true, 0xE104, 0xE103
	}
	if g.Has(wire.FeatureTMAC) {
		a.Files[2].Settings.Additional = []wire.AccessRights{access(4, wire.Never, wire.Never, wire.Never)}
		a.Files = append(a.Files, perso.File{No: 7, Settings: wire.FileSettings{
			Type: wire.FileTransactionMAC, Option: wire.OptionTMCLimit, Access: access(1, wire.Never, 4, 0), TMKeyOption: wire.TMKeyAES, TMKeyVersion: 1,
			Limit: wire.TMCLimit{Limit: 5000},
		}})
		a.KeySett3 = wire.SettKeySets
		a.KeySets = &wire.KeySetConfig{AKSVersion: 1, NoKeySets: 2, MaxKeySize: 16}
	}
	if g == wire.EV3 {
		a.Files = append(a.Files, perso.File{No: 8, Settings: wire.FileSettings{
			Type: wire.FileStandard, Access: access(wire.Free, 2, wire.Never, 2), Size: 128,
			SDM: &wire.SDM{Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr, Access: wire.NewSDMAccess(wire.Free, 3, wire.Never), UIDOffset: 10, ReadCtrOffset: 30, MACInputOffset: 40, MACOffset: 40},
		}, Data: bytesOf(128, 0)})
	}
	l.Applications = []perso.Application{a, b}
	return l
}

func richFixed(g wire.Generation) *perso.Layout {
	a := perso.Application{Place: wire.Place{Fixed: true}, KeyType: wire.KeyAES, KeyCount: wire.FixedKeys}
	if g == wire.NTAG424 {
		a.Files = []perso.File{
			{No: 2, Settings: wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionSDM, Access: access(wire.Free, 1, 1, 0), Size: 256,
				SDM: &wire.SDM{Options: wire.SDMASCII | wire.SDMUID | wire.SDMReadCtr, Access: wire.NewSDMAccess(2, 3, wire.Never), PICCDataOffset: 20, MACInputOffset: 60, MACOffset: 60}}, Data: bytesOf(100, 1)},
			{No: 3, Settings: wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionFull, Access: access(2, 3, 3, wire.Never), Size: 128}, Data: bytesOf(128, 3)},
		}
	} else {
		a.Files = []perso.File{
			{No: 0, Settings: wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionMAC, Access: access(1, wire.Never, wire.Never, 3), Size: 256}, Data: bytesOf(200, 1)},
			{No: 1, Settings: wire.FileSettings{Type: wire.FileCyclicRecord, Option: wire.OptionFull, Access: access(1, 2, 3, 0), RecordSize: 16, MaxRecords: 5}, Records: [][]byte{bytesOf(16, 1), bytesOf(16, 2)}},
			{No: 3, Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(1, 2, 3, 0), Upper: 1<<31 - 1, Flags: wire.ValueLimitedCredit | wire.ValueFreeGet}, Value: valuePtr(77)},
		}
	}
	return &perso.Layout{Generations: []wire.Generation{g}, Applications: []perso.Application{a}}
}

// moved is rich with other contents, rights and values, in the same structure.
func moved(g wire.Generation) *perso.Layout {
	l := rich(g)
	for i := range l.Applications[0].Files {
		f := &l.Applications[0].Files[i]
		switch s := &f.Settings; s.Type {
		case wire.FileStandard:
			if s.Access.Change != wire.Never {
				f.Data = bytesOf(len(f.Data), 0x51)
				s.Option, s.Access.Write, s.Access.Change = wire.OptionMAC|s.Option&wire.OptionSDM, wire.Never, wire.Never
			}
		case wire.FileBackup:
			f.Data = append(f.Data[:30:30], 1, 2, 3)
			s.Additional = nil
		case wire.FileValue:
			*f.Value -= 50
			s.Access.Read = wire.Never
		case wire.FileLinearRecord:
			f.Records = [][]byte{f.Records[0], bytesOf(5, 0x30), bytesOf(5, 0x40)}
		case wire.FileCyclicRecord:
			f.Records = append(f.Records, bytesOf(int(s.RecordSize), 0x77))[1:]
		}
	}
	return l
}

// readAll reads a card as deep as all keys of a store together allow.
func readAll(t testing.TB, picc *sim.Card, keys keystore.Store) *inspect.Card {
	t.Helper()
	ctx := context.Background()
	var all *inspect.Card
	for no := range wire.KeyNo(5) {
		c, err := inspect.Read(ctx, connect(t, picc), &inspect.Config{
			Ask: inspect.Everything,
			Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
				if err := card.Select(ctx, p); err != nil {
					return err
				}
				if p.IsCard() && card.Generation() == wire.EV1 {
					return nil // it tells names outside of sessions only
				}
				with := no
				k, err := keys.Key(ctx, keystore.Ref{Place: p, Key: keystore.Number(with)})
				if err != nil {
					with = 0
					if k, err = keys.Key(ctx, keystore.Ref{Place: p, Key: keystore.Number(with)}); err != nil {
						return nil
					}
				}
				return card.Authenticate(ctx, with, k)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if all == nil {
			all = c
			continue
		}
		if all.MissingPart(inspect.PartNames) != nil && c.MissingPart(inspect.PartNames) == nil {
			t.Fatal("names can be read without a key only")
		}
		for i := range all.Applications {
			if c.Applications[i].Files == nil {
				continue // listed with the master key only
			}
			for j := range all.Applications[i].Files {
				to, from := &all.Applications[i].Files[j], &c.Applications[i].Files[j]
				if from.MissingPart(inspect.PartContent) == nil && from.Settings != nil {
					to.Data, to.Content, to.Value, to.Missing = from.Data, from.Content, from.Value, nil
				}
			}
		}
	}
	return all
}

// sameLayout compares what two layouts say.
func sameLayout(t testing.TB, got, want *perso.Layout) {
	t.Helper()
	if g, w := layoutText(got), layoutText(want); g != w {
		t.Errorf("the cards differ\n%s\nwant\n%s", g, w)
	}
}

func layoutText(l *perso.Layout) (s string) {
	version := func(keys []perso.KeyWant) (s string) {
		for _, k := range keys {
			s += fmt.Sprintf(" %d:%02X", k.No, *k.Version)
		}
		return s
	}
	if l.Card != nil {
		s += fmt.Sprintf("card %v%s\n", *l.Card.KeySettings, version(l.Card.Keys))
	}
	for _, a := range l.Applications {
		s += fmt.Sprintf("%v %v %q %v %d %v%s\n", a.Place, a.ISOID, a.DFName, a.KeyType, a.KeyCount, a.ISOFiles, version(a.Keys))
		if a.KeySettings != nil {
			s += fmt.Sprintf("  %v %+v\n", *a.KeySettings, a.KeySets)
		}
		for _, f := range a.Files {
			fs := f.Settings
			if fs.SDM != nil {
				s += fmt.Sprintf("  %+v\n", *fs.SDM)
				fs.SDM = nil
			}
			s += fmt.Sprintf("  %d %v %+v %X %X", f.No, f.ISOID, fs, f.Data, f.Records)
			if f.Value != nil {
				s += fmt.Sprint(" value ", *f.Value)
			}
			s += "\n"
		}
	}
	return s
}
