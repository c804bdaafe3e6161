package trace_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// The reader of this module and the simulated card, recorded and verified: one
// session per method and mode, with a change of keys in the middle.
func TestRecordedSessionsOfTheReaderVerify(t *testing.T) {
	for _, tc := range []struct {
		gen    wire.Generation
		method key.Method
		typ    key.Type
	}{
		{wire.D40, key.MethodD40, key.TypeDES},
		{wire.EV1, key.MethodD40, key.Type2K3DES},
		{wire.EV1, key.MethodISO, key.TypeDES},
		{wire.EV1, key.MethodISO, key.Type3K3DES},
		{wire.EV1, key.MethodAES, key.TypeAES},
		{wire.EV2, key.MethodEV2First, key.TypeAES},
		{wire.EV3, key.MethodEV2First, key.TypeAES},
		{wire.EV3, key.MethodAES, key.TypeAES},
	} {
		for _, framing := range [...]desfire.Framing{desfire.FramingNative, desfire.FramingWrapped} {
			t.Run(fmt.Sprintf("%v %v %v %v", tc.gen, tc.method, tc.typ, framing), func(t *testing.T) {
				picc, err := sim.New(&sim.Config{Generation: tc.gen})
				if err != nil {
					t.Fatal(err)
				}
				rec := trace.NewRecorder(&trace.RecorderConfig{KeepKeys: true})
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				ctx := context.Background()
				card, err := desfire.Connect(ctx, rec.Wrap(picc.Present()), &desfire.Config{Framing: framing})
				must(err)
				k1, err := key.New(tc.typ, bytes.Repeat([]byte{0x5A, 0x13, 0x77}, 8)[:tc.typ.Size()/(1+btoi(tc.typ == key.TypeDES))], 7)
				must(err)
				k2, err := key.New(tc.typ, bytes.Repeat([]byte{0x31, 0x99}, 12)[:tc.typ.Size()/(1+btoi(tc.typ == key.TypeDES))], 9)
				must(err)
				zero := key.Zero(tc.typ)
				app := &wire.CreateApplication{AID: 0x123456, KS1: 0x0F, KS2: wire.NewKeySett2(tc.typ.Wire(), 3)}
				must(card.CreateApplication(ctx, app))
				must(card.SelectApplication(ctx, 0x123456))
				must(card.AuthenticateWith(ctx, tc.method, 0, zero))
				must(card.ChangeKey(ctx, 1, k1, zero)) // another key
				must(card.ChangeKey(ctx, 0, k2, nil))  // its own: the session ends
				must(card.AuthenticateWith(ctx, tc.method, 0, k2))
				access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 0, Change: 0}
				data := bytes.Repeat([]byte("0123456789"), 15)
				for i, mode := range [...]wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
					no := wire.FileNo(i)
					must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: no, Option: wire.FileOption(mode), Access: access, Size: 200}))
					must(card.CreateFile(ctx, &wire.CreateValueFile{File: no + 4, Option: wire.FileOption(mode), Access: access, Upper: 1000, Value: 10}))
				}
				for round := range 2 {
					for no := range wire.FileNo(3) {
						must(card.WriteData(ctx, no, 10, data[:100+round]))
						got, err := card.ReadData(ctx, no, 10, uint32(100+round))
						must(err)
						if !bytes.Equal(got, data[:100+round]) {
							t.Fatal("read other data")
						}
						_, err = card.ReadData(ctx, no, 0, 0)
						must(err)
						if round == 0 {
							_, err = card.Transact(ctx, func() error { return card.Credit(ctx, no+4, 5) })
							must(err)
						}
						_, err = card.Value(ctx, no+4)
						must(err)
					}
					if round == 0 {
						must(card.AuthenticateWith(ctx, tc.method, 1, k1))
					}
				}
				if _, err := desfire.Do(ctx, card, &wire.DeleteFile{File: 9}); err == nil {
					t.Fatal("a file that is not there was deleted")
				}

				// The key of zeros opens all: the others are learned.
				r := trace.Verify(rec.Recording(), &trace.VerifyConfig{DefaultKeys: true})
				if r.Verdict != trace.Verified || r.Authentications != 3 || r.MACs+r.CRCs < 20 {
					t.Errorf("%v, %d, %d, %d: %s", r.Verdict, r.Authentications, r.MACs, r.CRCs, r.Reason())
				}
				// As a recorder records by default, the keys have to be given.
				keys := []trace.Key{{No: 1, Value: k1}, {No: 0, Value: k2}}
				r = trace.Verify(rec.Recording().Cut(), &trace.VerifyConfig{DefaultKeys: true, Keys: keys})
				want := trace.Verified
				if method := tc.method; method == key.MethodISO || method == key.MethodAES {
					want = trace.Unverifiable // the second change follows the first in one session
				}
				if r.Verdict != want || r.Authentications != 3 || r.MACs+r.CRCs < 15 || len(r.Cut) == 0 {
					t.Errorf("cut: %v, %d, %d, %d, %v: %s", r.Verdict, r.Authentications, r.MACs, r.CRCs, r.Cut, r.Reason())
				}
				if r := trace.Verify(rec.Recording(), nil); r.Verdict != trace.Unverifiable {
					t.Errorf("without keys: %v", r.Verdict)
				}
			})
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
