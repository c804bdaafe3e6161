package dump_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Each thing that is changed on a card is told, with its place, and nothing else.
func TestDiff(t *testing.T) {
	ctx := context.Background()
	for name, x := range map[string]struct {
		change func(card *desfire.Card) error
		want   []string
	}{
		"nothing": {func(*desfire.Card) error { return nil }, nil},
		"data": {func(card *desfire.Card) error {
			must(t, card.SelectApplication(ctx, appISO))
			return card.WriteData(ctx, 2, 3, []byte{1, 2})
		}, []string{"file 2 of application F53456: data: from byte 3 0000000000 and from byte 3 0102000000"}},
		"value and record": {func(card *desfire.Card) error {
			must(t, card.SelectApplication(ctx, appDES), card.Authenticate(ctx, 2, key.Zero(key.TypeDES)))
			for no := range desfire.FileNo(3) {
				_, err := card.FileSettings(ctx, no)
				must(t, err)
			}
			_, err := card.Transact(ctx, func() error {
				must(t, card.Credit(ctx, 1, 2))
				return card.WriteRecord(ctx, 2, 0, []byte{9})
			})
			return err
		}, []string{
			"file 1 of application 121314: value: 7 and 9",
			"file 2 of application 121314: records: 2 and 3",
			"file 2 of application 121314: content[2]: not there and there",
		}},
		"key": {func(card *desfire.Card) error {
			must(t, card.SelectApplication(ctx, appDES), card.Authenticate(ctx, 2, key.Zero(key.TypeDES)))
			k, err := key.NewDES([]byte{1, 1, 1, 1, 1, 1, 1, 1})
			must(t, err)
			return card.ChangeKey(ctx, 1, k, key.Zero(key.TypeDES))
		}, []string{"key 1 of application 121314: version: 00 and FF"}},
		"settings": {func(card *desfire.Card) error {
			must(t, card.SelectApplication(ctx, appAES), card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
			_, err := desfire.Do(ctx, card, &wire.ChangeFileSettings{File: 1, Option: wire.OptionMAC, Access: wire.AccessRightsFromUint16(0xE002)})
			must(t, err)
			return card.ChangeKeySettings(ctx, 0x0D)
		}, []string{
			"application F48121: key_settings.settings: 0F and 0D",
			"file 1 of application F48121: comm: plain and mac",
			"file 1 of application F48121: access: read free, write key 0, read-write key 0, change key 0 and read free, write key 0, read-write key 0, change key 2",
			"file 1 of application F48121: additional_access: [read key 1, write never, read-write key 2, change never] and []",
			"file 1 of application F48121: option: plain, additional access rights and plain",
		}},
		"files and applications": {func(card *desfire.Card) error {
			must(t, card.SelectApplication(ctx, appISO))
			_, err := desfire.Do(ctx, card, &wire.DeleteFile{File: 7})
			must(t, err)
			must(t, card.CreateFile(ctx, &wire.CreateValueFile{File: 9, Access: wire.AccessRightsFromUint16(0xEEEE)}))
			must(t, card.SelectApplication(ctx, wire.PICC))
			return card.CreateApplication(ctx, &wire.CreateApplication{AID: 7, KS1: 15, KS2: wire.NewKeySett2(wire.KeyDES, 1)})
		}, []string{
			"file 7 of application F53456: file: there and not there",
			"file 9 of application F53456: file: not there and there",
			"application 000007: application: not there and there",
		}},
	} {
		picc := filled(t, wire.EV2)
		before := whole(t, picc)
		picc.Lift()
		must(t, picc.Return())
		card, err := desfire.Connect(ctx, picc.Present(), nil)
		must(t, err)
		must(t, x.change(card), card.Close())
		var got []string
		for _, d := range dump.Diff(before, whole(t, picc)) {
			if d.Unread {
				t.Errorf("%s: %+v", name, d)
			}
			if d.Member == "free_memory" && name == "files and applications" {
				continue // as much as files take
			}
			got = append(got, d.Words())
		}
		if len(got) != len(x.want) {
			t.Errorf("%s: %q\nwant %q", name, got, x.want)
			continue
		}
		for i := range got {
			if got[i] != x.want[i] {
				t.Errorf("%s: %q\nwant %q", name, got[i], x.want[i])
			}
		}
	}
}

// What only one of two has read is told as such, and no difference of the cards.
func TestDiffUnread(t *testing.T) {
	a := whole(t, filled(t, wire.EV2))
	b := whole(t, filled(t, wire.EV2))
	b.Applications[0].Files[1].Value = nil
	b.Applications[1].Files = nil
	b.KeySettings = nil
	b.Signature = nil
	var got []string
	for _, d := range dump.Diff(a, b) {
		if !d.Unread || d.B != "" {
			t.Errorf("%+v", d)
		}
		got = append(got, d.Words())
	}
	want := []string{
		fmt.Sprintf("the card: signature: %X and not read", []byte(a.Signature)),
		"the card: key_settings: 0F, 1 keys and not read",
		"file 1 of application 121314: content: 7 and not read",
		"application F53456: files: 3 of them and not read",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if d := dump.Diff(&inspect.Card{}, &inspect.Card{}); d != nil {
		t.Errorf("%+v", d)
	}
	text, err := json.Marshal(dump.Diff(a, b)[2])
	if want := `{"application":"121314","file":1,"member":"content","a":"7","b":"","unread":true}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}

// The UID stands in what GetVersion answers as well; it is one difference.
func TestDiffOfUIDs(t *testing.T) {
	a := &inspect.Card{UID: inspect.Hex{4, 1, 1, 1, 1, 1, 1}, Version: bytes.Repeat([]byte{1}, 28)}
	b := &inspect.Card{UID: inspect.Hex{4, 2, 2, 2, 2, 2, 2}, Version: bytes.Repeat([]byte{1}, 28)}
	copy(a.Version[14:], a.UID)
	copy(b.Version[14:], b.UID)
	if d := dump.Diff(a, b); len(d) != 1 || d[0].Member != "uid" {
		t.Errorf("%v", d)
	}
	b.Version[27]++
	if d := dump.Diff(a, b); len(d) != 2 || d[1].Member != "get_version" {
		t.Errorf("%v", d)
	}
}
