package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

const (
	farebox desfire.AID    = 0x121314
	purse   desfire.FileNo = 1
)

// fataler is what the helpers need of a test, a benchmark or an example.
type fataler interface {
	Helper()
	Fatal(args ...any)
}

type exampleFatal struct{}

func (exampleFatal) Helper()           {}
func (exampleFatal) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// transitCard is a simulated card with a purse that is free to all.
func transitCard(t fataler, g desfire.Generation, credit int32) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: farebox, KS1: 0x0F, KS2: 1}),
		card.SelectApplication(ctx, farebox),
		card.CreateFile(ctx, &wire.CreateValueFile{File: purse, Access: wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Never}, Upper: 1000, Value: credit}),
		card.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return picc
}

func connect(t fataler, picc *sim.Card) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(context.Background(), picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// One debit: what it reports and what the card holds afterwards agree, wherever
// the card leaves the field.
func TestTearingADebit(t *testing.T) {
	ctx := context.Background()
	for _, g := range []desfire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3} {
		for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter} {
			for at := 1; at <= 4; at++ {
				t.Run(fmt.Sprintf("%v %v %d", g, kind, at), func(t *testing.T) {
					picc := transitCard(t, g, 10)
					card := connect(t, picc)
					picc.Inject(sim.Fault{Exchange: at, Kind: kind})
					err := debitOnce(ctx, card)
					var unknown *desfire.OutcomeUnknownError
					if got, want := errors.As(err, &unknown), at == 4; got != want {
						t.Errorf("unknown is %v: %v", got, err)
					}
					if !errors.As(err, &unknown) && !desfire.SafeToRetry(err) {
						t.Errorf("not safe to retry: %v", err)
					}
					picc.Return()
					card = connect(t, picc)
					if err := card.SelectApplication(ctx, farebox); err != nil {
						t.Fatal(err)
					}
					want := int32(10)
					if at == 4 && kind == sim.LosePowerAfter {
						want = 9 // the commit was done, its answer lost
					}
					if v, err := card.Value(ctx, purse); err != nil || v != want {
						t.Errorf("the card holds %d, want %d, %v", v, want, err)
					}
				})
			}
		}
	}
}

func debitOnce(ctx context.Context, card *desfire.Card) error {
	if err := card.SelectApplication(ctx, farebox); err != nil {
		return err
	}
	if _, err := card.Value(ctx, purse); err != nil {
		return err
	}
	_, err := card.Transact(ctx, func() error { return card.Debit(ctx, purse, 1) })
	return err
}

func BenchmarkGetValueSimulated(b *testing.B) {
	ctx := context.Background()
	card := connect(b, transitCard(b, wire.EV1, 10))
	if err := card.SelectApplication(ctx, farebox); err != nil {
		b.Fatal(err)
	}
	cmd, rsp := &wire.GetValue{File: purse}, new(wire.Value)
	b.ReportAllocs()
	for b.Loop() {
		if err := card.Run(ctx, cmd, rsp); err != nil {
			b.Fatal(err)
		}
	}
}
