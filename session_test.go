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

// A personalised application: two keys, and in each mode one file of each
// type, all readable with key 1 and writable with key 1, changed by key 0.
var modes = [...]wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull}

func keyOf(t fataler, typ key.Type, fill byte) key.Key {
	b := make([]byte, typ.Size())
	for i := range b {
		b[i] = fill + byte(i)*2
	}
	if typ == key.TypeDES {
		copy(b[8:], b[:8])
	}
	k, err := key.New(typ, b, 0)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const testApp desfire.AID = 0xABCDEF

func personalise(t fataler, picc *sim.Card, typ key.Type) *desfire.Card {
	t.Helper()
	ctx := context.Background()
	card := connect(t, picc)
	keyed := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(typ.Wire(), 2)}))
	must(card.SelectApplication(ctx, testApp))
	for i, mode := range modes {
		option, base := wire.FileOption(mode), desfire.FileNo(i*5)
		must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: base, Option: option, Access: keyed, Size: 300}))
		must(card.CreateFile(ctx, &wire.CreateBackupDataFile{File: base + 1, Option: option, Access: keyed, Size: 100}))
		must(card.CreateFile(ctx, &wire.CreateValueFile{File: base + 2, Option: option, Access: keyed, Upper: 1000, Value: 500, Flags: 1}))
		must(card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: base + 3, Option: option, Access: keyed, RecordSize: 20, MaxRecords: 5}))
		must(card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: base + 4, Option: option, Access: keyed, RecordSize: 33, MaxRecords: 4}))
	}
	return card
}

var methods = []struct {
	g       desfire.Generation
	method  key.Method
	keyType key.Type
}{
	{wire.D40, key.MethodD40, key.TypeDES},
	{wire.D40, key.MethodD40, key.Type2K3DES},
	{wire.EV1, key.MethodD40, key.TypeDES},
	{wire.EV1, key.MethodISO, key.TypeDES},
	{wire.EV1, key.MethodISO, key.Type2K3DES},
	{wire.EV1, key.MethodISO, key.Type3K3DES},
	{wire.EV1, key.MethodAES, key.TypeAES},
	{wire.EV1, key.MethodISO7816, key.TypeAES},
	{wire.EV1, key.MethodISO7816, key.Type3K3DES},
	{wire.EV2, key.MethodD40, key.Type2K3DES},
	{wire.EV2, key.MethodISO, key.Type2K3DES},
	{wire.EV2, key.MethodAES, key.TypeAES},
	{wire.EV2, key.MethodEV2First, key.TypeAES},
	{wire.EV3, key.MethodD40, key.TypeDES},
	{wire.EV3, key.MethodISO, key.Type3K3DES},
	{wire.EV3, key.MethodAES, key.TypeAES},
	{wire.EV3, key.MethodEV2First, key.TypeAES},
}

// Reader and card agree on every data command in every mode, in every channel.
// This proves nothing about the protocol; recordings do.
func TestEveryModeInEveryChannel(t *testing.T) {
	for _, m := range methods {
		t.Run(fmt.Sprintf("%v %v %v", m.g, m.method, m.keyType), func(t *testing.T) {
			ctx := context.Background()
			picc, err := sim.New(&sim.Config{Generation: m.g})
			if err != nil {
				t.Fatal(err)
			}
			card := personalise(t, picc, m.keyType)
			zero := key.Zero(m.keyType)
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			// A key of its own for key 1, changed by the master key.
			k1 := keyOf(t, m.keyType, 0x40)
			must(card.AuthenticateWith(ctx, m.method, 0, zero))
			must(card.ChangeKey(ctx, 1, k1, zero))
			must(card.ChangeKey(ctx, 1, keyOf(t, m.keyType, 0x20), k1))
			must(card.ChangeKey(ctx, 1, k1, keyOf(t, m.keyType, 0x20)))
			for i := range modes {
				for n := range desfire.FileNo(5) {
					_, err := card.FileSettings(ctx, desfire.FileNo(i*5)+n)
					must(err)
				}
			}
			must(card.AuthenticateWith(ctx, m.method, 1, k1))
			for i, mode := range modes {
				t.Run(mode.String(), func(t *testing.T) { dataCommands(t, card, desfire.FileNo(i*5)) })
			}
			if m.g != wire.D40 {
				uid, err := card.CardUID(ctx)
				if err != nil || !bytes.Equal(uid, picc.UID()) {
					t.Errorf("UID %X, %v", uid, err)
				}
			}
			s, ok := card.Session()
			if !ok || s.Method != m.method || s.KeyNo != 1 {
				t.Errorf("session %+v, %v", s, ok)
			}
		})
	}
}

func dataCommands(t *testing.T, card *desfire.Card, base desfire.FileNo) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	data := make([]byte, 300)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for _, n := range []int{1, 7, 8, 15, 16, 17, 48, 59, 60, 61, 112, 300} {
		must(card.WriteData(ctx, base, 0, data[:n]))
		got, err := card.ReadData(ctx, base, 0, uint32(n))
		must(err)
		if !bytes.Equal(got, data[:n]) {
			t.Fatalf("%d bytes differ", n)
		}
	}
	all, err := card.ReadData(ctx, base, 0, 0) // the length only the card knows
	must(err)
	if !bytes.Equal(all, data) {
		t.Fatal("the whole file differs")
	}
	must(card.WriteData(ctx, base+1, 10, data[10:80]))
	if got, err := card.ReadData(ctx, base+1, 10, 70); err != nil || !bytes.Equal(got, make([]byte, 70)) {
		t.Fatalf("a backup file before commit: %X %v", got, err)
	}
	must(card.Credit(ctx, base+2, 25))
	must(card.Debit(ctx, base+2, 15))
	must(card.WriteRecord(ctx, base+3, 2, data[:15]))
	must(card.WriteRecord(ctx, base+4, 0, data[:33]))
	must(card.Commit(ctx))
	if got, err := card.ReadData(ctx, base+1, 10, 70); err != nil || !bytes.Equal(got, data[10:80]) {
		t.Fatalf("a backup file after commit: %X %v", got, err)
	}
	if v, err := card.Value(ctx, base+2); err != nil || v != 510 {
		t.Fatalf("value %d %v", v, err)
	}
	must(card.LimitedCredit(ctx, base+2, 15))
	must(card.Commit(ctx))
	if v, err := card.Value(ctx, base+2); err != nil || v != 525 {
		t.Fatalf("value %d %v", v, err)
	}
	for _, f := range []struct {
		no   desfire.FileNo
		want []byte
	}{{base + 3, append(make([]byte, 2), append(data[:15:15], 0, 0, 0)...)}, {base + 4, data[:33]}} {
		for _, count := range []uint32{0, 1} {
			got, err := card.ReadRecords(ctx, f.no, 0, count)
			if err != nil || !bytes.Equal(got, f.want) {
				t.Fatalf("records of file %d: %X %v", f.no, got, err)
			}
		}
	}
	must(card.ClearRecordFile(ctx, base+3))
	must(card.Abort(ctx))
}

// What ends a session, and that the next error says why.
func TestRefusalEndsTheSession(t *testing.T) {
	ctx := context.Background()
	for _, m := range methods {
		picc, err := sim.New(&sim.Config{Generation: m.g})
		if err != nil {
			t.Fatal(err)
		}
		card := personalise(t, picc, m.keyType)
		if err := card.AuthenticateWith(ctx, m.method, 0, key.Zero(m.keyType)); err != nil {
			t.Fatal(err)
		}
		if _, err := card.FileSettings(ctx, 31); !errors.Is(err, wire.StatusFileNotFound) && !errors.Is(err, wire.StatusParameterError) {
			t.Errorf("%v: %v", m, err)
		}
		_, alive := card.Session()
		if want := m.method == key.MethodD40; alive != want {
			t.Errorf("%v: session alive is %v", m, alive)
		}
		if alive {
			continue
		}
		err = card.ChangeKeySettings(ctx, 0x0F)
		var lost *desfire.SessionLostError
		if !errors.As(err, &lost) || lost.Why == "" {
			t.Errorf("%v: the error does not tell why the session is gone: %v", m, err)
		}
		card.AllowPlain()
		err = card.ChangeKeySettings(ctx, 0x0F)
		var refused *desfire.CommandError
		if !errors.As(err, &refused) || refused.Session == "" {
			t.Errorf("%v: the error does not tell why the session is gone: %v", m, err)
		}
	}
}

func TestWrongKey(t *testing.T) {
	ctx := context.Background()
	for _, m := range methods {
		picc, err := sim.New(&sim.Config{Generation: m.g})
		if err != nil {
			t.Fatal(err)
		}
		card := personalise(t, picc, m.keyType)
		if err := card.AuthenticateWith(ctx, m.method, 0, keyOf(t, m.keyType, 0x60)); err == nil || desfire.SafeToRetry(err) {
			t.Errorf("%v: %v", m, err)
		}
		if _, ok := card.Session(); ok {
			t.Errorf("%v: a session after a wrong key", m)
		}
		if err := card.AuthenticateWith(ctx, m.method, 0, key.Zero(m.keyType)); err != nil {
			t.Errorf("%v: the right key after a wrong one: %v", m, err)
		}
	}
}
