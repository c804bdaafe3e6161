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

// DESFire Light and NTAG 424 DNA: one application, selected by name, AES keys,
// EV2 secure messaging, and LRP once it is switched on for ever.
func TestFixedCards(t *testing.T) {
	lightName := []byte{0xA0, 0, 0, 3, 0x96, 0x56, 0x43, 0x41, 3, 0xF0, 0x15, 0x40, 0, 0, 0, 0x0B}
	for _, tc := range []struct {
		g    desfire.Generation
		name []byte
		data desfire.FileNo // a file that key 3 reads and writes
		size int
	}{
		{wire.Light, lightName, 4, 256},
		{wire.NTAG424, wire.NDEFName[:], 3, 128},
	} {
		for _, lrp := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v lrp %v", tc.g, lrp), func(t *testing.T) {
				ctx := context.Background()
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				picc, err := sim.New(&sim.Config{Generation: tc.g})
				must(err)
				card := connect(t, picc)
				if card.Generation() != tc.g {
					t.Fatalf("generation %v", card.Generation())
				}
				if err := card.SelectApplication(ctx, 1); !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, wire.StatusIllegalCommand) {
					t.Errorf("SelectApplication: %v", err)
				}
				sel := &wire.ISOSelect{By: wire.SelectByName, Name: tc.name, P2: wire.SelectNoData}
				_, err = desfire.Do(ctx, card, sel)
				must(err)
				zero := key.Zero(key.TypeAES)
				must(card.Authenticate(ctx, 0, zero))
				if s, _ := card.Session(); s.Method != key.MethodEV2First {
					t.Errorf("method %v before LRP is on", s.Method)
				}
				if lrp {
					must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0}}))
					if _, ok := card.Session(); ok {
						t.Error("the session survives switching LRP on")
					}
					must(card.Authenticate(ctx, 0, zero))
					if s, _ := card.Session(); s.Scheme != wire.SchemeLRP {
						t.Errorf("scheme %v", s.Scheme)
					}
				}
				uid, err := card.CardUID(ctx)
				must(err)
				if !bytes.Equal(uid, picc.UID()) {
					t.Errorf("UID %X", uid)
				}
				_, err = card.FileSettings(ctx, tc.data)
				must(err)
				must(card.Authenticate(ctx, 3, zero))
				data := make([]byte, tc.size)
				for i := range data {
					data[i] = byte(3 * i)
				}
				must(card.WriteData(ctx, tc.data, 0, data))
				for _, n := range []uint32{1, 15, 16, 100, uint32(tc.size), 0} {
					got, err := card.ReadData(ctx, tc.data, 0, n)
					must(err)
					if n == 0 {
						n = uint32(tc.size)
					}
					if !bytes.Equal(got, data[:n]) {
						t.Errorf("%d bytes differ", n)
					}
				}
				first := key.MethodEV2NonFirst
				if lrp {
					first = key.MethodLRPNonFirst
				}
				before, _ := card.Session()
				must(card.AuthenticateWith(ctx, first, 0, zero))
				if after, _ := card.Session(); after.TI != before.TI || after.Counter != before.Counter {
					t.Errorf("NonFirst: TI %X counter %d, before %X %d", after.TI, after.Counter, before.TI, before.Counter)
				}
				// Two keys in a row, then the own one, which ends the session.
				must(card.ChangeKey(ctx, 1, newKey(t, key.TypeAES, 1), zero))
				must(card.ChangeKey(ctx, 2, newKey(t, key.TypeAES, 2), zero))
				must(card.ChangeKey(ctx, 0, newKey(t, key.TypeAES, 3), nil))
				if _, ok := card.Session(); ok {
					t.Error("the session survives the change of its key")
				}
				must(card.Authenticate(ctx, 0, newKey(t, key.TypeAES, 3)))
			})
		}
	}
}

// A value that the settings give away is read in a session of any key, in plain.
func TestFreeValueInASession(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.Light})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	if err := errors.Join(card.Select(ctx, desfire.Place{Fixed: true}), card.Authenticate(ctx, 0, key.Zero(key.TypeAES))); err != nil {
		t.Fatal(err)
	}
	fs, err := card.FileSettings(ctx, 3)
	if err != nil || !fs.Flags.Has(wire.ValueFreeGet) || fs.Access.Read == 0 || fs.Access.Read == wire.Free {
		t.Fatalf("%+v, %v", fs, err)
	}
	if v, err := card.Value(ctx, 3); err != nil || v != 0 {
		t.Errorf("%d, %v", v, err)
	}
	var no *desfire.NoRightError
	if err := card.Debit(ctx, 3, 1); !errors.As(err, &no) {
		t.Errorf("a debit without the right: %v", err)
	}
}
