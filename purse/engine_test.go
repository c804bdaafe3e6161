package purse_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// bench is a simulated card with a purse of every kind of receipt.
type bench struct {
	picc *sim.Card
	conf purse.Config
}

const (
	valueNo  wire.FileNo = 1
	tmacNo   wire.FileNo = 2
	slotNo   wire.FileNo = 3
	recordNo wire.FileNo = 4
)

var testKey = func() key.Key {
	k, err := key.NewAES([]byte("0123456789abcdef"), 7)
	if err != nil {
		panic(err)
	}
	return k
}()

// newBench makes a card that holds 500, and a purse with some receipts.
func newBench(t testing.TB, g wire.Generation, tmac, slot, record bool) *bench {
	t.Helper()
	return newBenchOf(t, g, []byte{4, 0x11, 2, 3, 4, 5, 6}, tmac, slot, record)
}

func newBenchOf(t testing.TB, g wire.Generation, uid []byte, tmac, slot, record bool) *bench {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: g, UID: uid})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	app := wire.Place{AID: 0xF48121}
	access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: app.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3)}))
	must(card.SelectApplication(ctx, app.AID))
	must(card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	must(card.ChangeKey(ctx, 1, testKey, key.Zero(key.TypeAES)))
	b := &bench{picc: picc, conf: purse.Config{
		Place: app, Generation: g, KeyNo: 1, Others: purse.OthersNothing, Terminal: "gate 1",
		Keys: keystore.Map{
			{Place: app, Key: keystore.Number(1)}:               {Key: testKey},
			{Place: app, Key: keystore.RoleTransactionMAC.ID()}: {Key: testKey},
		},
		Journal: purse.Memory(nil),
	}}
	file := func(no wire.FileNo) purse.File {
		fs, err := card.FileSettings(ctx, no)
		must(err)
		return purse.File{No: no, Settings: *fs}
	}
	must(card.CreateFile(ctx, &wire.CreateValueFile{File: valueNo, Option: wire.OptionFull, Access: access, Upper: 1000, Value: 500}))
	b.conf.Values = []purse.File{file(valueNo)}
	if slot {
		must(card.CreateFile(ctx, &wire.CreateBackupDataFile{File: slotNo, Option: wire.OptionFull, Access: access, Size: 64}))
		b.conf.Slot = &purse.Slot{File: file(slotNo), Number: 1}
	}
	if record {
		must(card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: recordNo, Option: wire.OptionFull, Access: access, RecordSize: 24, MaxRecords: 5}))
		b.conf.Record, b.conf.BeginFence = &purse.Record{File: file(recordNo)}, true
	}
	if tmac {
		access.Write, access.ReadWrite = wire.Never, 1
		must(card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: tmacNo, Option: wire.OptionFull, Access: access, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(testKey.(interface{ Export() []byte }).Export()), KeyVersion: 7}))
		b.conf.TMAC = &purse.TMAC{File: file(tmacNo), NamesReader: true}
	}
	return b
}

func (b *bench) connect(t testing.TB) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(context.Background(), b.picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

func (b *bench) value(t testing.TB) int32 {
	t.Helper()
	for _, a := range b.picc.Image().Applications {
		for _, f := range a.Files {
			if f.No == int(valueNo) {
				return f.Value.Value
			}
		}
	}
	t.Fatal("no value file")
	return 0
}

// Exactly as many exchanges as it takes, and the same ID once.
func TestDebitExchanges(t *testing.T) {
	ctx := context.Background()
	for _, x := range []struct {
		name               string
		g                  wire.Generation
		tmac, slot, record bool
		first, next        int // after selection, authentication and GetCardUID
	}{
		{"value", wire.EV1, false, false, false, 3, 2},
		{"value", wire.EV3, false, false, false, 3, 2},
		{"slot", wire.EV1, false, true, false, 5, 3},
		{"slot", wire.EV3, false, true, false, 5, 3},
		{"TMAC", wire.EV2, true, false, false, 5, 3},
		{"TMAC, slot", wire.EV3, true, true, false, 7, 4},
	} {
		t.Run(x.name+" "+x.g.String(), func(t *testing.T) {
			b := newBench(t, x.g, x.tmac, x.slot, x.record)
			p, err := purse.Open(b.conf)
			if err != nil {
				t.Fatal(err)
			}
			card := b.connect(t)
			for i, want := range []int{x.first + 4, x.next, x.next} {
				before := b.picc.Exchanges()
				r, err := p.Debit(ctx, card, purse.Request{ID: string(rune('a' + i)), Amount: 10})
				if err != nil {
					t.Fatal(err)
				}
				if n := b.picc.Exchanges() - before; n != want || b.value(t) != int32(490-10*i) {
					t.Errorf("debit %d: %d exchanges, want %d; value %d; %+v", i, n, want, b.value(t), r.Entry)
				}
				again, err := p.Debit(ctx, card, purse.Request{ID: string(rune('a' + i)), Amount: 10})
				if err != nil || !again.Stored || again.Entry.ID != r.Entry.ID || b.value(t) != int32(490-10*i) {
					t.Errorf("again: %v %+v", err, again)
				}
			}
			if _, err := p.Debit(ctx, card, purse.Request{ID: "a", Amount: 11}); !errors.As(err, new(*purse.FingerprintError)) {
				t.Errorf("another amount: %v", err)
			}
		})
	}
}

// Every frame of a debit lost, each way: in the end it was made once, or not, as is said.
func TestDebitTorn(t *testing.T) {
	ctx := context.Background()
	for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer, sim.CutAnswer, sim.FlipAnswerBit, sim.FailWrite} {
		for _, x := range []struct{ tmac, slot, record bool }{{}, {tmac: true}, {slot: true}, {record: true}, {true, true, true}} {
			for at := 1; at < 14; at++ {
				b := newBench(t, wire.EV3, x.tmac, x.slot, x.record)
				p, err := purse.Open(b.conf)
				if err != nil {
					t.Fatal(err)
				}
				card := b.connect(t)
				b.picc.Inject(sim.Fault{Exchange: at, Kind: kind, Bit: 3})
				r, err := p.Debit(ctx, card, purse.Request{ID: "x", Amount: 10})
				b.picc.ClearFaults()
				if err != nil {
					r, err = p.Debit(ctx, b.connect(t), purse.Request{ID: "x", Amount: 10})
				}
				if err != nil || r.Decision() != purse.Happened || b.value(t) != 490 {
					t.Errorf("%v at %d, %+v: %v, value %d", kind, at, x, err, b.value(t))
				}
			}
		}
	}
}
