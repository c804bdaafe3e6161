package dump_test

import (
	"bytes"
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

const (
	appAES wire.AID = 0xF48121
	appDES wire.AID = 0x121314
	appISO wire.AID = 0xF53456
)

func zero(t key.Type) key.Key { return key.Zero(t) }

// filled is a card with everything that its generation can have.
func filled(t testing.TB, g wire.Generation) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}})
	must(t, err)
	if g.FixedName() != nil {
		return picc
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	defer card.Close()
	must(t,
		card.CreateApplication(ctx, &wire.CreateApplication{AID: appDES, KS1: 0x2B, KS2: wire.NewKeySett2(wire.KeyDES, 3)}),
		card.SelectApplication(ctx, appDES),
		card.Authenticate(ctx, 0, zero(key.TypeDES)),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 5, Option: wire.OptionMAC, Access: wire.AccessRightsFromUint16(0xE100), Size: 40}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Access: wire.AccessRightsFromUint16(0xE220), Lower: -5, Upper: 100, Value: 7, Flags: wire.ValueLimitedCredit}),
		card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 2, Access: wire.AccessRightsFromUint16(0xEEE0), RecordSize: 4, MaxRecords: 3}),
		card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: 0, Access: wire.AccessRightsFromUint16(0xFFF0), RecordSize: 40, MaxRecords: 3}),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 3, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1230), Size: 4}),
		card.SelectApplication(ctx, appDES),
	)
	for n := byte(1); n < 3; n++ {
		_, err = card.Transact(ctx, func() error { return card.WriteRecord(ctx, 2, 0, []byte{n, 2, 3, 4}) })
		must(t, err)
	}
	if g == wire.D40 {
		return picc
	}
	iso := &wire.CreateApplication{AID: appISO, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2) | wire.SettISOFiles, FID: 0x1234, DFName: []byte("purse\x1b[m")}
	must(t,
		card.SelectApplication(ctx, wire.PICC),
		card.CreateApplication(ctx, iso),
		card.SelectApplication(ctx, appISO),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 7, FID: 0xE107, Access: wire.AccessRightsFromUint16(0xEEEE), Size: 8}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 6, Access: wire.AccessRightsFromUint16(0x1111), Upper: 9}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 2, FID: 0xE102, Access: wire.AccessRightsFromUint16(0xEEEE), Size: 8}),
	)
	if g == wire.EV1 {
		return picc
	}
	sets := &wire.CreateApplication{
		AID: appAES, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3), KS3: wire.SettKeySets,
		KeySetConfig: wire.KeySetConfig{AKSVersion: 1, NoKeySets: 3, MaxKeySize: 24, AppKeySetSett: 1},
	}
	must(t,
		card.SelectApplication(ctx, wire.PICC),
		card.CreateApplication(ctx, sets),
		card.SelectApplication(ctx, appAES),
		card.Authenticate(ctx, 0, zero(key.TypeAES)),
		card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: 15, Access: wire.AccessRightsFromUint16(0xEF10), KeyOption: wire.TMKeyAES, Key: wire.NewSecret(make([]byte, 16)), KeyVersion: 4}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Access: wire.AccessRightsFromUint16(0xE000), Size: 8}),
	)
	_, err = desfire.Do(ctx, card, &wire.ChangeFileSettings{File: 1, Access: wire.AccessRightsFromUint16(0xE000), Additional: []wire.AccessRights{wire.AccessRightsFromUint16(0x1F2F)}})
	must(t, err)
	if g == wire.EV3 {
		mirror(t, card)
	}
	return picc
}

// mirror makes a file with secure dynamic messaging, whose counter key 0 may ask
// for, and reads it as a phone does.
func mirror(t testing.TB, card *desfire.Card) {
	t.Helper()
	ctx := context.Background()
	template, err := sdm.ParseTemplate("https://a.example/?u={uid}&c={ctr}&m={mac}", false)
	must(t, err)
	content, mirrors, err := template.NDEFFile(128, 2, 1, 0)
	must(t, err)
	must(t,
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 8, Option: wire.OptionSDM, Access: wire.AccessRightsFromUint16(0xE000), Size: 128}),
		card.ProvisionSDM(ctx, &desfire.SDMFile{File: 8, Content: content, SDM: mirrors}),
		card.SelectApplication(ctx, appAES),
	)
	_, err = card.ReadData(ctx, 8, 0, 0)
	must(t, err)
}

// whole reads all that the keys of a fresh card show.
func whole(t testing.TB, picc *sim.Card) *inspect.Card {
	t.Helper()
	ctx := context.Background()
	picc.Lift()
	must(t, picc.Return())
	card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Reader: "desk"})
	must(t, err)
	defer card.Close()
	c, err := inspect.Read(ctx, card, &inspect.Config{
		Ask: inspect.Everything,
		Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
			if err := card.Select(ctx, p); err != nil {
				return err
			}
			switch {
			case p.IsCard() && card.Generation().FixedName() == nil, p.AID == appDES:
				return card.Authenticate(ctx, 0, zero(key.TypeDES))
			case p.AID == appAES, p.Fixed:
				return card.Authenticate(ctx, 0, zero(key.TypeAES))
			}
			return nil
		},
	})
	must(t, err)
	return c
}

// bare is a card without the errors of refusals, of which JSON keeps the status.
func bare(c *inspect.Card) *inspect.Card {
	drop := func(list []inspect.Missing) {
		for i := range list {
			list[i].Err = nil
		}
	}
	drop(c.Missing)
	for i := range c.Applications {
		a := &c.Applications[i]
		drop(a.Missing)
		for k := range a.Files {
			drop(a.Files[k].Missing)
		}
	}
	return c
}

// What was written is what is read, of every generation.
func TestRoundTrip(t *testing.T) {
	for _, g := range wire.Generations {
		t.Run(g.String(), func(t *testing.T) {
			c := whole(t, filled(t, g))
			var b bytes.Buffer
			at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
			must(t, dump.Write(&b, c, &dump.Info{Written: at, By: "desfire 1.2"}))
			d, err := dump.Read(b.Bytes())
			must(t, err)
			if d.Format != dump.FormatOwn || d.Version != 1 || !d.Written.Equal(at) || d.By != "desfire 1.2" || d.Notes != nil {
				t.Errorf("%+v", d)
			}
			if !reflect.DeepEqual(bare(d.Card), bare(c)) {
				t.Errorf("%s\n got %+v\nwant %+v", b.String(), d.Card, c)
			}
		})
	}
}
