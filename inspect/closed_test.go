package inspect_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// What the session of the place may not read is read with another key, and what
// no key reads says why.
func TestReadWithOtherKeys(t *testing.T) {
	ctx := context.Background()
	_, connect := onCard(t, wire.EV2)
	card, _ := connect()
	zero := key.Zero(key.TypeAES)
	rights := func(read wire.Access) wire.AccessRights {
		return wire.AccessRights{Read: read, Write: 0, ReadWrite: wire.Never, Change: 0}
	}
	must(t,
		card.CreateApplication(ctx, &wire.CreateApplication{AID: app, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 5)}),
		card.SelectApplication(ctx, app),
		card.Authenticate(ctx, 0, zero),
	)
	for no, read := range []wire.Access{0, 1, 2, 3, wire.Never} {
		must(t, card.CreateFile(ctx, &wire.CreateStdDataFile{File: wire.FileNo(no), Option: wire.OptionFull, Access: rights(read), Size: 4}))
		must(t, card.WriteData(ctx, wire.FileNo(no), 0, []byte{0xA0 + byte(no)}))
	}
	must(t, card.CreateFile(ctx, &wire.CreateValueFile{File: 5, Option: wire.OptionFull, Access: wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: wire.Never, Change: 0}, Upper: 9, Value: 7}))

	card, _ = connect()
	var asked []inspect.Act
	lost := errors.New("lost")
	read := func(file3 error) (*inspect.Card, error) {
		return inspect.Read(ctx, card, &inspect.Config{
			Ask: inspect.Tree | inspect.AskContent, Places: []wire.Place{{AID: app}},
			Enter: func(ctx context.Context, card *desfire.Card, p wire.Place) error {
				return errors.Join(card.Select(ctx, p), card.Authenticate(ctx, 0, zero))
			},
			EnterFile: func(ctx context.Context, card *desfire.Card, p wire.Place, no wire.FileNo, act inspect.Act) (bool, string, error) {
				asked = append(asked, act)
				switch no {
				case 1, 5:
					return true, "", errors.Join(card.Select(ctx, p), card.Authenticate(ctx, 1, zero))
				case 2:
					return false, "", nil
				}
				return false, "key 3 is another one", file3
			},
		})
	}
	c, err := read(nil)
	must(t, err)
	f := c.Applications[0].Files
	if len(asked) != 4 || asked[3] != inspect.ActGetValue {
		t.Errorf("asked for %v", asked)
	}
	for _, no := range []int{0, 1} {
		if len(f[no].Data) != 4 || f[no].Data[0] != 0xA0+byte(no) || f[no].Missing != nil {
			t.Errorf("file %d: %+v", no, f[no])
		}
	}
	if f[5].Value == nil || *f[5].Value != 7 || f[5].Missing != nil {
		t.Errorf("file 5: %+v", f[5])
	}
	for no, want := range map[int]string{2: "it was not asked for", 3: "key 3 is another one", 4: "nobody may read it"} {
		if m := f[no].MissingPart(inspect.PartContent); m == nil || m.Reason != want || f[no].Data != nil {
			t.Errorf("file %d: %+v", no, f[no])
		}
	}
	if _, err := read(lost); !errors.Is(err, lost) {
		t.Errorf("lost: %v", err)
	}
}

// A content that the caller leaves is not read, says why, and no other key is tried
// for it.
func TestReadLeaves(t *testing.T) {
	ctx := context.Background()
	_, connect := onCard(t, wire.EV2)
	card, _ := connect()
	zero := key.Zero(key.TypeAES)
	must(t,
		card.CreateApplication(ctx, &wire.CreateApplication{AID: app, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		card.SelectApplication(ctx, app),
		card.Authenticate(ctx, 0, zero),
	)
	for no, read := range []wire.Access{wire.Free, wire.Free, 0} {
		must(t, card.CreateFile(ctx, &wire.CreateStdDataFile{File: wire.FileNo(no), Access: wire.AccessRights{Read: read, Change: 0}, Size: 4}))
	}
	card, _ = connect()
	c, err := inspect.Read(ctx, card, &inspect.Config{
		Ask: inspect.Tree | inspect.AskContent, Places: []wire.Place{{AID: app}},
		Leave: func(p wire.Place, f *inspect.File, session bool) string {
			if p.AID != app || session || f.Settings == nil {
				t.Errorf("asked of %v %+v, in a session: %v", p, f, session)
			}
			if f.No == 0 {
				return "it is dear"
			}
			return ""
		},
		EnterFile: func(_ context.Context, _ *desfire.Card, _ wire.Place, no wire.FileNo, _ inspect.Act) (bool, string, error) {
			if no != 2 {
				t.Errorf("a key is asked for file %d", no)
			}
			return false, "", nil
		},
	})
	must(t, err)
	f := c.Applications[0].Files
	if m := f[0].MissingPart(inspect.PartContent); f[0].Data != nil || m == nil || m.Reason != "it is dear" {
		t.Errorf("%+v", f[0])
	}
	if f[1].Data == nil || f[1].Missing != nil || f[2].MissingPart(inspect.PartContent) == nil {
		t.Errorf("%+v", f[1:])
	}
}
