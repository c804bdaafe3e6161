package desfire_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// What a Card hands out, and what it was given, may be edited.
func TestAnswersAreTheCallers(t *testing.T) {
	ctx := context.Background()
	card := connect(t, newPICC(t, wire.EV3))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	v, err := card.Version(ctx)
	must(err)
	want := *v
	v.UID, v.Hardware.Type = wire.UID{}, 0
	*card.KnownVersion() = wire.Version{}
	clear(card.UID())
	if got := card.KnownVersion(); !reflect.DeepEqual(&want, got) {
		t.Errorf("the version is another now: %+v", got)
	}

	app := &wire.CreateApplication{AID: 0x010203, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}
	must(card.CreateApplication(ctx, app))
	must(card.SelectApplication(ctx, app.AID))
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Access: free, Size: 16}))
	assumed := wire.FileSettings{
		Type: wire.FileStandard, Access: free, Size: 16,
		Additional: []wire.AccessRights{free}, SDM: &wire.SDM{Options: 1},
	}
	must(card.AssumeFileSettings(1, assumed))
	clear(assumed.Additional)
	*assumed.SDM = wire.SDM{}
	known := desfire.Known(card, 1)
	if known.Additional[0] != free || known.SDM.Options != 1 {
		t.Errorf("what was assumed is %+v now", known)
	}
	must(card.AssumeFileSettings(1, wire.FileSettings{Type: wire.FileUnknown}))
	must(card.SelectApplication(ctx, app.AID))
	b, err := card.ReadData(ctx, 1, 0, 16)
	must(err)
	copy(b, "edited by the caller")
	again, err := card.ReadData(ctx, 1, 0, 16)
	must(err)
	if !reflect.DeepEqual(make([]byte, 16), again) {
		t.Errorf("the file is another now: % X", again)
	}
}

func TestFileSettingsAreTheCallers(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV3)
	card := connect(t, picc)
	app := &wire.CreateApplication{AID: 0x010203, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}
	for _, err := range []error{card.CreateApplication(ctx, app), card.SelectApplication(ctx, app.AID),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Upper: 9, Option: wire.FileOption(wire.CommFull)})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	card = connect(t, picc)
	if err := card.SelectApplication(ctx, app.AID); err != nil {
		t.Fatal(err)
	}
	fs, err := card.FileSettings(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := *fs
	*fs = wire.FileSettings{}
	if got := desfire.Known(card, 1); !reflect.DeepEqual(&want, got) {
		t.Errorf("the settings are others now: %+v", got)
	}
}
