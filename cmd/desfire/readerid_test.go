package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Where the transaction MAC file wants it, every transaction names the reader.
func TestReaderID(t *testing.T) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	image := filepath.Join(t.TempDir(), "card.json")
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, Store: sim.File(image)})
	must(err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(err)
	rights := wire.AccessRightsFromUint16(0x1110)
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: 0xA1, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}))
	must(card.SelectApplication(ctx, 0xA1))
	must(card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	must(card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Option: wire.OptionFull, Access: rights, Upper: 100, Value: 50}))
	must(card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 2, Option: wire.OptionFull, Access: rights, Size: 8}))
	must(card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: 15, Access: wire.AccessRightsFromUint16(0x1F10), KeyOption: wire.TMKeyAES, Key: wire.NewSecret(make([]byte, wire.TMKeySize))}))
	must(card.Close())
	must(picc.Close())
	for _, args := range [][]string{
		{"value", "debit", "0000A1", "1", "5"},
		{"value", "credit", "0000A1", "1", "2"},
		{"write", "0000A1", "2", "--text", "hello"},
		{"drain", "0000A1", "1", "--amount", "30", "--every", "0s"},
	} {
		args = append(args, "--reader", "sim:"+image, "--key", "aes:00000000000000000000000000000000", "--auth", "1")
		want := exitRight // the value tells that nothing was done
		if args[0] == "write" {
			want = exitUnknown
		}
		if code, out, errs := tool(args...); code != want || args[0] != "drain" && !strings.Contains(errs, "--reader-id names it") {
			t.Errorf("without a reader: %v: code %d, %s%s", args, code, out, errs)
		}
		code, out, errs := tool(append(args, "--reader-id", "00112233445566778899AABBCCDDEEFF")...)
		if code != exitDone {
			t.Errorf("%v: code %d, %s%s", args, code, out, errs)
		}
	}
	code, out, errs := tool("value", "get", "0000A1", "1", "--reader", "sim:"+image, "--key", "aes:00000000000000000000000000000000", "--auth", "1")
	if code != exitDone || strings.TrimSpace(out) != "17" {
		t.Errorf("code %d, %s%s", code, out, errs)
	}
}
