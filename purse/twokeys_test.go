package purse_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var gateKey = func() key.Key {
	k, err := key.NewAES([]byte("fedcba9876543210"), 3)
	if err != nil {
		panic(err)
	}
	return k
}()

// newTwoKeys is a bench whose key 2 debits and names the reader, and whose key 1, that
// of the purse, credits as well. receipt is the key that reads the counter.
func newTwoKeys(t testing.TB, g wire.Generation, receipt wire.Access, slot bool) *bench {
	t.Helper()
	ctx := context.Background()
	b := newBench(t, g, false, slot, false)
	card := b.connect(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	zero := key.Zero(key.TypeAES)
	must(card.SelectApplication(ctx, b.conf.Place.AID))
	must(card.Authenticate(ctx, 0, zero))
	must(card.ChangeKey(ctx, 2, gateKey, zero))
	rights := wire.AccessRights{Read: 2, Write: 2, ReadWrite: 1, Change: 0}
	must(card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: valueNo, Option: wire.OptionFull, Access: rights}))
	b.conf.Values[0].Settings.Access = rights
	if slot {
		must(card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: slotNo, Option: wire.OptionFull, Access: rights}))
		b.conf.Slot.Settings.Access = rights
	}
	rights = wire.AccessRights{Read: receipt, Write: wire.Never, ReadWrite: 2, Change: 0}
	must(card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: tmacNo, Option: wire.OptionFull, Access: rights, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(testKey.(key.Exporter).Export()), KeyVersion: 7}))
	fs, err := card.FileSettings(ctx, tmacNo)
	must(err)
	no := wire.KeyNo(2)
	b.conf.TMAC, b.conf.Others = &purse.TMAC{File: purse.File{No: tmacNo, Settings: fs.Clone()}, NamesReader: true, Reader: &no}, purse.OthersAny
	b.conf.Keys = withKey(b.conf.Keys, keystore.Ref{Place: b.conf.Place, Key: keystore.Number(2)}, gateKey)
	return b
}

// eachTwoKeys is every way in which two keys share a card.
func eachTwoKeys(t *testing.T, do func(t *testing.T, b *bench)) {
	for _, g := range []wire.Generation{wire.EV2, wire.EV3} {
		for _, receipt := range []wire.Access{1, 2, wire.Never} { // or whoever names
			for _, slot := range []bool{false, true} {
				t.Run(fmt.Sprintf("%v, counter read by %v, slot %v", g, receipt, slot), func(t *testing.T) { do(t, newTwoKeys(t, g, receipt, slot)) })
			}
		}
	}
}

// A credit whose reader another key names takes two exchanges more in a new session,
// and its transaction MAC covers the name.
func TestTwoKeys(t *testing.T) {
	ctx := context.Background()
	eachTwoKeys(t, func(t *testing.T, b *bench) {
		p := b.open(t)
		card := b.connect(t)
		slot := 0
		if b.conf.Slot != nil {
			slot = 1
		}
		one := 4 + 5 + 2*slot // what it takes with one key: see TestDebitExchanges
		for i, want := range []int{one + 2, 3 + slot + 4, 3 + slot + 4} {
			before := b.picc.Exchanges()
			r, err := p.Credit(ctx, card, purse.Request{ID: fmt.Sprint(i), Amount: 10})
			if err != nil {
				t.Fatal(err)
			}
			e := &r.Entry
			if n := b.picc.Exchanges() - before; n != want || b.value(t) != int32(510+10*i) {
				t.Errorf("credit %d: %d exchanges, want %d; value %d", i, n, want, b.value(t))
			}
			if *e.KeyNo != 1 || *e.ReaderKeyNo != 2 || e.Key.Version != 7 || !e.NamesReader || !e.BeginFence || len(e.EncTMRI) != 16 || r.Rule() != purse.RuleCommit || !e.Outcome().RelayExcluded {
				t.Errorf("credit %d: %+v", i, e)
			}
			if o := e.Outcome(); int(*o.Evidence.TMC) != i+1 {
				t.Errorf("credit %d is transaction %d", i, *o.Evidence.TMC)
			}
		}
		// The commit is not heard: the transaction MAC tells, with the same input.
		e := b.lost(t, p, "lost", true)
		before := b.picc.Exchanges()
		r, err := p.Settle(ctx, b.connect(t))
		n := b.picc.Exchanges() - before
		if err != nil || r.Entry.ID != e.ID || r.Decision() != purse.Happened || r.Rule() != purse.RuleTMV && r.Rule() != purse.RuleSlot || len(r.Entry.Outcome().Alarms) > 0 {
			t.Fatalf("%v %+v", err, r)
		}
		// selection, both keys, UID, counter, name, abort, value, slot
		if want := 1 + 4 + 1 + 1 + 1 + 1 + 1 + slot + connected; n != want {
			t.Errorf("settled in %d exchanges, want %d", n, want)
		}
		e = b.lost(t, p, "never", false)
		if r, err = p.Settle(ctx, b.connect(t)); err != nil || r.Entry.ID != e.ID || r.Decision() != purse.DidNot {
			t.Fatalf("%v %+v", err, r)
		}
		report, err := purse.ReportOf(ctx, b.conf.Journal, "top", purse.At(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		books, err := purse.Reconcile(ctx, &purse.Centre{Keys: b.conf.Keys}, []purse.Report{*report})
		if err != nil || len(books.Cards) != 1 || len(books.Cards[0].Alarms) > 0 {
			t.Errorf("at the centre: %v %+v", err, books)
		}
	})
}

// connected is what desfire.Connect takes.
const connected = 3

// A gate with the one key and a terminal with both share a card.
func TestTwoKeysAndAGate(t *testing.T) {
	ctx := context.Background()
	eachTwoKeys(t, func(t *testing.T, b *bench) {
		top := b.open(t)
		gate := b.conf
		gate.KeyNo, gate.Journal = 2, purse.Memory(nil)
		if gate.Slot != nil {
			slot := *gate.Slot
			slot.Number = 2
			gate.Slot = &slot
		}
		g, err := purse.Open(gate)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Credit(ctx, b.connect(t), purse.Request{Amount: 1}); !errors.As(err, new(*purse.RequestError)) {
			t.Errorf("a credit by the gate: %v", err)
		}
		if r, err := g.Debit(ctx, b.connect(t), purse.Request{Amount: 30}); err != nil || r.Entry.ReaderKeyNo != nil || *r.Entry.KeyNo != 2 {
			t.Fatalf("%v %+v", err, r)
		}
		if _, err := top.Credit(ctx, b.connect(t), purse.Request{Amount: 100}); err != nil || b.value(t) != 570 {
			t.Fatalf("%v, value %d", err, b.value(t))
		}
	})
}

// Where the change of keys fails, and where the card holds too much, nothing was
// begun, and what pends is dropped.
func TestTwoKeysRefused(t *testing.T) {
	ctx := context.Background()
	eachTwoKeys(t, func(t *testing.T, b *bench) {
		p := b.open(t)
		if _, err := p.Credit(ctx, b.connect(t), purse.Request{Amount: 501}); !errors.As(err, new(*purse.LimitError)) {
			t.Errorf("more than it holds: %v", err)
		}
		if b.picc.Truth().Pending {
			t.Error("a name pends")
		}
		for what, edit := range map[string]func(keystore.Map){
			"another key": func(m keystore.Map) {
				m[keystore.Ref{Place: b.conf.Place, Key: keystore.Number(1)}] = keystore.Given{Key: gateKey}
			},
			"another reader key": func(m keystore.Map) {
				m[keystore.Ref{Place: b.conf.Place, Key: keystore.Number(2)}] = keystore.Given{Key: testKey}
			},
			"no reader key": func(m keystore.Map) { delete(m, keystore.Ref{Place: b.conf.Place, Key: keystore.Number(2)}) },
		} {
			c := b.conf
			m := withKey(c.Keys, keystore.Ref{}, key.Zero(key.TypeDES))
			edit(m)
			c.Keys = m
			q, err := purse.Open(c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := q.Credit(ctx, b.connect(t), purse.Request{Amount: 1}); err == nil || errors.As(err, new(*purse.InDoubtError)) {
				t.Errorf("%s: %v", what, err)
			}
		}
		for e := range b.conf.Journal.Entries(ctx) {
			t.Errorf("it was begun: %+v", e)
		}
		if _, err := p.Credit(ctx, b.connect(t), purse.Request{Amount: 1}); err != nil || b.value(t) != 501 {
			t.Errorf("%v, value %d", err, b.value(t))
		}
	})
}

// Every frame lost, each way: in the end it was made once.
func TestTwoKeysTorn(t *testing.T) {
	ctx := context.Background()
	for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer, sim.CutAnswer, sim.FlipAnswerBit, sim.FailWrite} {
		for _, receipt := range []wire.Access{1, 2} {
			for at := 1; at <= 16; at++ {
				b := newTwoKeys(t, wire.EV3, receipt, true)
				p := b.open(t)
				card := b.connect(t)
				b.picc.Inject(sim.Fault{Exchange: at, Kind: kind, Bit: 3})
				r, err := p.Credit(ctx, card, purse.Request{ID: "x", Amount: 10})
				b.picc.ClearFaults()
				if err != nil {
					r, err = p.Credit(ctx, b.connect(t), purse.Request{ID: "x", Amount: 10})
				}
				if err != nil || r.Decision() != purse.Happened || b.value(t) != 510 {
					t.Errorf("%v at %d, counter read by key %d: %v, value %d", kind, at, receipt, err, b.value(t))
				}
			}
		}
	}
}

// Two keys are told apart in what is found on a card, and in what is written down.
func TestTwoKeysDiscovered(t *testing.T) {
	eachTwoKeys(t, func(t *testing.T, b *bench) {
		d := &purse.Discovery{Place: b.conf.Place, File: valueNo, Keys: b.conf.Keys, KeyNo: 1, Journal: purse.Memory(nil)}
		if b.conf.Slot != nil {
			no := slotNo
			d.Slot = &no
		}
		c, err := d.Config(context.Background(), b.connect(t))
		if err != nil || c.TMAC == nil || !c.TMAC.NamesReader || c.TMAC.Reader == nil || *c.TMAC.Reader != 2 {
			t.Fatalf("%v %+v", err, c)
		}
		l, err := purse.LayoutOf(c)
		if err != nil {
			t.Fatal(err)
		}
		read, err := l.Config()
		if err != nil || !reflect.DeepEqual(read.TMAC, c.TMAC) {
			t.Errorf("%v %+v", err, read.TMAC)
		}
		*read.TMAC.Reader = 9
		if *c.TMAC.Reader != 2 || *l.TMAC.Reader != 2 {
			t.Error("layout and configuration share memory")
		}
		d.KeyNo = 2
		if c, err = d.Config(context.Background(), b.connect(t)); err != nil || c.TMAC.Reader != nil {
			t.Errorf("one key: %v %+v", err, c.TMAC)
		}
	})
}

// An entry of two keys needs a session that ties them.
func TestTwoKeysEntry(t *testing.T) {
	b := newTwoKeys(t, wire.EV3, 2, false)
	e := b.lost(t, b.open(t), "x", true)
	e.Outcomes = nil
	if err := e.CheckBegin(); err != nil {
		t.Fatal(err)
	}
	e.Scheme = "EV1"
	if err := e.CheckBegin(); err == nil || !strings.Contains(err.Error(), "key 2") {
		t.Errorf("an EV1 session: %v", err)
	}
}

// Under policy accidents nothing names a reader in a settlement, and the key that
// reads the counter still does.
func TestTwoKeysAccidents(t *testing.T) {
	ctx := context.Background()
	eachTwoKeys(t, func(t *testing.T, b *bench) {
		b.conf.Policy = purse.Accidents
		p := b.open(t)
		e := b.lost(t, p, "x", false)
		r, err := p.Settle(ctx, b.connect(t))
		if err != nil || r.Entry.ID != e.ID || r.Decision() != purse.DidNot || len(r.Entry.Progress.Settlements) != 0 {
			t.Errorf("%v %+v", err, r)
		}
		if _, err := p.Credit(ctx, b.connect(t), purse.Request{Amount: 1}); err != nil || b.value(t) != 501 {
			t.Errorf("%v, value %d", err, b.value(t))
		}
		if v, err := p.Look(ctx, b.connect(t)); err != nil || *v.TMC != 1 || v.Values[0].Value != 501 {
			t.Errorf("%v %+v", err, v)
		}
	})
}
