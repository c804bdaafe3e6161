package sim_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// purse is a card with 100 in value file 1 of an application, and a reader that
// has selected it, with what present puts between them.
func purse(ctx context.Context, present func(*sim.Card) *sim.Air) (*desfire.Card, *sim.Card) {
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		panic(err)
	}
	const app = 0xF48121
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	maker, err := desfire.Connect(ctx, picc.Present(), nil)
	if err == nil {
		err = errors.Join(
			maker.CreateApplication(ctx, &wire.CreateApplication{AID: app, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
			maker.SelectApplication(ctx, app),
			maker.CreateFile(ctx, &wire.CreateValueFile{File: 1, Access: free, Upper: 1000, Value: 100}),
		)
	}
	if err != nil {
		panic(err)
	}
	card, err := desfire.Connect(ctx, present(picc), nil)
	if err == nil {
		err = card.SelectApplication(ctx, app)
	}
	if err != nil {
		panic(err)
	}
	return card, picc
}

// The answer to the first commit is lost: the program must not take that for a
// failure.
func ExampleFaults() {
	ctx := context.Background()
	faults, err := sim.ParseFaults("lose-answer@CommitTransaction#1")
	if err != nil {
		panic(err)
	}
	card, picc := purse(ctx, faults.Present)
	_, err = card.Transact(ctx, func() error { return card.Debit(ctx, 1, 5) })
	fmt.Println("unknown:", errors.As(err, new(*desfire.OutcomeUnknownError)))
	fmt.Println("in the card:", picc.Image().Applications[0].Files[0].Value.Value)
	fmt.Println(faults.Counts())
	// Output:
	// unknown: true
	// in the card: 95
	// [{lose-answer@C7#1 1}]
}

// A relay says that the commit was done, and keeps it.
func ExampleRelay() {
	ctx := context.Background()
	relay := &sim.Relay{Meet: func(_ context.Context, x *sim.Exchange) ([]byte, error) {
		if x.INS == 0xC7 {
			x.Hold()
			return x.Forge(wire.StatusOK), nil
		}
		return x.Pass()
	}}
	var air *sim.Air
	card, picc := purse(ctx, func(c *sim.Card) *sim.Air {
		air = relay.Present(c)
		return air
	})
	value := func() int32 { return picc.Image().Applications[0].Files[0].Value.Value }
	_, err := card.Transact(ctx, func() error { return card.Debit(ctx, 1, 5) })
	fmt.Println(err, value()) // without a session nobody can tell
	air.Deliver(ctx)
	fmt.Println(value())
	// Output:
	// <nil> 100
	// 95
}
