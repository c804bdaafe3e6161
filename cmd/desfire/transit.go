package main

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// The transit card that demo and sim new --transit make. Application and file
// are those of the seed's example.
const (
	transitApp    wire.AID    = 0x121314
	transitCard   wire.FileNo = 0 // who issued it
	transitPurse  wire.FileNo = 1 // credit in trips
	transitTrips  wire.FileNo = 2 // the last trips
	memberApp     wire.AID    = 0x5A5A01
	memberFile    wire.FileNo = 0
	transitCredit             = 25
	transitHelp               = "application 121314 with a purse in value file 1"
)

// makeTransit puts the transit applications on a card that is fresh. Everything
// is free: no key is needed.
func (a *app) makeTransit(ctx context.Context, c *sim.Card, credit int32) error {
	card, err := desfire.Connect(ctx, c.Present(), &desfire.Config{Logger: a.log})
	if err != nil {
		return err
	}
	defer card.Close()
	if !card.Generation().Has(wire.FeatureApplications) {
		return withCode(exitImpossible, fmt.Errorf("%s has fixed files: a transit application needs d40, ev1, ev2 or ev3", productOf(c)))
	}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
	readable := wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}
	b := builder{ctx: ctx, card: card}
	b.application(transitApp, 2)
	b.file(&wire.CreateStdDataFile{File: transitCard, Access: free, Size: 32})
	b.file(&wire.CreateValueFile{File: transitPurse, Access: free, Upper: 1000, Value: credit, Flags: wire.ValueLimitedCredit})
	b.file(&wire.CreateCyclicRecordFile{File: transitTrips, Access: free, RecordSize: 16, MaxRecords: 6})
	b.do(func() error { return card.WriteData(ctx, transitCard, 0, []byte("City Transit, adult")) })
	b.do(func() error {
		_, err := card.Transact(ctx, func() error { return card.WriteRecord(ctx, transitTrips, 0, []byte("issued")) })
		return err
	})
	b.application(memberApp, 1)
	b.file(&wire.CreateBackupDataFile{File: memberFile, Access: readable, Size: 16})
	return b.err
}

// builder makes applications and files until something fails.
type builder struct {
	ctx  context.Context
	card *desfire.Card
	err  error
}

func (b *builder) do(f func() error) {
	if b.err == nil {
		b.err = f()
	}
}

func (b *builder) application(aid wire.AID, keys int) {
	b.do(func() error { return b.card.SelectApplication(b.ctx, wire.PICC) })
	b.do(func() error {
		return b.card.CreateApplication(b.ctx, &wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, keys)})
	})
	b.do(func() error { return b.card.SelectApplication(b.ctx, aid) })
}

func (b *builder) file(cmd wire.FileCreation) {
	b.do(func() error { return b.card.CreateFile(b.ctx, cmd) })
}
