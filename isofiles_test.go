package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// isoApp makes an application with ISO names: file 1 (E101, 256 bytes) and 2
// (E102, a backup file) and 3 (records) free to all, 4 to 6 with key 1 in each
// mode.
func isoApp(t *testing.T, card *desfire.Card, typ key.Type) {
	t.Helper()
	ctx := context.Background()
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
	keyed := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	app := &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(typ.Wire(), 2) | wire.SettISOFiles, FID: 0xDF01, DFName: []byte("farebox")}
	cmds := []wire.Request[*wire.Empty]{
		app, &wire.SelectApplication{AID: testApp},
		&wire.CreateStdDataFile{File: 1, FID: 0xE101, Access: free, Size: 600},
		&wire.CreateBackupDataFile{File: 2, FID: 0xE102, Access: free, Size: 256},
		&wire.CreateLinearRecordFile{File: 3, FID: 0xE103, Access: free, RecordSize: 10, MaxRecords: 5},
	}
	for i, mode := range modes {
		no := desfire.FileNo(4 + i)
		cmds = append(cmds, &wire.CreateStdDataFile{File: no, FID: 0xE104 + wire.ISOFID(i), Option: wire.FileOption(mode), Access: keyed, Size: 600})
	}
	cmds = append(cmds, &wire.CreateLinearRecordFile{File: 7, FID: 0xE107, Option: wire.OptionMAC, Access: keyed, RecordSize: 10, MaxRecords: 5})
	for _, cmd := range cmds {
		if _, err := desfire.Do(ctx, card, cmd); err != nil {
			t.Fatalf("%s: %v", cmd.Spec().Name, err)
		}
	}
}

func TestISOFiles(t *testing.T) {
	for _, g := range []desfire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		t.Run(g.String(), func(t *testing.T) {
			ctx := context.Background()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			picc, err := sim.New(&sim.Config{Generation: g})
			must(err)
			card := connect(t, picc)
			isoApp(t, card, key.TypeAES)
			_, err = card.ISOSelectName(ctx, wire.PICCName[:])
			must(err)
			must(card.ISOSelectFID(ctx, 0xDF01))
			must(card.ISOSelectFID(ctx, wire.PICCFID))
			if err := card.ISOSelectFID(ctx, 0xDF99); !errors.Is(err, wire.StatusISOFileNotFound) {
				t.Errorf("no such application: %v", err)
			}
			_, err = card.ISOSelectName(ctx, []byte("farebox"))
			must(err)
			data := make([]byte, 600)
			for i := range data {
				data[i] = byte(i * 7)
			}
			must(card.ISOSelectFile(ctx, 0xE101))
			must(card.ISOUpdateBinary(ctx, desfire.SelectedFile, 0, data))
			_, err = card.ISOSelectName(ctx, []byte("farebox"))
			must(err)
			must(card.ISOSelectFile(ctx, 0xE101))
			const sel = desfire.SelectedFile
			for _, r := range []struct {
				file        desfire.FileNo
				offset, n   uint32
				first, last int
			}{
				{sel, 0, 0, 0, 600}, {sel, 599, 0, 599, 600}, {sel, 0, 256, 0, 256}, {sel, 88, 512, 88, 600}, {sel, 3, 300, 3, 303},
				{1, 0, 0, 0, 600}, {1, 0, 600, 0, 600}, {1, 255, 300, 255, 555}, {1, 200, 1000, 200, 600}, {sel, 344, 0, 344, 600},
			} {
				got, err := card.ISOReadBinary(ctx, r.file, r.offset, r.n)
				if err != nil || !bytes.Equal(got, data[r.first:r.last]) {
					t.Errorf("file %d, %d bytes from %d: %d bytes, %v", r.file, r.n, r.offset, len(got), err)
				}
			}
			for _, r := range [][3]uint32{{1, 256, 1}, {31, 0, 1}, {0xFF, 0x8000, 1}, {0, 0, 1}} {
				var arg *desfire.ArgumentError
				if _, err := card.ISOReadBinary(ctx, desfire.FileNo(r[0]), r[1], r[2]); !errors.As(err, &arg) {
					t.Errorf("%v: %v", r, err)
				}
			}
			if _, err := card.ISOReadBinary(ctx, sel, 600, 1); !errors.Is(err, wire.StatusISOWrongP1P2) {
				t.Errorf("beyond the end: %v", err)
			}
			if err := card.ISOUpdateBinary(ctx, 1, 255, make([]byte, 500)); !errors.As(err, new(*desfire.PartialWriteError)) {
				t.Errorf("a write beyond the end: %v", err)
			}
			if _, err := card.ISOReadBinary(ctx, 4, 0, 1); !errors.Is(err, wire.StatusISOSecurityStatus) {
				t.Errorf("without its key: %v", err)
			}

			// A backup file and records change at Commit.
			_, err = card.ISOSelectName(ctx, []byte("farebox"))
			must(err)
			must(card.ISOUpdateBinary(ctx, 2, 0, data[:256]))
			if _, err := card.ISOReadBinary(ctx, sel, 0, 0); err == nil {
				t.Error("read up to an unknown end with changes pending")
			}
			must(card.Commit(ctx))
			got, err := card.ISOReadBinary(ctx, 2, 0, 0)
			if err != nil || !bytes.Equal(got, data[:256]) {
				t.Errorf("backup file: %d bytes, %v", len(got), err)
			}
			for i := range 3 {
				must(card.ISOAppendRecord(ctx, 3, data[i:i+10]))
				must(card.Commit(ctx))
			}
			got, err = card.ISOReadRecords(ctx, 3, 0, wire.RecordFrom)
			if err != nil || len(got) != 30 || !bytes.Equal(got[20:], data[2:12]) {
				t.Errorf("records %X, %v", got, err)
			}
			got, err = card.ISOReadRecords(ctx, 3, 3, wire.RecordOne)
			if err != nil || !bytes.Equal(got, data[:10]) {
				t.Errorf("record %X, %v", got, err)
			}
			if err := card.ISOAppendRecord(ctx, 31, data[:10]); err == nil {
				t.Error("file 31 has a short identifier")
			}
		})
	}
}

// In an EV1 session a key counts: files in MAC mode answer with a CMAC, which is
// checked and moves the session on; EV2 sessions refuse the commands.
func TestISOFilesInSessions(t *testing.T) {
	for _, m := range methods {
		if m.g == wire.D40 {
			continue
		}
		t.Run(fmt.Sprintf("%v %v %v", m.g, m.method, m.keyType), func(t *testing.T) {
			ctx := context.Background()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			picc, err := sim.New(&sim.Config{Generation: m.g})
			must(err)
			card := connect(t, picc)
			isoApp(t, card, m.keyType)
			zero := key.Zero(m.keyType)
			data := make([]byte, 600)
			for i := range data {
				data[i] = byte(i*3 + 1)
			}
			auth := func() {
				t.Helper()
				for no := range desfire.FileNo(7) {
					_, err := card.FileSettings(ctx, no+1)
					must(err)
				}
				must(card.AuthenticateWith(ctx, m.method, 1, zero))
			}
			auth()
			for no := desfire.FileNo(4); no <= 6; no++ {
				must(card.WriteData(ctx, no, 0, data))
			}
			must(card.WriteRecord(ctx, 7, 0, data[:10]))
			must(card.Commit(ctx))
			if m.method == key.MethodEV2First {
				if _, err := card.ISOReadBinary(ctx, 4, 0, 10); !errors.Is(err, wire.StatusISOSecurityStatus) {
					t.Errorf("in an EV2 session: %v", err)
				}
				return
			}
			got, err := card.ISOReadBinary(ctx, 4, 0, 0)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("plain: %d bytes, %v", len(got), err)
			}
			if m.method == key.MethodD40 {
				return
			}
			for _, n := range []uint32{1, 248, 249, 600, 0} {
				got, err := card.ISOReadBinary(ctx, 5, 0, n)
				if n == 0 {
					n = 600
				}
				if err != nil || !bytes.Equal(got, data[:n]) {
					t.Errorf("MAC, %d bytes: %d, %v", n, len(got), err)
				}
			}
			if got, err := card.ISOReadRecords(ctx, 7, 0, wire.RecordOne); err != nil || !bytes.Equal(got, data[:10]) {
				t.Errorf("MAC, a record: %X, %v", got, err)
			}
			if _, err := card.ISOReadBinary(ctx, 6, 0, 5); !errors.As(err, new(*desfire.ArgumentError)) {
				t.Errorf("enciphered: %v", err)
			}
			if got, err := card.ReadData(ctx, 6, 0, 5); err != nil || !bytes.Equal(got, data[:5]) {
				t.Errorf("the session has not gone on: %X, %v", got, err)
			}
			if _, err := card.ISOReadBinary(ctx, desfire.SelectedFile, 0, 0); !errors.As(err, new(*desfire.ArgumentError)) {
				t.Errorf("up to an unknown end in a session: %v", err)
			}
			must(card.SelectApplication(ctx, testApp))
			must(card.AuthenticateWith(ctx, m.method, 1, zero))
			if got, err := card.ISOReadBinary(ctx, 5, 0, 5); err != nil || !bytes.Equal(got, data[:5]) {
				t.Errorf("settings of the application selected before: %X, %v", got, err)
			}
			must(card.SelectApplication(ctx, testApp))
			auth()
			picc.Inject(sim.Fault{Exchange: 1, Kind: sim.FlipAnswerBit, Bit: 3})
			if _, err := card.ISOReadBinary(ctx, 5, 0, 5); !errors.As(err, new(*desfire.IntegrityError)) {
				t.Errorf("an altered answer: %v", err)
			}
			if _, ok := card.Session(); ok {
				t.Error("the session survives an altered answer")
			}
		})
	}
}

// The fixed files of DESFire Light and NTAG 424 DNA by their ISO names.
func TestISOFilesOfFixedCards(t *testing.T) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for g, name := range map[desfire.Generation][]byte{
		wire.NTAG424: wire.NDEFName[:],
		wire.Light:   {0xA0, 0, 0, 3, 0x96, 0x56, 0x43, 0x41, 3, 0xF0, 0x15, 0x40, 0, 0, 0, 0x0B},
	} {
		picc, err := sim.New(&sim.Config{Generation: g})
		must(err)
		card := connect(t, picc)
		fci, err := card.ISOSelectName(ctx, name)
		must(err)
		if g == wire.Light {
			if len(fci) != 32 {
				t.Errorf("FCI %X", fci)
			}
			continue // a transaction MAC file is there: 6985 for all else
		}
		must(card.ISOSelectFile(ctx, 0xE103))
		cc, err := card.ISOReadBinary(ctx, desfire.SelectedFile, 0, 0)
		if err != nil || len(cc) != 32 || cc[1] != 0x17 {
			t.Errorf("capability container %X, %v", cc, err)
		}
		must(card.ISOUpdateBinary(ctx, 2, 0, []byte("hello")))
		got, err := card.ISOReadBinary(ctx, 2, 0, 0)
		if err != nil || len(got) != 256 || !bytes.HasPrefix(got, []byte("hello")) {
			t.Errorf("NDEF file: %d bytes, %v", len(got), err)
		}
	}
}

// D40 has no ISO identifiers, but short ones are file numbers.
func TestISOFilesOfD40(t *testing.T) {
	ctx := context.Background()
	picc := transitCard(t, wire.D40, 5)
	card := connect(t, picc)
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Never}
	for _, err := range []error{
		card.SelectApplication(ctx, farebox),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 5, Access: free, Size: 20}),
		card.ISOUpdateBinary(ctx, 5, 4, []byte("abc")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := card.ISOReadBinary(ctx, 5, 3, 5); err != nil || string(got) != "\x00abc\x00" {
		t.Errorf("%q, %v", got, err)
	}
}
