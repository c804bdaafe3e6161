package agent

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// A gate far away pays with three messages: selection and authentication take two, debit
// and commit one.
func TestRoundTrips(t *testing.T) {
	r := simulated(t, "r")
	w := newWorld(t, r, nil)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	card, err := desfire.Connect(ctx, w.card("r"), nil)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	rights := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1}
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(key.TypeAES.Wire(), 2)}))
	must(card.SelectApplication(ctx, testApp))
	must(card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Option: wire.FileOption(wire.CommFull), Access: rights, Upper: 100, Value: 100}))
	k, err := key.New(key.TypeAES, make([]byte, 16), 0)
	must(err)

	th := newThief(w)
	value := desfire.Cmd(&wire.GetValue{File: 1})
	must(card.Enter(ctx, desfire.Place{AID: testApp}, 1, k))
	must(card.Sequence(ctx, desfire.Cmd(&wire.Debit{File: 1, Amount: 7}), desfire.Cmd(&wire.CommitTransaction{})))
	must(w.far.Flush())
	must(th.conn.Flush())
	n := 0
	for len(th.heard) > 0 {
		if m := <-th.heard; m.Subject == subjects.Transmit("gate7", "r") { // the lease is renewed when it is time for that
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d messages, want 3", n)
	}
	must(card.Sequence(ctx, value))
	if value.Response.Value != 93 {
		t.Errorf("value %d", value.Response.Value)
	}
}
