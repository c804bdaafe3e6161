package edit_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// made is a card with a file of each kind, in a session of key 0; file 4 is read with
// key 1.
func made(t *testing.T) (*sim.Card, *desfire.Card) {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	all := wire.AccessRightsFromUint16(0x0000)
	must(t,
		card.CreateFrozenApplication(ctx, &wire.CreateApplication{AID: 0xF48121, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}),
		card.Select(ctx, wire.Place{AID: 0xF48121}),
		card.Authenticate(ctx, 0, key.Zero(key.TypeAES)),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, Option: wire.OptionMAC, Access: all, Size: 8}),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 1, Option: wire.OptionFull, Access: all, Size: 8}),
		card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 2, Option: wire.OptionFull, Access: all, RecordSize: 4, MaxRecords: 3}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 3, Access: all, Upper: 9}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 4, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x10F0), Size: 8}),
	)
	return picc, card
}

func settings(t *testing.T, card *desfire.Card, no wire.FileNo) *wire.FileSettings {
	t.Helper()
	fs, err := card.FileSettings(context.Background(), no)
	must(t, err)
	return fs
}

func TestNew(t *testing.T) {
	_, card := made(t)
	fill := byte(0xEE)
	for _, tc := range []struct {
		file   wire.FileNo
		offset uint32
		data   string
		fill   *byte
		want   string // content
		err    string
	}{
		{0, 0, "12345678", nil, "12345678", ""},
		{0, 3, "12345", nil, "12345", ""},
		{0, 0, "123456789", nil, "", "9 bytes do not fit: the file has 8 bytes"},
		{0, 8, "1", nil, "", "1 byte from 8 on do not fit: the file has 8 bytes"},
		{0, 0xFFFFFFFF, "1", nil, "", "1 byte from 4294967295 on do not fit: the file has 8 bytes"},
		{1, 5, "1", &fill, "1\xEE\xEE", ""},
		{2, 0, "12", &fill, "12\xEE\xEE", ""},
		{2, 0, "12345", nil, "", "5 bytes do not fit: the record has 4 bytes"},
		{3, 0, "1", nil, "", "file 3 is a value file, which is not written like this"},
	} {
		given := []byte(tc.data)
		w, err := edit.New(tc.file, settings(t, card, tc.file), tc.offset, given, tc.fill)
		switch {
		case tc.err != "":
			if err == nil || err.Error() != tc.err {
				t.Errorf("file %d, %q: %v", tc.file, tc.data, err)
			}
		case err != nil || string(w.Data) != tc.want || w.Commits() != (tc.file != 0):
			t.Errorf("file %d, %q: %+v, %v", tc.file, tc.data, w, err)
		}
		if string(given) != tc.data {
			t.Errorf("what was given is now %q", given)
		}
	}
	if err := (&edit.TypeError{Type: wire.FileTransactionMAC}).Error(); err != "file 0 is a transaction MAC file, which the card itself writes" {
		t.Error(err)
	}
}

func TestWithin(t *testing.T) {
	data, records := &wire.FileSettings{Type: wire.FileStandard, Size: 8}, &wire.FileSettings{Type: wire.FileCyclicRecord, Size: 99, Records: 2}
	none := &wire.FileSettings{Type: wire.FileCyclicRecord}
	for _, tc := range []struct {
		fs     *wire.FileSettings
		at, n  uint32
		within bool
	}{
		{data, 0, 0, true}, {data, 0, 8, true}, {data, 7, 1, true}, {data, 7, 2, false}, {data, 8, 0, false}, {data, 1, 0xFFFFFFFF, false},
		{records, 1, 1, true}, {records, 0, 3, false}, {records, 2, 0, false}, {none, 0, 0, true}, {none, 0, 1, false},
	} {
		if edit.Within(tc.fs, tc.at, tc.n) != tc.within {
			t.Errorf("%v from %d, %d", tc.fs.Type, tc.at, tc.n)
		}
	}
}

// What is told before is what the card holds, and what was written is there after.
func TestDo(t *testing.T) {
	ctx := context.Background()
	picc, card := made(t)
	for _, no := range []wire.FileNo{0, 1} {
		w, err := edit.New(no, settings(t, card, no), 2, []byte("abc"), nil)
		must(t, err)
		left, err := w.LeftBehind(ctx, card)
		if err != nil || left != nil { // zeros
			t.Errorf("%+v, %v", left, err)
		}
		committed, err := w.Do(ctx, card, nil)
		if err != nil || committed != (no == 1) {
			t.Errorf("file %d: committed %v, %v", no, committed, err)
		}
		w, err = edit.New(no, settings(t, card, no), 0, []byte("1234"), nil)
		must(t, err)
		left, err = w.LeftBehind(ctx, card)
		if err != nil || left == nil || *left != (edit.Left{From: 4, Bytes: 4, Known: true}) {
			t.Errorf("%+v, %v", left, err)
		}
		old, known, err := w.Old(ctx, card)
		if err != nil || !known || string(old) != "\x00\x00ab" {
			t.Errorf("%q %v %v", old, known, err)
		}
		_, err = w.Do(ctx, card, nil)
		must(t, err)
		data, err := card.ReadData(ctx, no, 0, 0)
		if err != nil || string(data) != "1234c\x00\x00\x00" {
			t.Errorf("%q %v", data, err)
		}
	}
	// What the session may not read is not asked for, which would end it.
	w, err := edit.New(4, settings(t, card, 4), 0, []byte("x"), nil)
	must(t, err)
	left, err := w.LeftBehind(ctx, card)
	_, known, err2 := w.Old(ctx, card)
	if err != nil || err2 != nil || known || left == nil || left.Known {
		t.Errorf("%+v %v %v %v", left, known, err, err2)
	}
	if _, ok := card.Session(); !ok {
		t.Error("the session is over")
	}
	must(t, card.Close())
	picc.Lift()
}

func TestRecords(t *testing.T) {
	ctx := context.Background()
	_, card := made(t)
	for _, s := range []string{"one ", "two "} {
		w, err := edit.New(2, settings(t, card, 2), 0, []byte(s), nil)
		must(t, err)
		if _, err = w.Do(ctx, card, nil); err != nil {
			t.Fatal(err)
		}
	}
	w, err := edit.Update(2, settings(t, card, 2), 1, 3, []byte("!"), nil)
	must(t, err)
	_, err = w.Do(ctx, card, nil)
	must(t, err)
	data, err := card.ReadRecords(ctx, 2, 0, 0)
	if err != nil || string(data) != "one!two " {
		t.Errorf("%q %v", data, err)
	}
	if _, err := edit.Update(2, settings(t, card, 2), 2, 0, []byte("!"), nil); err == nil || err.Error() != "file 2 has 2 records: there is no record 2" {
		t.Error(err)
	}
	if _, err := edit.Update(0, settings(t, card, 0), 0, 0, []byte("!"), nil); !errors.As(err, new(*edit.TypeError)) {
		t.Error(err)
	}
	// What runs before the commit can stop it.
	stop := errors.New("stop")
	if refused, err := edit.Clear(ctx, card, 2, func() error { return stop }); refused != nil || !errors.Is(err, stop) {
		t.Errorf("%v, %v", refused, err)
	}
	if data, err := card.ReadRecords(ctx, 2, 0, 0); err != nil || !bytes.Equal(data, []byte("one!two ")) {
		t.Errorf("%q %v", data, err)
	}
	_, err = edit.Clear(ctx, card, 2, nil)
	must(t, err)
	if n := settings(t, card, 2).Records; n != 0 {
		t.Errorf("%d records", n)
	}
}
