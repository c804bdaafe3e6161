package bench_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// receipts are what a purse puts beside a debit.
type receipts struct {
	name       string
	tmac, slot bool
}

var receiptsOf = []receipts{{name: "value alone"}, {name: "slot", slot: true}, {name: "transaction MAC", tmac: true}, {name: "transaction MAC and slot", tmac: true, slot: true}}

// made is a card that holds much, and how its purse is configured but for the journal.
func (r receipts) made(t testing.TB) (*sim.Card, purse.Config) {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	defer card.Close()
	k, err := key.NewAES(make([]byte, 16), 0)
	must(t, err)
	app := wire.Place{AID: application}
	conf := purse.Config{
		Place: app, Generation: wire.EV3, KeyNo: keyNo, Others: purse.OthersNothing, Terminal: "gate",
		Keys: keystore.Map{
			{Place: app, Key: keystore.Number(keyNo)}:           {Key: k},
			{Place: app, Key: keystore.RoleTransactionMAC.ID()}: {Key: k},
		},
	}
	must(t, card.CreateApplication(ctx, &wire.CreateApplication{AID: application, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3)}))
	must(t, card.SelectApplication(ctx, application))
	must(t, card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	create := func(no wire.FileNo, cmd wire.FileCreation) purse.File {
		must(t, card.CreateFile(ctx, cmd))
		fs, err := card.FileSettings(ctx, no)
		must(t, err)
		return purse.File{No: no, Settings: *fs}
	}
	access := wire.AccessRights{Read: keyNo, Write: keyNo, ReadWrite: keyNo, Change: 0}
	conf.Values = []purse.File{create(1, &wire.CreateValueFile{File: 1, Option: wire.OptionFull, Access: access, Upper: 1 << 30, Value: 1 << 30})}
	if r.slot {
		conf.Slot = &purse.Slot{File: create(3, &wire.CreateBackupDataFile{File: 3, Option: wire.OptionFull, Access: access, Size: 64}), Number: 1}
	}
	if r.tmac {
		access.Write = wire.Never
		f := create(2, &wire.CreateTransactionMACFile{File: 2, Option: wire.OptionFull, Access: access, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(make([]byte, 16))})
		conf.TMAC = &purse.TMAC{File: f, NamesReader: true}
	}
	return picc, conf
}

// perSession is how many debits a session has, whose counter ends.
const perSession = 4000

// purses are debits with each receipt.
func purses(t testing.TB, s size) []row {
	var lanes []*lane
	for _, r := range receiptsOf {
		picc, conf := r.made(t)
		conf.Journal = purse.Memory(nil)
		lanes = append(lanes, debits(t, r.name, picc, conf))
	}
	return s.alone("purse: a debit, with a journal in memory", lanes...)
}

// debits are those of a purse, one after the other.
func debits(t testing.TB, what string, picc *sim.Card, conf purse.Config) *lane {
	ctx := context.Background()
	p, err := purse.Open(conf)
	must(t, err)
	m, n := new(meter), 0
	var card *desfire.Card
	return &lane{what: what, meter: m, once: func() {
		if n%perSession == 0 {
			m.Transport = picc.Present()
			card, err = desfire.Connect(ctx, m, nil)
			must(t, err)
		}
		n++
		if _, err := p.Debit(ctx, card, purse.Request{ID: strconv.Itoa(n), Amount: 1}); err != nil {
			t.Fatalf("debit %d: %v", n, err)
		}
	}}
}
