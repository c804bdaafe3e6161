package inspect_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// What the further bits cost and bring: key sets, ISO identifiers in the order of
// the files that have one, the signature.
func TestReadMore(t *testing.T) {
	ctx := context.Background()
	_, connect := onCard(t, wire.EV2)
	card, _ := connect()
	must(t,
		card.CreateApplication(ctx, &wire.CreateApplication{
			AID: app, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1) | wire.SettISOFiles, FID: 0x1234, DFName: []byte("x"),
			KS3: wire.SettKeySets, KeySetConfig: wire.KeySetConfig{AKSVersion: 9, NoKeySets: 2, MaxKeySize: 16},
		}),
		card.SelectApplication(ctx, app),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 9, FID: 0xE109, Access: rights(0xEEEE), Size: 1}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 3, Access: rights(0xEEEE)}),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 1, FID: 0xE101, Access: rights(0xEEEE), Size: 1}),
	)
	for ask, want := range map[inspect.Ask]string{
		inspect.AskOriginality:                      "ReadSignature",
		inspect.AskUID:                              "",
		inspect.AskKeySettings | inspect.AskKeySets: "SelectApplication GetKeySettings GetKeyVersion",
		inspect.AskFiles | inspect.AskISOFiles | inspect.AskCounters: "SelectApplication GetFileIDs GetFileSettings GetFileSettings GetFileSettings GetISOFileIDs",
	} {
		card, sent := connect()
		c, err := inspect.Read(ctx, card, &inspect.Config{Ask: ask, Places: []wire.Place{{AID: app}}})
		must(t, err)
		if got := strings.Join(*sent, " "); got != want {
			t.Errorf("%b: sent %s, want %s", ask, got, want)
		}
		a := c.Applications[0]
		if ask&inspect.AskOriginality != 0 && len(c.Signature) != 56 {
			t.Errorf("signature %X", []byte(c.Signature))
		}
		if ask&inspect.AskKeySets != 0 && (!slices.Equal(a.KeySets, []inspect.KeySet{{0, 9}, {1, 0}}) || *a.KeySettings.Sets != inspect.KeySets{2, 9, 16, 0}) {
			t.Errorf("%+v, %+v", a.KeySets, a.KeySettings.Sets)
		}
		if ask&inspect.AskISOFiles != 0 {
			for i, id := range []string{"\xE1\x09", "", "\xE1\x01"} {
				if string(a.Files[i].ISOID) != id || a.Missing != nil {
					t.Errorf("file %d: %X, missing %+v", a.Files[i].No, []byte(a.Files[i].ISOID), a.Missing)
				}
			}
		}
	}
}

// A card with a random identifier tells the real one in a session.
func TestReadRandomID(t *testing.T) {
	ctx := context.Background()
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: uid})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	zero := key.Zero(key.TypeDES)
	must(t, card.Authenticate(ctx, 0, zero), card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}), card.Close())
	for _, session := range []bool{false, true} {
		picc.Lift()
		must(t, picc.Return())
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		must(t, err)
		conf := &inspect.Config{Ask: inspect.Everything}
		if session {
			conf.Enter = func(ctx context.Context, card *desfire.Card, p wire.Place) error {
				must(t, card.Select(ctx, p))
				return card.Authenticate(ctx, 0, zero)
			}
		}
		c, err := inspect.Read(ctx, card, conf)
		must(t, err)
		want := ""
		if session {
			want = string(uid)
		}
		if string(c.UID) != want || !c.RandomID || c.Name == "" || strings.HasSuffix(c.Name, "(random ID)") == session {
			t.Errorf("session %v: %+v", session, c)
		}
		if signed := len(c.Signature) > 0; signed != session || (c.MissingPart(inspect.PartSignature) == nil) != session || (c.MissingPart(inspect.PartUID) == nil) != session {
			t.Errorf("session %v: signature %v, missing %v", session, signed, c.Missing)
		}
	}
	// A card that tells the signature to nobody is asked twice, and not for ever.
	picc.Lift()
	must(t, picc.Return())
	asked := 0
	card, err = desfire.Connect(ctx, &forging{Transport: picc.Present(), ins: wire.InsReadSignature, answer: []byte("\x91\xAE"), always: true}, nil)
	must(t, err)
	c, err := inspect.Read(ctx, card, &inspect.Config{Ask: inspect.Everything, Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
		asked++
		must(t, card.Select(ctx, p))
		return card.Authenticate(ctx, 0, zero)
	}})
	must(t, err)
	if asked > 5 || c.MissingPart(inspect.PartSignature) == nil || len(c.Signature) > 0 {
		t.Errorf("entered %d times, signature %X, missing %v", asked, []byte(c.Signature), c.Missing)
	}
}

// A forged list names a file and an application twice: they are read once.
func TestReadForgedLists(t *testing.T) {
	ctx := context.Background()
	picc, connect := onCard(t, wire.EV2)
	card, _ := connect()
	must(t,
		card.CreateApplication(ctx, &wire.CreateApplication{AID: app, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		card.SelectApplication(ctx, app),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Access: rights(0xEEEE), Size: 1}),
	)
	for ins, answer := range map[byte]string{wire.InsGetFileIDs: "\x01\x01\x91\x00", wire.InsGetApplicationIDs: "\x14\x13\x12\x14\x13\x12\x91\x00"} {
		picc.Lift()
		must(t, picc.Return())
		card, err := desfire.Connect(ctx, &forging{Transport: picc.Present(), ins: ins, answer: []byte(answer)}, nil)
		must(t, err)
		c, err := inspect.Read(ctx, card, nil)
		must(t, err)
		if len(c.Applications) != 1 || len(c.Applications[0].Files) != 1 {
			t.Errorf("%02X: %+v", ins, c)
		}
	}
}
