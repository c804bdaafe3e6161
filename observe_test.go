package desfire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func TestObserveSeesNoKeys(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	commands := 0
	card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Observe: func(x *desfire.Exchange) {
		commands++
		text, err := json.Marshal(x.Command)
		if err != nil {
			t.Error(err)
		}
		fmt.Fprintf(&seen, "%s %s %+v\n", x.Command.Spec().Name, text, x.Response)
	}})
	if err != nil {
		t.Fatal(err)
	}
	secret := newKey(t, key.TypeAES, 0x55)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	zero := key.Zero(key.TypeAES)
	must(card.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
	setting := &wire.DefaultKey{Version: 9}
	setting.Key = wire.NewSecret(append(secret.Export(), make([]byte, 8)...))
	must(card.SetConfiguration(ctx, setting))
	must(card.SelectApplication(ctx, wire.PICC))
	setting.Key = wire.NewSecret(make([]byte, 24))
	must(card.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
	must(card.SetConfiguration(ctx, setting))
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 2)}))
	must(card.SelectApplication(ctx, testApp))
	must(card.Authenticate(ctx, 0, zero))
	tm := &wire.CreateTransactionMACFile{File: 15, Access: wire.AccessRights{Read: 0, Write: wire.Never, ReadWrite: wire.Never, Change: 0}, KeyOption: wire.TMKeyAES}
	tm.Key = wire.NewSecret(secret.Export())
	must(card.CreateFile(ctx, tm))
	must(card.ChangeKey(ctx, 1, secret, zero))
	if commands < 8 {
		t.Errorf("only %d commands seen", commands)
	}
	list := strings.Trim(fmt.Sprint(secret.Export()[:8]), "[]")
	for _, form := range []string{fmt.Sprintf("%X", secret.Export()), fmt.Sprintf("%x", secret.Export()), list, strings.ReplaceAll(list, " ", ",")} {
		if strings.Contains(seen.String(), form) {
			t.Errorf("an observer sees the key:\n%s", seen.String())
		}
	}
}
