package perso_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// What only a new file is given is given once: what readers write later is theirs.
func TestFirstContents(t *testing.T) {
	ctx := context.Background()
	begin := int32(250)
	layout := func(a wire.AccessRights, typ wire.FileType) *perso.Layout {
		return small(func(_ *perso.Layout, app *perso.Application, f *perso.File) {
			f.Settings.Type, f.Settings.Access, f.Data, f.FirstData = typ, a, nil, []byte("first")
			app.Files = append(app.Files, perso.File{No: 2, First: &begin, Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(1, wire.Never, 2, 0), Upper: 1000}})
		})
	}
	for _, typ := range []wire.FileType{wire.FileStandard, wire.FileBackup} {
		for _, a := range []wire.AccessRights{access(1, 2, wire.Never, 0), {}, access(wire.Free, 0, 0, wire.Never)} {
			for _, g := range []wire.Generation{wire.EV1, wire.EV3} {
				picc := newPICC(t, g)
				p := apply(t, picc, layout(a, typ), nil)
				if len(p.Impossible)+len(p.Warnings) > 1 { // keys that everybody knows
					t.Error(p.Impossible, p.Warnings)
				}
				card := connect(t, picc)
				login := func(no wire.KeyNo) {
					t.Helper()
					if err := errors.Join(card.SelectApplication(ctx, appA), card.Authenticate(ctx, no, key.Zero(key.TypeAES))); err != nil {
						t.Fatal(err)
					}
				}
				login(wire.KeyNo(a.Read & 1))
				if b, err := card.ReadData(ctx, 1, 0, 5); err != nil || string(b) != "first" {
					t.Errorf("%v %v %v: %q, %v", g, typ, a, b, err)
				}
				login(1)
				if v, err := card.Value(ctx, 2); err != nil || v != begin {
					t.Errorf("%d, %v", v, err)
				}
				// A reader empties both.
				login(wire.KeyNo(a.Write & 2))
				write := func() error { return card.WriteData(ctx, 1, 0, make([]byte, 5)) }
				if typ == wire.FileBackup {
					_, err := card.Transact(ctx, write)
					write = func() error { return err }
				}
				if err := write(); err != nil {
					t.Fatal(err)
				}
				login(2)
				if _, err := card.Transact(ctx, func() error { return card.Debit(ctx, 2, begin) }); err != nil {
					t.Fatal(err)
				}
				if p := plan(t, picc, layout(a, typ), nil); len(p.Steps) > 0 {
					t.Errorf("%v %v %v: %q", g, typ, a, words(p))
				}
				list, err := perso.Verify(ctx, connect(t, picc), layout(a, typ), nil)
				mustBe(t, list, err)
				if other := access(1, 1, 1, 0); a.Change != wire.Never {
					p := apply(t, picc, layout(other, typ), nil)
					if len(p.Steps) != 1 || p.Steps[0].Kind != perso.ChangeFileSettings {
						t.Errorf("%v %v %v: %q", g, typ, a, words(p))
					}
				}
			}
		}
	}
}

// A file that is being made is finished, whatever it holds of its first contents.
func TestFirstContentsTorn(t *testing.T) {
	ctx := context.Background()
	for _, typ := range []wire.FileType{wire.FileStandard, wire.FileBackup} {
		l := small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) {
			f.Settings.Type, f.Settings.Size, f.Settings.Access = typ, 150, access(0, wire.Never, wire.Never, wire.Never)
			f.Data, f.FirstData = nil, bytesOf(150, 9)
		})
		for at, done := 1, false; !done; at++ {
			picc := newPICC(t, wire.EV1)
			air := &torn{Activation: picc.Present(), at: at, after: at%2 == 0}
			if err := applyOn(t, air, l); err == nil && air.seen < at {
				done = true
			}
			picc.Lift()
			if err := picc.Return(); err != nil {
				t.Fatal(err)
			}
			apply(t, picc, l, nil)
			card := connect(t, picc)
			if err := errors.Join(card.SelectApplication(ctx, appA), card.Authenticate(ctx, 0, key.Zero(key.TypeAES))); err != nil {
				t.Fatal(err)
			}
			if b, err := card.ReadData(ctx, 1, 0, 0); err != nil || string(b) != string(bytesOf(150, 9)) {
				t.Errorf("%v, torn at %d: %X, %v", typ, at, b, err)
			}
		}
	}
}

// Files of DESFire Light and NTAG 424 DNA are new while they hold zeros only.
func TestFirstContentsFixed(t *testing.T) {
	picc := newPICC(t, wire.NTAG424)
	l := func(text string) *perso.Layout {
		return &perso.Layout{Applications: []perso.Application{{Place: wire.Place{Fixed: true}, KeyType: wire.KeyAES, KeyCount: wire.FixedKeys, Files: []perso.File{
			{No: 3, FirstData: []byte(text), Settings: wire.FileSettings{Type: wire.FileStandard, Option: wire.OptionFull, Access: access(2, 3, 3, 0), Size: 128}},
		}}}}
	}
	if p := apply(t, picc, l("one"), nil); len(p.Steps) == 0 || len(p.Impossible) > 0 {
		t.Errorf("%q, %v", words(p), p.Impossible)
	}
	for _, text := range []string{"one", "another"} {
		if p := plan(t, picc, l(text), nil); len(p.Steps) > 0 {
			t.Errorf("%s: %q", text, words(p))
		}
	}
}
