package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

// What the card would refuse is refused before anything is written.
func TestCheckSDM(t *testing.T) {
	ctx := context.Background()
	for _, x := range []sunTag{sunTags[0], sunTags[3]} {
		picc := x.make(t)
		card := connect(t, picc)
		if err := x.enter(ctx, card); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*desfire.SDMFile){
			"key 5":         func(f *desfire.SDMFile) { f.SDM.Access = wire.NewSDMAccess(2, 5, wire.Never) },
			"is key 7":      func(f *desfire.SDMFile) { f.SDM.Access = wire.NewSDMAccess(7, 1, wire.Never) },
			"is key 9":      func(f *desfire.SDMFile) { f.SDM.Access = wire.NewSDMAccess(2, 1, 9) },
			"need both UID": func(f *desfire.SDMFile) { f.SDM.Options &^= wire.SDMUID },
			"overlap": func(f *desfire.SDMFile) {
				f.SDM.MACOffset = f.SDM.PICCDataOffset + 20
				f.SDM.MACInputOffset = 0
				f.SDM.Options &^= wire.SDMEncFile
			},
			"the file has 256":  func(f *desfire.SDMFile) { f.SDM.MACOffset = 250 },
			"limit of the":      func(f *desfire.SDMFile) { f.SDM.Options |= wire.SDMReadCtrLimit },
			"must cover":        func(f *desfire.SDMFile) { f.SDM.MACInputOffset = f.SDM.MACOffset },
			"multiple of 32":    func(f *desfire.SDMFile) { f.SDM.ENCLength = 16 },
			"do not fit":        func(f *desfire.SDMFile) { f.Content = make([]byte, 257) },
			"rights name key 6": func(f *desfire.SDMFile) { f.Access.Write = 6 },
		} {
			f := x.file(t, newTemplate, x.enter)
			change(f)
			if err := card.CheckSDM(ctx, f); !errors.As(err, new(*desfire.ArgumentError)) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %s: %v", x.name, name, err)
			}
			before, settings := x.holds(t, picc)
			card = connect(t, picc)
			if err := x.enter(ctx, card); err != nil {
				t.Fatal(err)
			}
			if err := card.ProvisionSDM(ctx, f); err == nil {
				t.Errorf("%s, %s: it was provisioned", x.name, name)
			}
			if after, now := x.holds(t, picc); !bytes.Equal(before, after) || settings != now {
				t.Errorf("%s, %s: the file was touched", x.name, name)
			}
			card = connect(t, picc)
			if err := x.enter(ctx, card); err != nil {
				t.Fatal(err)
			}
		}
		if err := card.CheckSDM(ctx, x.file(t, newTemplate, nil)); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
	}
	// A file that is not the one, and a session that is none.
	ntag := connect(t, sunTags[0].make(t))
	if err := sunTags[0].enter(ctx, ntag); err != nil {
		t.Fatal(err)
	}
	if _, err := ntag.FileSettings(ctx, 3); err != nil {
		t.Fatal(err)
	}
	f := sunTags[0].file(t, "{picc}{mac}", nil)
	f.File = 3
	if err := ntag.CheckSDM(ctx, f); err == nil || !strings.Contains(err.Error(), "only file 2 does") {
		t.Errorf("file 3: %v", err)
	}
	if err := ntag.Authenticate(ctx, 1, key.Zero(key.TypeAES)); err != nil {
		t.Fatal(err)
	}
	f.File = 2
	if err := ntag.CheckSDM(ctx, f); err == nil || !strings.Contains(err.Error(), "changed with key 0") {
		t.Errorf("key 1: %v", err)
	}
}

// The judgement of settings before they are sent, and the card's own, agree.
func TestCheckSDMAgrees(t *testing.T) {
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(7, 11))
	for _, x := range []sunTag{sunTags[0], sunTags[2]} {
		card := connect(t, x.make(t))
		if err := x.enter(ctx, card); err != nil {
			t.Fatal(err)
		}
		taken := 0
		for range 1500 {
			s := x.file(t, [...]string{newTemplate, oldTemplate, "https://x.example/{from}{uid}{mac}"}[rnd.IntN(3)], nil).SDM
			for range rnd.IntN(3) {
				near := func() uint32 { return uint32(rnd.IntN(260)) }
				switch rnd.IntN(10) {
				case 0:
					s.Options ^= 1 << rnd.IntN(8)
				case 1:
					s.Access = wire.NewSDMAccess(wire.Access(rnd.IntN(16)), s.Access.FileRead(), s.Access.CtrRet())
				case 2:
					s.Access = wire.NewSDMAccess(s.Access.MetaRead(), wire.Access(rnd.IntN(16)), s.Access.CtrRet())
				case 3:
					s.Access = wire.NewSDMAccess(s.Access.MetaRead(), s.Access.FileRead(), wire.Access(rnd.IntN(16)))
				case 4:
					s.PICCDataOffset = near()
				case 5:
					s.UIDOffset = near()
				case 6:
					s.ReadCtrOffset = near()
				case 7:
					s.MACInputOffset = near()
				case 8:
					s.ENCOffset, s.ENCLength = near(), uint32(rnd.IntN(5)*16)
				case 9:
					s.MACOffset = near()
				}
			}
			said := sdm.Check(&s, sdm.Site{Size: 256, Keys: 5, LRP: x.lrp})
			// What the options leave out does not travel: the card has no such key.
			err := card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 2, Option: wire.OptionSDM, Access: wire.AccessRights{Read: wire.Free}, SDM: &s})
			if (said == nil) != (err == nil) {
				t.Fatalf("%s: %+v: before %v, the card %v", x.name, s, said, err)
			}
			if err == nil {
				taken++
				continue
			}
			if err := x.enter(ctx, card); err != nil {
				t.Fatal(err)
			}
		}
		if taken < 100 || taken > 1400 {
			t.Errorf("%s: %d of 1500 were taken", x.name, taken)
		}
	}
}
